//! SQLite's values in the wanted types. A column's declared type promises nothing: each value has its own.

use chrono::DateTime;
use windvane_connect::batch_builder::{BatchBuilder, Value};
use windvane_connect::refusal::{Refusal, not_a};
use windvane_core::error::Result;
use windvane_core::schema::DataType;
use windvane_core::schema::epoch::Epoch;

/// A value as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

const UNIX_EPOCH_JULIAN: f64 = 2_440_587.5;
/// The first and last Julian days of the years 1 to 9999.
const JULIAN_DAYS: std::ops::Range<f64> = 1_721_425.5..5_373_484.5;
const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// Bytes of a refused BLOB that its record holds.
const SHOWN_BYTES: usize = 1_024;
/// The digits of a float that are the number's own.
const REAL_DIGITS: usize = 15;

/// Whether values of this type are gathered as texts and parsed a batch at a time.
pub(super) fn is_parsed(wanted: DataType) -> bool {
    match wanted {
        DataType::Boolean
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => true,
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary => false,
    }
}

/// Puts a stored value into a column of the wanted type; `unit`: what whole numbers count where moments are wanted.
pub(super) fn put(
    stored: Stored<'_>,
    (wanted, unit): (DataType, Epoch),
    column: usize,
    builder: &mut BatchBuilder,
) -> Result<()> {
    let text = match stored {
        Stored::Null => {
            builder.null(column);
            return Ok(());
        }
        Stored::Text(bytes) if wanted == DataType::Binary => return builder.value(column, Value::Binary(bytes)),
        Stored::Text(bytes) => {
            let Ok(text) = std::str::from_utf8(bytes) else {
                let text = String::from_utf8_lossy(bytes).into_owned();
                builder.refuse(column, Refusal { reason: "the text is not UTF-8".to_owned(), text });
                return Ok(());
            };
            text
        }
        Stored::Integer(number) => return integer(number, (wanted, unit), column, builder),
        Stored::Real(number) => return real(number, wanted, column, builder),
        Stored::Blob(bytes) => return blob(bytes, wanted, column, builder),
    };
    match wanted {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => match text.trim().parse() {
            Ok(number) => builder.value(column, Value::Integer(number)),
            Err(_) => refuse(text, wanted, column, builder),
        },
        DataType::Float32 => match text.trim().parse() {
            Ok(number) => builder.value(column, Value::Float32(number)),
            Err(_) => refuse(text, wanted, column, builder),
        },
        DataType::Float64 => match text.trim().parse() {
            Ok(number) => builder.value(column, Value::Float64(number)),
            Err(_) => refuse(text, wanted, column, builder),
        },
        // Tools without a date type of their own write midnight behind the date.
        DataType::Date => {
            let day = [" 00:00:00", "T00:00:00", " 00:00:00.000", "T00:00:00.000"]
                .iter()
                .find_map(|end| text.strip_suffix(end));
            builder.value(column, Value::Text(day.unwrap_or(text)))
        }
        _ => builder.value(column, Value::Text(text)),
    }
}

fn integer(number: i64, (wanted, unit): (DataType, Epoch), column: usize, builder: &mut BatchBuilder) -> Result<()> {
    match wanted {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => builder.value(column, Value::Integer(number)),
        DataType::Float32 | DataType::Float64 => {
            #[expect(clippy::cast_precision_loss, reason = "compared right after")]
            let float = if wanted == DataType::Float32 { f64::from(number as f32) } else { number as f64 };
            if whole(float) == Some(number) {
                return real(float, wanted, column, builder);
            }
            let reason = format!("{number} has more digits than a {wanted} holds: it would be changed");
            builder.refuse(column, Refusal { reason, text: number.to_string() });
            Ok(())
        }
        DataType::Boolean | DataType::Decimal { .. } | DataType::Text | DataType::Json => {
            builder.value(column, Value::Text(&number.to_string()))
        }
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => {
            let text = number.to_string();
            match unit.microseconds(number) {
                Some(count) if wanted == DataType::Date && count % DAY_MICROSECONDS != 0 => {
                    refuse(&text, wanted, column, builder)
                }
                Some(count) => moment(count, &text, wanted, column, builder),
                None => {
                    let unit = unit.words();
                    let reason =
                        format!("{text} is no {wanted} in {unit} since 1970, which the column's numbers count");
                    builder.refuse(column, Refusal { reason, text });
                    Ok(())
                }
            }
        }
        DataType::Time | DataType::Uuid | DataType::Binary => refuse(&number.to_string(), wanted, column, builder),
    }
}

