//! Values that Arrow's columns can hold and no clock or calendar does; and the texts of UUIDs.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Date32Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType};
use std::sync::Arc;

const DAY: i64 = 86_400_000_000;
/// Some 260,000 years on either side of 1970: what can be written as a date.
const LAST_DAY: i64 = 95_000_000;

/// The rows of a column of ours with such a value, and why.
pub(super) fn odd(column: &ArrayRef) -> Vec<(usize, String)> {
    let outside = |value: i64, what: &str| format!("{value} {what} since 1970 are outside the calendar");
    match column.data_type() {
        DataType::Time64(TimeUnit::Microsecond) => {
            let times = column.as_primitive::<Time64MicrosecondType>().iter().enumerate();
            let odd = times.filter_map(|(row, value)| value.map(|value| (row, value)));
            odd.filter(|(_, value)| !(0..DAY).contains(value))
                .map(|(row, value)| (row, format!("{value} microseconds since midnight are no time of a day")))
                .collect()
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().iter().enumerate();
            let odd = days.filter_map(|(row, value)| value.map(|value| (row, i64::from(value))));
            odd.filter(|(_, value)| value.abs() > LAST_DAY).map(|(row, value)| (row, outside(value, "days"))).collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let moments = column.as_primitive::<TimestampMicrosecondType>().iter().enumerate();
            let odd = moments.filter_map(|(row, value)| value.map(|value| (row, value)));
            odd.filter(|(_, value)| (value / DAY).abs() > LAST_DAY)
                .map(|(row, value)| (row, outside(value, "microseconds")))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The rows of durations, written as texts, that could not be written.
pub(super) fn odd_durations(texts: &ArrayRef) -> Vec<(usize, String)> {
    let Some(texts) = texts.as_string_opt::<i32>() else { return Vec::new() };
    let written = |text: &str| text.trim_start_matches('-').starts_with('P');
    let odd = texts.iter().enumerate().filter(|(_, text)| text.is_some_and(|text| !written(text)));
    odd.map(|(row, _)| (row, "the duration is longer than can be written".to_owned())).collect()
}

/// Sixteen bytes as the 36 characters of a UUID.
pub(super) fn uuids(column: &ArrayRef) -> ArrayRef {
    let bytes = column.as_fixed_size_binary();
    let text = |value: &[u8]| {
        let hex = crate::schema::hex(value);
        let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32))
    };
    Arc::new(bytes.iter().map(|value| value.map(text)).collect::<StringArray>())
}
