//! Values of the binary protocol, as prepared statements give them, into batches.

use crate::connectors::gather::{Gather, Refusal, Value};
use crate::error::{Error, Kind, Result};

const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// From 0000-03-01, where the calendar's arithmetic starts, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

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
        scale: i8,
    },
    BitBoolean,
    /// Big-endian, one to eight bytes.
    Bit,
    BitDecimal {
        scale: i8,
    },
    Float,
    Double,
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
pub(super) fn put(wire: Wire, bytes: &[u8], column: usize, gather: &mut Gather) -> Result<()> {
    let value = match wire {
        Wire::Integer { unsigned } => match i64::try_from(integer(bytes, unsigned)?) {
            Ok(value) => Ok(Value::Integer(value)),
            Err(_) => Err(does_not_fit(integer(bytes, unsigned)?)),
        },
        Wire::Decimal { precision, scale } => decimal(bytes, precision, scale).map(Value::Decimal),
        Wire::Text => std::str::from_utf8(bytes).map(Value::Text).map_err(|_| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            Refusal { reason: "the text is not UTF-8".to_owned(), text }
        }),
        Wire::Date => date(bytes).map(Value::Date),
        Wire::Double => Ok(Value::Float64(f64::from_le_bytes(fixed(bytes)?))),
        Wire::Float => Ok(Value::Float32(f32::from_le_bytes(fixed(bytes)?))),
        Wire::Timestamp => timestamp(bytes).map(Value::Timestamp),
        Wire::Time => time(bytes).map(Value::Time),
        Wire::Binary => Ok(Value::Binary(bytes)),
        Wire::Boolean => boolean(integer(bytes, false)?),
        Wire::BitBoolean => boolean(bits(bytes)),
        Wire::IntegerDecimal { unsigned, scale } => Ok(Value::Decimal(integer(bytes, unsigned)? * ten(scale))),
        Wire::BitDecimal { scale } => Ok(Value::Decimal(bits(bytes) * ten(scale))),
        Wire::Bit => i64::try_from(bits(bytes)).map(Value::Integer).map_err(|_| does_not_fit(bits(bytes))),
    };
    match value {
        Ok(value) => gather.value(column, value),
        Err(refusal) => {
            gather.refuse(column, refusal);
            Ok(())
        }
    }
}

fn integer(bytes: &[u8], unsigned: bool) -> Result<i128> {
    let signed = match bytes.len() {
        1 => i64::from(i8::from_le_bytes(fixed(bytes)?)),
        2 => i64::from(i16::from_le_bytes(fixed(bytes)?)),
        4 => i64::from(i32::from_le_bytes(fixed(bytes)?)),
        _ => i64::from_le_bytes(fixed(bytes)?),
    };
    if !unsigned {
        return Ok(i128::from(signed));
    }
    Ok(match bytes.len() {
        1 => i128::from(u8::from_le_bytes(fixed(bytes)?)),
        2 => i128::from(u16::from_le_bytes(fixed(bytes)?)),
        4 => i128::from(u32::from_le_bytes(fixed(bytes)?)),
        _ => i128::from(u64::from_le_bytes(fixed(bytes)?)),
    })
}

fn bits(bytes: &[u8]) -> i128 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | i128::from(*byte))
}

fn boolean(number: i128) -> Result<Value<'static>, Refusal> {
    match number {
        0 => Ok(Value::Boolean(false)),
        1 => Ok(Value::Boolean(true)),
        other => Err(Refusal { reason: format!("{other} is neither true (1) nor false (0)"), text: other.to_string() }),
    }
}

fn does_not_fit(number: i128) -> Refusal {
    Refusal { reason: format!("{number} does not fit int64"), text: number.to_string() }
}

fn ten(scale: i8) -> i128 {
    10_i128.pow(u32::try_from(scale).unwrap_or(0))
}

