//! Values of ours as arguments of a statement.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, Encode, MySql, Type};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field};

pub(super) fn add<'t, T: Encode<'t, MySql> + Type<MySql> + 't>(values: &mut MySqlArguments, value: T) -> Result<()> {
    values.add(value).map_err(|error| Error::internal("a value cannot be written for MySQL").caused_by(&*error))
}

pub(super) fn value(values: &mut MySqlArguments, array: &ArrayRef, field: &Field, row: usize) -> Result<()> {
    if array.is_null(row) {
        return add(values, None::<&str>);
    }
    match field.data_type {
        DataType::Boolean => add(values, i8::from(array.as_boolean().value(row))),
        DataType::Int16 => add(values, array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => add(values, array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => add(values, array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            finite(f64::from(number), field)?;
            add(values, number)
        }
        DataType::Float64 => {
            let number = array.as_primitive::<Float64Type>().value(row);
            finite(number, field)?;
            add(values, number)
        }
        DataType::Decimal { .. } => add(values, array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Text | DataType::Json | DataType::Uuid => add(values, array.as_string::<i32>().value(row)),
        DataType::Binary => add(values, array.as_binary::<i32>().value(row)),
        DataType::Date => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = days.checked_add(719_163).and_then(NaiveDate::from_num_days_from_ce_opt);
            let known = date.filter(|date| (1..=9_999).contains(&date.year()));
            add(values, known.ok_or_else(|| outside(field))?)
        }
        DataType::Time => {
            let time = array.as_primitive::<Time64MicrosecondType>().value(row);
            let seconds = u32::try_from(time.div_euclid(1_000_000)).map_err(|_| outside(field))?;
            let nanoseconds = u32::try_from(time.rem_euclid(1_000_000) * 1_000).map_err(|_| outside(field))?;
            let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds);
            add(values, time.ok_or_else(|| outside(field))?)
        }
        DataType::Timestamp | DataType::TimestampTz => {
            let moment = DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row));
            let moment = moment.map(|moment| moment.naive_utc());
            let known = moment.filter(|moment| (1..=9_999).contains(&moment.year()));
            add(values, known.ok_or_else(|| outside(field))?)
        }
    }
}

/// MySQL has no such numbers.
fn finite(number: f64, field: &Field) -> Result<()> {
    if number.is_finite() {
        return Ok(());
    }
    Err(Error::data(format!("{number} for column '{}' cannot be stored in MySQL", field.name))
        .hint("Turn NaN and the infinities into null in a step"))
}

fn outside(field: &Field) -> Error {
    Error::data(format!("the value for column '{}' is outside what MySQL can hold", field.name))
        .hint("Dates lie in the years 1 to 9999 there, times in one day")
}

#[cfg(test)]
mod tests;
