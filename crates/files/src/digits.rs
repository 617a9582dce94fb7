//! Numbers and days from their digits, eight at a time. `None` is "not known here": the slower parsers decide.

/// Eight zeros.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Four to eight bytes as the last bytes of a word whose other bytes are zeros.
fn word(field: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (field.first_chunk::<4>(), field.last_chunk::<4>()) else { return 0 };
    // Two halves, which may overlap.
    let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    let shift = 8 * (8 - field.len().min(8));
    (ZEROS & !(u64::MAX << shift)) | (first << shift) | (last << 32)
}

/// Few digits as their number.
fn few(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(number * 10 + u64::from(digit))
    })
}

/// Eight digits as their number.
fn eight(word: u64) -> Option<u64> {
    let digits = word.wrapping_sub(ZEROS);
    // A byte below '0' borrows or is large, one above '9' overflows when 0x76 is added.
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF)
}

/// Up to eight digits as their number.
#[inline]
fn short(digits: &[u8]) -> Option<u64> {
    match digits.len() {
        1..4 => few(digits),
        4..=8 => eight(word(digits)),
        _ => None,
    }
}

/// Up to 18 digits as their number.
#[inline]
fn unsigned(digits: &[u8]) -> Option<i64> {
    let number = match digits.len() {
        1..=8 => short(digits)?,
        9..=16 => {
            let (first, last) = digits.split_at(digits.len() - 8);
            short(first)? * 100_000_000 + short(last)?
        }
        17..=18 => {
            let (first, last) = digits.split_at(digits.len() - 16);
            let (middle, last) = last.split_at(8);
            (short(first)? * 100_000_000 + short(middle)?) * 100_000_000 + short(last)?
        }
        _ => return None,
    };
    i64::try_from(number).ok()
}

/// The sign and the digits behind it; none of codes, whose zeros in front would be lost.
fn sign(field: &[u8]) -> Option<(bool, &[u8])> {
    let (negative, digits) = match field.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, field),
    };
    let code = matches!(digits, [b'0', b'0'..=b'9', ..]);
    (!code).then_some((negative, digits))
}

/// A whole number of at most 18 digits.
pub(super) fn whole(field: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(field)?;
    let number = unsigned(digits)?;
    Some(if negative { -number } else { number })
}

const TENS: [i64; 19] = {
    let mut tens = [1; 19];
    let mut at = 1;
    while at < 19 {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// A number with at most `scale` digits behind its point, 18 digits in all, as a number without a point.
pub(super) fn decimal(field: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let (negative, digits) = sign(field)?;
    // Mostly the point stands where the scale says.
    let usual = digits.len().checked_sub(scale + 1).filter(|at| digits.get(*at) == Some(&b'.'));
    let point = usual.or_else(|| digits.iter().position(|byte| *byte == b'.'));
    let (number, behind) = match point {
        None => (unsigned(digits)?, 0),
        Some(at) => {
            let (before, after) = (digits.get(..at)?, digits.get(at + 1..)?);
            if after.len() > scale || digits.len() > 19 {
                return None;
            }
            (unsigned(before)?.checked_mul(*TENS.get(after.len())?)?.checked_add(unsigned(after)?)?, after.len())
        }
    };
    let number = number.checked_mul(*TENS.get(scale - behind)?)?;
    if TENS.get(usize::from(precision)).is_some_and(|limit| number >= *limit) {
        return None;
    }
    Some(i128::from(if negative { -number } else { number }))
}

/// `YYYY-MM-DD`.
pub(super) fn date(field: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *<&[u8; 10]>::try_from(field).ok()? else { return None };
    let digits = eight(u64::from_le_bytes([y1, y2, y3, y4, m1, m2, d1, d2]))?;
    let digits = u32::try_from(digits).ok()?;
    windvane_core::schema::infer::days(digits / 10_000, digits / 100 % 100, digits % 100)
}

#[cfg(test)]
mod tests;
