//! Values as texts that read back equal: what CSV and JSON lines hold.

use arrow::array::{Array, ArrowPrimitiveType, AsArray, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes as a;
use chrono::{DateTime, Datelike};
use std::io::Write;
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

const DAY: i64 = 86_400_000_000;

/// A column as texts; nulls stay nulls.
pub(super) fn texts(column: &dyn Array, data_type: DataType) -> Result<StringArray> {
    match data_type {
        DataType::Boolean => {
            let array = column.as_boolean_opt().ok_or_else(|| unexpected(column))?;
            let word = |at: usize| if array.value(at) { "true" } else { "false" };
            each(array, 5, |out, at| out.extend_from_slice(word(at).as_bytes()))
        }
        DataType::Int16 => values::<a::Int16Type>(column, 6, |out, value| integer(out, value.into())),
        DataType::Int32 => values::<a::Int32Type>(column, 8, |out, value| integer(out, value.into())),
        DataType::Int64 => values::<a::Int64Type>(column, 8, integer),
        DataType::Float32 => values::<a::Float32Type>(column, 8, |out, value| {
            float(out, value.is_infinite(), value > 0.0, format_args!("{value:?}"));
        }),
        DataType::Float64 => values::<a::Float64Type>(column, 8, |out, value| {
            float(out, value.is_infinite(), value > 0.0, format_args!("{value:?}"));
        }),
        DataType::Decimal { scale, .. } => {
            let scale = usize::try_from(scale).unwrap_or(0);
            values::<a::Decimal128Type>(column, 10, |out, value| decimal(out, value, scale))
        }
        DataType::Text | DataType::Json | DataType::Uuid => {
            column.as_string_opt::<i32>().cloned().ok_or_else(|| unexpected(column))
        }
        DataType::Binary => {
            let array = column.as_binary_opt::<i32>().ok_or_else(|| unexpected(column))?;
            each(array, 32, |out, at| {
                out.extend_from_slice(b"\\x");
                for byte in array.value(at) {
                    out.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
                }
            })
        }
        DataType::Date => {
            let mut fine = true;
            let texts = values::<a::Date32Type>(column, 10, |out, value| fine &= date(out, value.into()));
            within(fine, texts)
        }
        DataType::Time => {
            values::<a::Time64MicrosecondType>(column, 15, |out, value| clock(out, value.rem_euclid(DAY)))
        }
        DataType::Timestamp | DataType::TimestampTz => {
            let (mut fine, zoned) = (true, data_type == DataType::TimestampTz);
            let texts = values::<a::TimestampMicrosecondType>(column, 27, |out, value| {
                fine &= date(out, value.div_euclid(DAY));
                out.push(b'T');
                clock(out, value.rem_euclid(DAY));
                if zoned {
                    out.push(b'Z');
                }
            });
            within(fine, texts)
        }
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn within(fine: bool, texts: Result<StringArray>) -> Result<StringArray> {
    if fine { texts } else { Err(Error::data("a date or time lies outside the calendar")) }
}

fn values<T: ArrowPrimitiveType>(
    column: &dyn Array,
    width: usize,
    mut write: impl FnMut(&mut Vec<u8>, T::Native),
) -> Result<StringArray> {
    let array = column.as_primitive_opt::<T>().ok_or_else(|| unexpected(column))?;
    each(array, width, |out, at| write(out, array.value(at)))
}

/// The text of each value that is there; `width` is what most take.
fn each(array: &dyn Array, width: usize, mut write: impl FnMut(&mut Vec<u8>, usize)) -> Result<StringArray> {
    let mut out = Vec::with_capacity(array.len() * width);
    let mut ends = Vec::with_capacity(array.len() + 1);
    ends.push(0_i32);
    for at in 0..array.len() {
        if array.is_valid(at) {
            write(&mut out, at);
        }
        ends.push(i32::try_from(out.len()).map_err(|_| Error::internal("a batch holds more than 2 GiB of text"))?);
    }
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    StringArray::try_new(ends, Buffer::from_vec(out), array.nulls().cloned())
        .map_err(|error| Error::internal("texts could not be put together").caused_by(&error))
}

fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, u128::from(value.unsigned_abs()), 1);
}

fn decimal(out: &mut Vec<u8>, value: i128, scale: usize) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs(), scale + 1);
    if scale > 0 {
        out.insert(out.len() - scale, b'.');
    }
}

/// A number with at least so many digits.
fn digits(out: &mut Vec<u8>, value: u128, least: usize) {
    let mut text = [b'0'; 40];
    let mut at = text.len();
    let mut large = value;
    while large > u128::from(u64::MAX) {
        at -= 1;
        text[at] = digit(u64::try_from(large % 10).unwrap_or(0));
        large /= 10;
    }
    let mut small = u64::try_from(large).unwrap_or(0);
    while small > 0 {
        at -= 1;
        text[at] = digit(small % 10);
        small /= 10;
    }
    out.extend_from_slice(&text[at.min(text.len() - least.min(text.len()))..]);
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value).unwrap_or(0)
}

/// Days since 1970 as `YYYY-MM-DD`; false outside of the calendar.
fn date(out: &mut Vec<u8>, days: i64) -> bool {
    let seconds = days.checked_mul(86_400).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let Some(day) = seconds.map(|day| day.date_naive()) else { return false };
    match u128::try_from(day.year()) {
        Ok(year @ 0..=9999) => digits(out, year, 4),
        // As chrono writes it: with a sign.
        _ => return write!(out, "{}", day.format("%Y-%m-%d")).is_ok(),
    }
    out.push(b'-');
    digits(out, day.month().into(), 2);
    out.push(b'-');
    digits(out, day.day().into(), 2);
    true
}

/// Microseconds since midnight, with three or six digits behind the seconds where there are any.
fn clock(out: &mut Vec<u8>, micros: i64) {
    let [hours, minutes, seconds, behind] =
        [micros / 3_600_000_000, micros / 60_000_000 % 60, micros / 1_000_000 % 60, micros % 1_000_000]
            .map(|part| u128::try_from(part).unwrap_or(0));
    digits(out, hours, 2);
    out.push(b':');
    digits(out, minutes, 2);
    out.push(b':');
    digits(out, seconds, 2);
    if behind > 0 {
        out.push(b'.');
        if behind.is_multiple_of(1000) { digits(out, behind / 1000, 3) } else { digits(out, behind, 6) }
    }
}

/// As people and JSON readers know the values that are no numbers.
fn float(out: &mut Vec<u8>, infinite: bool, positive: bool, digits: std::fmt::Arguments<'_>) {
    if infinite {
        out.extend_from_slice(if positive { b"Infinity" } else { b"-Infinity" });
    } else {
        // Writing to memory does not fail.
        let _ = out.write_fmt(digits);
    }
}

fn unexpected(column: &dyn Array) -> Error {
    Error::internal(format!("a column of {} was promised to be another type", column.data_type()))
}

#[cfg(test)]
mod tests;
