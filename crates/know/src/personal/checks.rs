//! Check digits and what else a number says of itself. All take the characters as found, separators among them.

use sha2::{Digest, Sha256};

/// The digits of a text.
pub(super) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|character| character.to_digit(10)).collect()
}

/// The letters and digits of a text, upper case.
pub(super) fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_uppercase()).collect()
}

/// Digits times weights; weights that are missing count nothing.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// Cross sum of products, as the German health and pension numbers add them.
fn crossed(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).map(|sum| sum / 10 + sum % 10).sum()
}

/// ISO/IEC 7812-1 annex B.
pub(super) fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 0 { *digit } else { doubled(*digit) }).sum();
    sum.is_multiple_of(10)
}

pub(super) fn luhn_text(text: &str) -> bool {
    luhn(&digits(text))
}

/// ISO 7064 MOD 11,10: German tax and VAT numbers.
pub(super) fn mod_11_10(digits: &[u32]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == *check
}

/// ISO 7064 MOD 97-10 of letters and digits, letters as 10 to 35.
pub(super) fn mod_97(characters: impl Iterator<Item = char>) -> Option<u32> {
    let mut characters = characters;
    characters.try_fold(0_u32, |left, character| {
        let value = character.to_digit(36)?;
        Some((left * if value > 9 { 100 } else { 10 } + value) % 97)
    })
}

/// Verhoeff's dihedral check (1969): the Aadhaar and the Nigerian NIN.
pub(super) fn verhoeff(digits: &[u32]) -> bool {
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let turn = |digit: u32| [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit as usize % 10];
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (at, digit)| {
        let turned = (0..at % 8).fold(*digit, |digit, _| turn(digit));
        times(sum, turned)
    });
    sum == 0
}

/// ICAO Doc 9303 part 3: weights 7, 3, 1 over letters as 10 to 35; the last character is the check digit.
pub(super) fn icao(text: &str) -> bool {
    let values: Option<Vec<u32>> = compact(text).chars().map(|character| character.to_digit(36)).collect();
    let Some((check, body)) = values.as_deref().and_then(<[u32]>::split_last) else { return false };
    let sum: u32 = body.iter().zip([7, 3, 1].iter().cycle()).map(|(value, weight)| value * weight).sum();
    sum % 10 == *check
}

/// A day of a calendar month; 29 February only in leap years where the year is known.
pub(super) fn is_day(year: Option<u32>, month: u32, day: u32) -> bool {
    let leap =
        year.is_none_or(|year| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)));
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=length).contains(&day)
}

/// Two digits at a place as a number.
pub(super) fn pair(digits: &[u32], at: usize) -> u32 {
    digits.get(at..at + 2).map_or(0, |pair| pair[0] * 10 + pair[1])
}

/// Whether all digits are the same one.
pub(super) fn repeated(digits: &[u32]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

/// The digits with each letter as its place in the alphabet, two digits of it.
fn spelled(text: &str) -> Vec<u32> {
    let spell = |character: char| match character.to_digit(36) {
        Some(value) if value > 9 => vec![(value - 9) / 10, (value - 9) % 10],
        Some(value) => vec![value],
        None => Vec::new(),
    };
    compact(text).chars().flat_map(spell).collect()
}

/// German health insurance number (§ 290 SGB V): a letter, eight digits, a check digit.
pub(super) fn health_insurance(text: &str) -> bool {
    let digits = spelled(text);
    digits.len() == 11 && crossed(&digits[..10], &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == digits[10]
}

/// German pension insurance number (§ 147 SGB VI).
pub(super) fn pension(text: &str) -> bool {
    let digits = spelled(text);
    digits.len() == 13
        && is_day(None, pair(&digits, 4), (pair(&digits, 2) + 49) % 50 + 1)
        && crossed(&digits[..12], &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10 == digits[12]
}

/// Italian fiscal code (decree of 23 December 1976): a letter over odd and even places.
pub(super) fn fiscal_code(text: &str) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let code = compact(text);
    let values: Vec<u32> = code
        .chars()
        .filter_map(|character| character.to_digit(36))
        .map(|value| if value > 9 { value - 10 } else { value })
        .collect();
    let sum: u32 = values
        .iter()
        .take(15)
        .enumerate()
        .fold(0, |sum, (at, value)| sum + if at % 2 == 0 { ODD[*value as usize % 26] } else { *value });
    values.len() == 16 && sum % 26 == values[15]
}

/// Bitcoin addresses: Base58Check by its double SHA-256, segregated witness by BIP 173 and 350.
pub(super) fn bitcoin(text: &str) -> bool {
    if text.to_ascii_lowercase().starts_with("bc1") { bech32(text) } else { base58(text) }
}

fn base58(text: &str) -> bool {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0_u8; 25];
    for character in text.chars() {
        let Some(value) = ALPHABET.find(character) else { return false };
        let mut carry = value;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).unwrap_or_default();
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let hash = Sha256::digest(Sha256::digest(&bytes[..21]));
    hash.as_slice().starts_with(&bytes[21..])
}

fn bech32(text: &str) -> bool {
    const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let next = ((sum & 0x01ff_ffff) << 5) ^ value;
        GENERATOR.iter().enumerate().filter(|(bit, _)| (top >> bit) & 1 == 1).fold(next, |next, (_, word)| next ^ word)
    };
    let lower = text.to_ascii_lowercase();
    let Some((human, data)) = lower.rsplit_once('1') else { return false };
    let values: Option<Vec<u32>> =
        data.chars().map(|character| ALPHABET.find(character).and_then(|at| u32::try_from(at).ok())).collect();
    let high = human.bytes().map(|byte| u32::from(byte >> 5));
    let low = human.bytes().map(|byte| u32::from(byte & 31));
    values.is_some_and(|values| {
        let sum = high.chain([0]).chain(low).chain(values).fold(1, step);
        sum == 1 || sum == 0x2bc8_30a3
    })
}
