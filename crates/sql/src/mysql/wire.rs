//! Values of the binary protocol, as prepared statements give them, into batches.

use super::failure::not_understood;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_connect::column::{Put, Values, keep, narrow};
use windvane_connect::refusal::Refusal;
use windvane_core::error::Result;
use windvane_core::schema::DataType;

const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// From 0000-03-01, where the calendar's arithmetic starts, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
/// The powers of ten that an i128 holds.
const TENS: [i128; 39] = {
    let mut tens = [1; 39];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// How a value of a column is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire {
    /// An integer that must be 0 or 1.
    Boolean,
    /// Little-endian, as wide as it comes.
    Integer {
        unsigned: bool,
    },
    IntegerDecimal {
        unsigned: bool,
        precision: u8,
        scale: i8,
    },
    BitBoolean,
    /// Big-endian, one to eight bytes.
    Bit,
    BitDecimal {
        precision: u8,
        scale: i8,
    },
    /// Four or eight bytes.
    Float,
    /// Digits as text.
    Decimal {
        precision: u8,
        scale: i8,
    },
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
}

/// Puts a value, not null, into its column.
#[inline]
pub(super) fn put(wire: Wire, bytes: &[u8], column: usize, builder: &mut BatchBuilder) -> Result<()> {
    builder.weigh(bytes.len());
    match decode(wire, bytes, builder.values(column)) {
        Put::Taken => {}
        Put::Refused => builder.refuse(column, refusal(wire, bytes, builder.data_type(column))),
        Put::Garbled => return Err(not_understood()),
    }
    Ok(())
}

#[inline]
fn decode(wire: Wire, bytes: &[u8], values: &mut Values) -> Put {
    match values {
        Values::Int64(values) => match (wire, bytes.try_into()) {
            // The commonest of all keys.
            (Wire::Integer { unsigned: false }, Ok(eight)) => keep(values, Some(i64::from_le_bytes(eight)), Some),
            _ => keep(values, number(wire, bytes), |number| number.try_into().ok()),
        },
        Values::Int32(values) => keep(values, number(wire, bytes), |number| number.try_into().ok()),
        Values::Int16(values) => keep(values, number(wire, bytes), |number| number.try_into().ok()),
        Values::Decimal(values, _) => match wire {
            Wire::Decimal { precision, scale } => keep(values, Some(bytes), |text| decimal(text, precision, scale)),
            Wire::IntegerDecimal { precision, scale, .. } | Wire::BitDecimal { precision, scale } => {
                keep(values, number(wire, bytes), |number| within(number.checked_mul(ten(scale))?, precision))
            }
            _ => Put::Garbled,
        },
        Values::Text(pieces) | Values::Binary(pieces) => pieces.push(bytes),
        Values::Date(values) => keep(values, Some(bytes), date),
        Values::Timestamp(values, _) => keep(values, Some(bytes), timestamp),
        Values::Time(values) => keep(values, Some(bytes), time),
        Values::Float64(values) => keep(values, float(bytes), Some),
        Values::Float32(values) => keep(values, float(bytes), narrow),
        Values::Boolean(values) => keep(values, number(wire, bytes), |number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }),
    }
}

/// Why a value was refused.
fn refusal(wire: Wire, bytes: &[u8], data_type: DataType) -> Refusal {
    let (text, reason) = match wire {
        Wire::Date => (day(bytes), "is not a date of the years 1 to 9999".to_owned()),
        Wire::Timestamp => {
            let clock = |at: usize| bytes.get(at).copied().unwrap_or(0);
            let text = format!("{} {:02}:{:02}:{:02}", day(bytes), clock(5), clock(6), clock(7));
            (text, "is not a date of the years 1 to 9999".to_owned())
        }
        Wire::Time => {
            let Clock { negative, hours, minutes, seconds, .. } = clock(bytes);
            let sign = if negative { "-" } else { "" };
            (format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"), "is not a time of the day".to_owned())
        }
        Wire::Boolean | Wire::BitBoolean => {
            let text = number(wire, bytes).unwrap_or_default().to_string();
            (text, "is neither true (1) nor false (0)".to_owned())
        }
        Wire::Decimal { .. } | Wire::Text | Wire::Binary => {
            (String::from_utf8_lossy(bytes).into_owned(), format!("does not fit {data_type}"))
        }
        Wire::Float => (float(bytes).unwrap_or_default().to_string(), format!("does not fit {data_type}")),
        Wire::Integer { .. } | Wire::IntegerDecimal { .. } | Wire::Bit | Wire::BitDecimal { .. } => {
            (number(wire, bytes).unwrap_or_default().to_string(), format!("does not fit {data_type}"))
        }
    };
    Refusal { reason: format!("{text} {reason}"), text }
}

/// An integer, as wide as it comes, or bits.
#[inline]
fn number(wire: Wire, bytes: &[u8]) -> Option<i128> {
    let signed = match wire {
        Wire::Integer { unsigned } | Wire::IntegerDecimal { unsigned, .. } => !unsigned,
        Wire::Boolean => true,
        _ => return Some(bytes.iter().fold(0, |sum, byte| (sum << 8) | i128::from(*byte))),
    };
    Some(match (bytes.len(), signed) {
        (8, true) => i64::from_le_bytes(bytes.try_into().ok()?).into(),
        (4, true) => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        (2, true) => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        (1, true) => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        (8, false) => u64::from_le_bytes(bytes.try_into().ok()?).into(),
        (4, false) => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        (2, false) => u16::from_le_bytes(bytes.try_into().ok()?).into(),
        (1, false) => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        _ => return None,
    })
}

/// Four bytes or eight.
#[inline]
fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        8 => bytes.try_into().ok().map(f64::from_le_bytes),
        4 => bytes.try_into().ok().map(|bytes| f64::from(f32::from_le_bytes(bytes))),
        _ => None,
    }
}