/// `-123.45` in units of the wanted column's last digit.
fn decimal(text: &[u8], precision: u8, scale: i8) -> Result<i128, Refusal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let wanted = u32::try_from(scale).unwrap_or(0);
    let mut behind: Option<u32> = None;
    let mut fits = true;
    // Up to 18 digits, as most numbers have, in a register.
    let mut value: i128 = 0;
    let mut small: i64 = 0;
    let narrow = digits.len() <= 18;
    for byte in digits {
        if *byte == b'.' {
            behind = Some(0);
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            fits = false;
            break;
        }
        match &mut behind {
            Some(count) if *count == wanted => {
                fits &= digit == 0;
                continue;
            }
            Some(count) => *count += 1,
            None => {}
        }
        if narrow {
            small = small * 10 + i64::from(digit);
        } else {
            match value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit))) {
                Some(sum) => value = sum,
                None => fits = false,
            }
        }
    }
    if narrow {
        value = i128::from(small);
    }
    let missing = wanted.saturating_sub(behind.unwrap_or(0));
    let value = if missing == 0 { Some(value) } else { value.checked_mul(10_i128.pow(missing)) };
    match value {
        Some(value) if fits => Ok(if negative { -value } else { value }),
        _ => {
            let text = String::from_utf8_lossy(text).into_owned();
            Err(Refusal { reason: format!("{text} does not fit decimal({precision},{scale})"), text })
        }
    }
}

/// A length, the year in two bytes, month and day.
fn date(bytes: &[u8]) -> Result<i32, Refusal> {
    let [_, low, high, month, day, ..] = *bytes else { return Err(no_date("0000-00-00".to_owned())) };
    let year = u16::from_le_bytes([low, high]);
    days(year, month, day).ok_or_else(|| no_date(format!("{year:04}-{month:02}-{day:02}")))
}

/// Of a date, then hour, minute, second, and the microseconds in four bytes; what is zero at the end is not sent.
fn timestamp(bytes: &[u8]) -> Result<i64, Refusal> {
    let clock = |at: usize| i64::from(bytes.get(at).copied().unwrap_or(0));
    let fraction =
        bytes.get(8..12).map_or(0, |four| four.iter().rev().fold(0, |sum, byte| (sum << 8) | i64::from(*byte)));
    match date(bytes) {
        Ok(days) => {
            let seconds = (clock(5) * 60 + clock(6)) * 60 + clock(7);
            Ok(i64::from(days) * DAY_MICROSECONDS + seconds * 1_000_000 + fraction)
        }
        Err(refusal) => {
            let text = format!("{} {:02}:{:02}:{:02}", refusal.text, clock(5), clock(6), clock(7));
            Err(no_date(text))
        }
    }
}

/// A length, a sign, days in four bytes, hour, minute, second, and the microseconds in four bytes.
fn time(bytes: &[u8]) -> Result<i64, Refusal> {
    let number = |at: usize| i64::from(bytes.get(at).copied().unwrap_or(0));
    let four = |at: usize| (0..4).rev().fold(0, |sum, byte| (sum << 8) | number(at + byte));
    let (negative, days, fraction) = (number(1) == 1, four(2), four(9));
    let seconds = (number(6) * 60 + number(7)) * 60 + number(8);
    if negative || days > 0 {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{:02}:{:02}:{:02}", days * 24 + number(6), number(7), number(8));
        return Err(Refusal { reason: format!("{text} is not a time of the day"), text });
    }
    Ok(seconds * 1_000_000 + fraction)
}

fn no_date(text: String) -> Refusal {
    Refusal { reason: format!("{text} is not a date of the years 1 to 9999"), text }
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

fn fixed<const WIDTH: usize>(bytes: &[u8]) -> Result<[u8; WIDTH]> {
    bytes.try_into().map_err(|_| {
        Error::new(Kind::Unavailable, "the server's rows were not understood")
            .hint("Check that nothing between here and the server changes the stream, and run it again")
    })
}