fn real(number: f64, wanted: DataType, column: usize, builder: &mut BatchBuilder) -> Result<()> {
    match wanted {
        DataType::Float64 => builder.value(column, Value::Float64(number)),
        #[expect(clippy::cast_possible_truncation, reason = "a column of single floats rounds its numbers")]
        DataType::Float32 => builder.value(column, Value::Float32(number as f32)),
        DataType::Int16 | DataType::Int32 | DataType::Int64 => match whole(number) {
            Some(number) => builder.value(column, Value::Integer(number)),
            None => refuse(&text_of(number), wanted, column, builder),
        },
        DataType::Decimal { .. } => builder.value(column, Value::Text(&digits(number))),
        DataType::Boolean | DataType::Text | DataType::Json => builder.value(column, Value::Text(&text_of(number))),
        DataType::Date | DataType::Timestamp | DataType::TimestampTz if JULIAN_DAYS.contains(&number) => {
            #[expect(clippy::cast_possible_truncation, reason = "inside the years 1 to 9999")]
            let milliseconds = ((number - UNIX_EPOCH_JULIAN) * 86_400_000.0).round() as i64;
            let count = milliseconds * 1_000;
            if wanted == DataType::Date && count % DAY_MICROSECONDS != 0 {
                return refuse(&text_of(number), wanted, column, builder);
            }
            moment(count, &text_of(number), wanted, column, builder)
        }
        DataType::Date
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Time
        | DataType::Uuid
        | DataType::Binary => refuse(&text_of(number), wanted, column, builder),
    }
}

fn blob(bytes: &[u8], wanted: DataType, column: usize, builder: &mut BatchBuilder) -> Result<()> {
    match (wanted, <[u8; 16]>::try_from(bytes)) {
        (DataType::Binary, _) => builder.value(column, Value::Binary(bytes)),
        (DataType::Uuid, Ok(bytes)) => {
            let hex = format!("{:032x}", u128::from_be_bytes(bytes));
            let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            builder.value(column, Value::Text(&uuid))
        }
        _ => {
            let shown: Vec<String> = bytes.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
            let text = shown.concat();
            let reason = format!("a BLOB of {} bytes is not a valid {wanted}", bytes.len());
            builder.refuse(column, Refusal { reason, text });
            Ok(())
        }
    }
}

/// Microseconds since 1970 as the text of the wanted type.
fn moment(microseconds: i64, text: &str, wanted: DataType, column: usize, builder: &mut BatchBuilder) -> Result<()> {
    let Some(moment) = DateTime::from_timestamp_micros(microseconds) else {
        return refuse(text, wanted, column, builder);
    };
    let format = match wanted {
        DataType::Date => "%Y-%m-%d",
        DataType::TimestampTz => "%Y-%m-%dT%H:%M:%S%.6fZ",
        _ => "%Y-%m-%dT%H:%M:%S%.6f",
    };
    builder.value(column, Value::Text(&moment.format(format).to_string()))
}

#[expect(clippy::unnecessary_wraps, reason = "ends a converting arm")]
fn refuse(text: &str, wanted: DataType, column: usize, builder: &mut BatchBuilder) -> Result<()> {
    builder.refuse(column, Refusal { reason: not_a(text, wanted), text: text.to_owned() });
    Ok(())
}

/// The integer that a float is.
#[expect(clippy::cast_possible_truncation, reason = "inside the integers that floats hold exactly")]
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// As SQLite shows a float: with a point or an exponent.
fn text_of(number: f64) -> String {
    format!("{number:?}")
}

/// A float in all the plain digits that tell it from others.
pub(super) fn plain(number: f64) -> String {
    format!("{number}")
}

/// A float in plain digits, without the ones that are only noise: 0.1 + 0.2 is 0.3. A whole number has no noise.
fn digits(number: f64) -> String {
    if number.fract() == 0.0 {
        return plain(number);
    }
    let scientific = format!("{:.*e}", REAL_DIGITS - 1, number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let bare: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let bare = bare.trim_end_matches('0');
    let point = exponent.parse::<i64>().unwrap_or(0) + 1;
    match usize::try_from(point) {
        Ok(point) if point >= bare.len() => format!("{sign}{bare}{}", "0".repeat(point - bare.len())),
        Ok(0) => format!("{sign}0.{bare}"),
        Ok(point) => format!("{sign}{}.{}", &bare[..point], &bare[point..]),
        Err(_) => format!("{sign}0.{}{bare}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests;