fn ten(scale: i8) -> i128 {
    10_i128.pow(u32::try_from(scale).unwrap_or(0))
}

/// The number, when it has no more digits than these.
#[inline]
fn within(number: i128, precision: u8) -> Option<i128> {
    let limit = TENS.get(usize::from(precision))?;
    (-limit < number && number < *limit).then_some(number)
}

/// `-123.45` in units of the wanted column's last digit.
#[inline]
fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let wanted = usize::try_from(scale).ok()?;
    let value = match digits.len().checked_sub(wanted + 1) {
        // As a column with just these digits behind the point gives it; up to 18 digits fit a register.
        Some(point) if digits.len() <= 18 && wanted > 0 && digits.get(point) == Some(&b'.') => {
            let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
            i128::from(register(register(0, whole)?, fraction)?)
        }
        _ => unusual(digits, wanted)?,
    };
    within(if negative { -value } else { value }, precision)
}

#[inline]
fn register(start: i64, digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(start, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| sum * 10 + i64::from(digit))
    })
}

/// With more digits behind the point than are wanted, or fewer, or none; or many digits at all.
fn unusual(digits: &[u8], wanted: usize) -> Option<i128> {
    if !digits.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let fraction = digits.get(point + 1..).unwrap_or_default();
    let (kept, dropped) = fraction.split_at(fraction.len().min(wanted));
    let missing = u32::try_from(wanted - kept.len()).ok()?;
    let value = digits[..point].iter().chain(kept).try_fold(0_i128, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(digit.into()) }
    })?;
    if dropped.iter().any(|byte| *byte != b'0') { None } else { value.checked_mul(10_i128.checked_pow(missing)?) }
}

/// A length, the year in two bytes, month and day; the length alone is the zero date.
#[inline]
fn date(bytes: &[u8]) -> Option<i32> {
    let [_, low, high, month, day, ..] = *bytes else { return None };
    days(u16::from_le_bytes([low, high]), month, day)
}

fn day(bytes: &[u8]) -> String {
    let [_, low, high, month, day, ..] = *bytes else { return "0000-00-00".to_owned() };
    format!("{:04}-{month:02}-{day:02}", u16::from_le_bytes([low, high]))
}

/// Of a date, then hour, minute, second, and the microseconds in four bytes; what is zero at the end is not sent.
#[inline]
fn timestamp(bytes: &[u8]) -> Option<i64> {
    let clock = |at: usize| i64::from(bytes.get(at).copied().unwrap_or(0));
    let fraction =
        bytes.get(8..12).map_or(0, |four| four.iter().rev().fold(0, |sum, byte| (sum << 8) | i64::from(*byte)));
    Some(i64::from(date(bytes)?) * DAY_MICROSECONDS + within_day(clock(5), clock(6), clock(7), fraction)?)
}

struct Clock {
    negative: bool,
    hours: i64,
    minutes: i64,
    seconds: i64,
    microseconds: i64,
}

/// A length, a sign, days in four bytes, hour, minute, second, and the microseconds in four bytes.
fn clock(bytes: &[u8]) -> Clock {
    let number = |at: usize| i64::from(bytes.get(at).copied().unwrap_or(0));
    let four = |at: usize| (0..4).rev().fold(0, |sum, byte| (sum << 8) | number(at + byte));
    let (minutes, seconds, microseconds) = (number(7), number(8), four(9));
    Clock { negative: number(1) == 1, hours: four(2) * 24 + number(6), minutes, seconds, microseconds }
}

fn time(bytes: &[u8]) -> Option<i64> {
    let Clock { negative, hours, minutes, seconds, microseconds } = clock(bytes);
    within_day(hours, minutes, seconds, microseconds).filter(|_| !negative)
}

/// Microseconds since midnight of a clock that a day has.
#[inline]
fn within_day(hours: i64, minutes: i64, seconds: i64, microseconds: i64) -> Option<i64> {
    let known = hours < 24 && minutes < 60 && seconds < 60 && microseconds < 1_000_000;
    known.then(|| ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + microseconds)
}

/// Days since 1970 of a day that the calendar has.
fn days(year: u16, month: u8, day: u8) -> Option<i32> {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > last || year == 0 || year > 9_999 {
        return None;
    }
    // Years that start in March, so that the leap day is the last one.
    let (year, month) = (i64::from(year) - i64::from(month < 3), i64::from(month));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    i32::try_from(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - EPOCH_DAYS).ok()
}

#[cfg(test)]
mod tests;
