//! Days outside of the years 1 to 9999: a Parquet file can hold them, and no text, JSON line or server gives them back.

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use std::ops::RangeInclusive;
use windvane_core::schema::DataType;
use windvane_core::spec::target::Target;
use windvane_engine::frame::Frame;

/// Days since 1970 of 0001-01-01 and 9999-12-31.
const DAYS: RangeInclusive<i64> = -719_162..=2_932_896;
const MICROSECONDS: i64 = 86_400_000_000;

pub(super) fn is_bounded(target: &Target) -> bool {
    !target.kind().any_day
}

/// The rows with such a day, and the column that holds it; a row comes once a column.
pub(super) fn beyond(frame: &Frame) -> Vec<(usize, Option<String>, String)> {
    let mut found = Vec::new();
    for (field, column) in frame.schema.fields.iter().zip(frame.rows.columns()) {
        let rows = match field.data_type {
            DataType::Date => {
                let days = column.as_primitive::<Date32Type>();
                let ends = min(days).into_iter().chain(max(days));
                rows(ends.map(i64::from), days.iter().map(|day| day.map(i64::from)), &DAYS)
            }
            DataType::Timestamp | DataType::TimestampTz => {
                let moments = column.as_primitive::<TimestampMicrosecondType>();
                let range = DAYS.start() * MICROSECONDS..=(DAYS.end() + 1) * MICROSECONDS - 1;
                rows(min(moments).into_iter().chain(max(moments)), moments.iter(), &range)
            }
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal { .. }
            | DataType::Text
            | DataType::Json
            | DataType::Binary
            | DataType::Time
            | DataType::Uuid => continue,
        };
        let reason = || "the day lies outside of the years 1 to 9999".to_owned();
        found.extend(rows.into_iter().map(|row| (row, Some(field.name.clone()), reason())));
    }
    found
}

/// A look at the ends alone is enough, almost always.
fn rows(
    mut ends: impl Iterator<Item = i64>,
    values: impl Iterator<Item = Option<i64>>,
    range: &RangeInclusive<i64>,
) -> Vec<usize> {
    if ends.all(|end| range.contains(&end)) {
        return Vec::new();
    }
    let is_beyond = |value: Option<i64>| value.is_some_and(|value| !range.contains(&value));
    values.enumerate().filter(|(_, value)| is_beyond(*value)).map(|(row, _)| row).collect()
}
