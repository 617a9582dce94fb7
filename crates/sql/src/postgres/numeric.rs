//! PostgreSQL's binary `numeric`: groups of four decimal digits, exact both ways.

use windvane_connect::refusal::{Refusal, not_a};
use windvane_core::schema::DataType;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
/// Most groups a 38-digit number can take, whatever its scale.
const MOST_GROUPS: usize = 11;
/// Of numbers that an i64 holds on the way.
const SHORT_GROUPS: usize = 4;
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

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

/// What a column of decimals wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    scale: i8,
    /// The smallest number that has too many digits.
    limit: u128,
}

impl Digits {
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        Self { scale, limit: 10_u128.pow(u32::from(precision)) }
    }

    /// A binary numeric in units of the last digit; nothing when it is none of these decimals.
    #[inline]
    pub(super) fn decode(self, bytes: &[u8]) -> Option<i128> {
        let scale = i32::from(self.scale);
        let value = match short(bytes, scale) {
            Some(value) => i128::from(value),
            None => split(bytes).filter(|numeric| matches!(numeric.sign, 0 | NEGATIVE))?.unscaled(scale)?,
        };
        (value.unsigned_abs() < self.limit).then_some(value)
    }
}

/// The same for numbers of at most four groups and eighteen digits, which nearly all are; nothing for others.
#[inline]
fn short(bytes: &[u8], scale: i32) -> Option<i64> {
    let (head, groups) = bytes.split_first_chunk::<8>()?;
    let [c0, c1, w0, w1, s0, s1, ..] = *head;
    let count = usize::from(u16::from_be_bytes([c0, c1]));
    let sign = u16::from_be_bytes([s0, s1]);
    if groups.len() != 2 * count || count > SHORT_GROUPS || !matches!(sign, 0 | NEGATIVE) {
        return None;
    }
    let Some((before, last)) = groups.split_last_chunk::<2>() else { return Some(0) };
    let last = u16::from_be_bytes(*last);
    let mut sum = 0;
    for group in before.chunks_exact(2) {
        sum = sum * 10_000 + i64::from(u16::from_be_bytes([group[0], group[1]]));
    }
    let behind = i32::from(i16::from_be_bytes([w0, w1])) + 1 - i32::try_from(count).ok()?;
    // The power of ten of the last group, in units of the wanted last digit.
    let value = match 4 * behind + scale {
        0 => sum * 10_000 + i64::from(last),
        -1 => cut::<10>(sum, last)?,
        -2 => cut::<100>(sum, last)?,
        -3 => cut::<1000>(sum, last)?,
        power => {
            let power = usize::try_from(power).ok().filter(|power| power + 4 * count <= 18)?;
            (sum * 10_000 + i64::from(last)) * POWERS.get(power)?
        }
    };
    Some(if sign == NEGATIVE { -value } else { value })
}

/// Drops digits of the last group, which must be zeros.
#[inline]
fn cut<const DIVISOR: u16>(sum: i64, last: u16) -> Option<i64> {
    last.is_multiple_of(DIVISOR).then(|| sum * i64::from(10_000 / DIVISOR) + i64::from(last / DIVISOR))
}

/// Why [`Digits::decode`] gave nothing.
pub(super) fn refusal(bytes: &[u8], data_type: DataType) -> Refusal {
    match split(bytes) {
        Some(numeric) => {
            let text = numeric.text();
            Refusal { reason: not_a(&text, data_type), text }
        }
        None => Refusal { reason: "the server's number was not understood".to_owned(), text: String::new() },
    }
}

/// Appends a decimal as a binary numeric, behind its length.
pub(super) fn encode(value: i128, scale: i8, out: &mut Vec<u8>) {
    let scale = u32::from(scale.unsigned_abs());
    let mut wide = value.unsigned_abs();
    // From the last group to the first.
    let mut groups = [0_u16; MOST_GROUPS];
    let mut count = 0;
    let partial = scale % 4;
    if partial > 0 {
        let divisor = 10_u64.pow(partial);
        groups[0] = cut_off(&mut wide, divisor) * 10_u16.pow(4 - partial);
        count = 1;
    }
    while wide > u128::from(u64::MAX) && count < MOST_GROUPS {
        groups[count] = cut_off(&mut wide, 10_000);
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
    // All of it in one stroke: length, four words, groups.
    let mut all = [0; 12 + 2 * MOST_GROUPS];
    let length = i32::from(signed(8 + 2 * sent.len()));
    all[..4].copy_from_slice(&length.to_be_bytes());
    let words = [signed(sent.len()).cast_unsigned(), weight.cast_unsigned(), sign, u16::try_from(scale).unwrap_or(0)];
    for (place, word) in all[4..].chunks_exact_mut(2).zip(words.iter().chain(sent.iter().rev())) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(&all[..12 + 2 * sent.len()]);
}

/// Takes the last digits off a number. Divisions of 64 bits are many times faster, and nearly every number fits.
fn cut_off(wide: &mut u128, divisor: u64) -> u16 {
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

#[cfg(test)]
mod tests;
