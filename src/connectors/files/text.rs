//! Values as texts that read back equal: what CSV and JSON lines hold.

use crate::error::{Error, Result};
use crate::schema::DataType;
use arrow::array::{Array, AsArray, StringArray, StringBuilder};
use arrow::datatypes as a;
use chrono::{DateTime, NaiveTime, TimeDelta};
use std::fmt::Write;

type Out = StringBuilder;

/// A column as texts; nulls stay nulls.
pub(super) fn texts(column: &dyn Array, data_type: DataType) -> Result<StringArray> {
    let mut out = StringBuilder::with_capacity(column.len(), column.len() * 8);
    let mut fine = true;
    macro_rules! each {
        ($array:expr, $write:expr) => {{
            let array = $array.ok_or_else(|| unexpected(column))?;
            for row in 0..array.len() {
                if array.is_null(row) {
                    out.append_null();
                } else {
                    fine &= $write(&mut out, array.value(row)).is_ok();
                    out.append_value("");
                }
            }
        }};
    }
    match data_type {
        DataType::Boolean => each!(column.as_boolean_opt(), |out: &mut Out, value| write!(out, "{value}")),
        DataType::Int16 => {
            each!(column.as_primitive_opt::<a::Int16Type>(), |out: &mut Out, value| write!(out, "{value}"));
        }
        DataType::Int32 => {
            each!(column.as_primitive_opt::<a::Int32Type>(), |out: &mut Out, value| write!(out, "{value}"));
        }
        DataType::Int64 => {
            each!(column.as_primitive_opt::<a::Int64Type>(), |out: &mut Out, value| write!(out, "{value}"));
        }
        DataType::Float32 => {
            each!(column.as_primitive_opt::<a::Float32Type>(), |out: &mut Out, value: f32| {
                write!(out, "{}", float(f64::from(value), &format!("{value:?}")))
            });
        }
        DataType::Float64 => {
            each!(column.as_primitive_opt::<a::Float64Type>(), |out: &mut Out, value: f64| {
                write!(out, "{}", float(value, &format!("{value:?}")))
            });
        }
        DataType::Decimal { .. } => {
            let array = column.as_primitive_opt::<a::Decimal128Type>().ok_or_else(|| unexpected(column))?;
            for row in 0..array.len() {
                out.append_option(array.is_valid(row).then(|| array.value_as_string(row)));
            }
        }
        DataType::Text | DataType::Json | DataType::Uuid => {
            return column.as_string_opt::<i32>().cloned().ok_or_else(|| unexpected(column));
        }
        DataType::Binary => each!(column.as_binary_opt::<i32>(), |out: &mut Out, value: &[u8]| {
            out.write_str("\\x").and_then(|()| value.iter().try_for_each(|byte| write!(out, "{byte:02x}")))
        }),
        DataType::Date => each!(column.as_primitive_opt::<a::Date32Type>(), |out: &mut Out, value: i32| {
            let day = DateTime::from_timestamp(i64::from(value) * 86_400, 0).ok_or(std::fmt::Error)?;
            write!(out, "{}", day.format("%Y-%m-%d"))
        }),
        DataType::Time => each!(column.as_primitive_opt::<a::Time64MicrosecondType>(), |out: &mut Out, value: i64| {
            let (clock, _) = NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(value));
            write!(out, "{}", clock.format("%H:%M:%S%.f"))
        }),
        DataType::Timestamp => {
            each!(column.as_primitive_opt::<a::TimestampMicrosecondType>(), |out: &mut Out, value| {
                let at = DateTime::from_timestamp_micros(value).ok_or(std::fmt::Error)?;
                write!(out, "{}", at.format("%Y-%m-%dT%H:%M:%S%.f"))
            });
        }
        DataType::TimestampTz => {
            each!(column.as_primitive_opt::<a::TimestampMicrosecondType>(), |out: &mut Out, value| {
                let at = DateTime::from_timestamp_micros(value).ok_or(std::fmt::Error)?;
                write!(out, "{}", at.format("%Y-%m-%dT%H:%M:%S%.fZ"))
            });
        }
    }
    if fine { Ok(out.finish()) } else { Err(Error::data("a date or time lies outside the calendar")) }
}

/// As people and JSON readers know the values that are no numbers.
fn float(value: f64, digits: &str) -> String {
    if value.is_finite() || value.is_nan() {
        return digits.to_owned();
    }
    if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
}

fn unexpected(column: &dyn Array) -> Error {
    Error::internal(format!("a column of {} was promised to be another type", column.data_type()))
}
