//! PostgreSQL's binary `numeric`: groups of four decimal digits, exact both ways.

use crate::connectors::gather::{Refusal, not_a};
use crate::schema::DataType;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
/// Most groups a 38-digit number can take, whatever its scale.
const MOST_GROUPS: usize = 11;

struct Numeric<'a> {
    /// The power of 10,000 of the first group.
    weight: i32,
    sign: u16,
    /// Digits shown behind the point.
    shown: u16,
    groups: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn split(bytes: &[u8]) -> Option<Numeric<'_>> {
    let count = usize::from(word(bytes, 0)?);
    let weight = i32::from(i16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    let (sign, shown) = (word(bytes, 4)?, word(bytes, 6)?);
    let groups = bytes.get(8..8 + 2 * count)?;
    Some(Numeric { weight, sign, shown, groups })
}

impl Numeric<'_> {
    fn digits(&self) -> impl Iterator<Item = (i32, i128)> {
        let weights = (0..).map(|at: i32| self.weight - at);
        weights.zip(self.groups.chunks_exact(2).map(|pair| i128::from(u16::from_be_bytes([pair[0], pair[1]]))))
    }

    /// In units of the last of `scale` digits behind the point; nothing when that is not exact or too large.
    fn unscaled(&self, scale: i32) -> Option<i128> {
        let mut sum: i128 = 0;
        for (weight, group) in self.digits().filter(|(_, group)| *group != 0) {
            let power = 4 * weight + scale;
            let part = match u32::try_from(power) {
                Ok(power) => group.checked_mul(10_i128.checked_pow(power)?)?,
                Err(_) if power > -4 => {
                    let divisor = 10_i128.pow(power.unsigned_abs());
                    (group % divisor == 0).then_some(group / divisor)?
                }
                Err(_) => return None,
            };
            sum = sum.checked_add(part)?;
        }
        Some(if self.sign == NEGATIVE { -sum } else { sum })
    }

    fn text(&self) -> String {
        match self.sign {
            NAN => return "NaN".to_owned(),
            INFINITY => return "Infinity".to_owned(),
            MINUS_INFINITY => return "-Infinity".to_owned(),
            _ => {}
        }
        let mut whole = String::new();
        let mut fraction = "0000".repeat(usize::try_from(-1 - self.weight).unwrap_or(0));
        for (weight, group) in self.digits() {
            let digits = format!("{group:04}");
            if weight >= 0 { &mut whole } else { &mut fraction }.push_str(&digits);
        }
        let last = self.weight - i32::try_from(self.groups.len() / 2).unwrap_or(i32::MAX) + 1;
        whole.push_str(&"0000".repeat(usize::try_from(last).unwrap_or(0)));
        let trimmed = whole.trim_start_matches('0');
        let sign = if self.sign == NEGATIVE { "-" } else { "" };
        let whole = if trimmed.is_empty() { "0" } else { trimmed };
        let shown = usize::from(self.shown);
        if shown == 0 {
            return format!("{sign}{whole}");
        }
        let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(shown).collect();
        format!("{sign}{whole}.{fraction}")
    }
}

/// A binary numeric in units of the wanted type's last digit.
pub(super) fn decode(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, Refusal> {
    let data_type = DataType::Decimal { precision, scale };
    let Some(numeric) = split(bytes) else {
        return Err(Refusal { reason: "the server's number was not understood".to_owned(), text: String::new() });
    };
    let plain = matches!(numeric.sign, 0 | NEGATIVE);
    match plain.then(|| numeric.unscaled(i32::from(scale))).flatten() {
        Some(value) if value.unsigned_abs() < 10_u128.pow(u32::from(precision)) => Ok(value),
        _ => {
            let text = numeric.text();
            Err(Refusal { reason: not_a(&text, data_type), text })
        }
    }
}

/// Appends a decimal as a binary numeric, without its length.
pub(super) fn encode(value: i128, scale: i8, out: &mut Vec<u8>) {
    let scale = u32::from(scale.unsigned_abs());
    let mut wide = value.unsigned_abs();
    // From the last group to the first.
    let mut groups = [0_u16; MOST_GROUPS];
    let mut count = 0;
    let partial = scale % 4;
    if partial > 0 {
        let divisor = 10_u64.pow(partial);
        groups[0] = cut(&mut wide, divisor) * 10_u16.pow(4 - partial);
        count = 1;
    }
    while wide > u128::from(u64::MAX) && count < MOST_GROUPS {
        groups[count] = cut(&mut wide, 10_000);
        count += 1;
    }
    let mut rest = u64::try_from(wide).unwrap_or(u64::MAX);
    while rest > 0 && count < MOST_GROUPS {
        groups[count] = low(rest % 10_000);
        rest /= 10_000;
        count += 1;
    }
    let behind_point = usize::try_from(scale.div_ceil(4)).unwrap_or(0);
    while count > 0 && groups[count - 1] == 0 {
        count -= 1;
    }
    let first = groups[..count].iter().position(|group| *group != 0).unwrap_or(count);
    // At most eleven groups each side: these never saturate.
    let weight = if count == 0 { 0 } else { signed(count) - signed(behind_point) - 1 };
    let sent = &groups[first..count];
    let sign = if value < 0 { NEGATIVE } else { 0 };
    let words = [signed(sent.len()).cast_unsigned(), weight.cast_unsigned(), sign, u16::try_from(scale).unwrap_or(0)];
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for group in sent.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Takes the last digits off a number. Divisions of 64 bits are many times faster, and nearly every number fits.
fn cut(wide: &mut u128, divisor: u64) -> u16 {
    if let Ok(narrow) = u64::try_from(*wide) {
        *wide = u128::from(narrow / divisor);
        return low(narrow % divisor);
    }
    let digits = *wide % u128::from(divisor);
    *wide /= u128::from(divisor);
    low(u64::try_from(digits).unwrap_or(u64::MAX))
}

fn low(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn signed(value: usize) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}
