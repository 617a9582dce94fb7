//! Parts of dates and times, cutting them to a unit, reading them by a format.

use super::function::Part;
use crate::convert::{DAY, timestamps};
use arrow::array::{ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::datatypes::{Date32Type, Time64MicrosecondType, TimestampMicrosecondType};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use std::collections::HashMap;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, arrow::type_to_arrow};

fn moment(microseconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(microseconds).map(|moment| moment.naive_utc())
}

/// Dates as the microseconds of their midnight, times as microseconds of the first day.
fn moments(array: &ArrayRef, data_type: DataType) -> Vec<Option<i64>> {
    match data_type {
        DataType::Date => {
            let days = array.as_primitive::<Date32Type>();
            days.iter().map(|day| day.map(|day| i64::from(day) * DAY)).collect()
        }
        DataType::Time => array.as_primitive::<Time64MicrosecondType>().iter().collect(),
        _ => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
    }
}

pub(super) fn part(part: Part, array: &ArrayRef, data_type: DataType) -> ArrayRef {
    let values: Int64Array = moments(array, data_type).into_iter().map(|value| part_of(part, value?)).collect();
    Arc::new(values)
}

fn part_of(part: Part, microseconds: i64) -> Option<i64> {
    let moment = moment(microseconds)?;
    Some(match part {
        Part::Year => i64::from(moment.year()),
        Part::Quarter => i64::from(moment.month0() / 3 + 1),
        Part::Month => i64::from(moment.month()),
        Part::Week => i64::from(moment.iso_week().week()),
        Part::Day => i64::from(moment.day()),
        Part::DayOfWeek => i64::from(moment.weekday().num_days_from_sunday()),
        Part::IsoDayOfWeek => i64::from(moment.weekday().number_from_monday()),
        Part::DayOfYear => i64::from(moment.ordinal()),
        Part::Hour => i64::from(moment.hour()),
        Part::Minute => i64::from(moment.minute()),
        Part::Second => i64::from(moment.second()),
        Part::Epoch => microseconds.div_euclid(1_000_000),
    })
}

pub(super) fn trunc(unit: Part, array: &ArrayRef, data_type: DataType) -> ArrayRef {
    if data_type == DataType::Date && unit == Part::Month {
        let days = array.as_primitive::<Date32Type>();
        if days.values().iter().all(|day| first_of_month(*day).is_some()) {
            return Arc::new(days.unary::<_, Date32Type>(|day| first_of_month(day).unwrap_or(day)));
        }
    }
    if data_type == DataType::Date {
        // There are few days in a column, and the calendar is slow.
        let mut known: HashMap<i32, Option<i32>, ahash::RandomState> = HashMap::default();
        let cut = |day: i32| {
            let cut = trunc_to(unit, i64::from(day).checked_mul(DAY)?)?;
            i32::try_from(cut.div_euclid(DAY)).ok()
        };
        let days = array.as_primitive::<Date32Type>().iter();
        let days = days.map(|day| day.and_then(|day| *known.entry(day).or_insert_with(|| cut(day))));
        return Arc::new(days.collect::<PrimitiveArray<Date32Type>>());
    }
    let cut = moments(array, data_type).into_iter().map(|value| trunc_to(unit, value?));
    timestamps(cut, data_type)
}

/// By arithmetic alone, in the years 0 to 27 000: counted from March on, the leap day ends the year, and the months'
/// lengths follow a straight line.
fn first_of_month(day: i32) -> Option<i32> {
    let since = u32::try_from(day.checked_add(719_468)?).ok().filter(|since| *since < 10_000_000)?;
    let of_era = since % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5;
    i32::try_from(of_month).ok().map(|days| day - days)
}

fn trunc_to(unit: Part, microseconds: i64) -> Option<i64> {
    let date = moment(microseconds)?.date();
    let first = |year, month| NaiveDate::from_ymd_opt(year, month, 1);
    let floor = |size: i64| Some(microseconds - microseconds.rem_euclid(size));
    let day = match unit {
        Part::Year => first(date.year(), 1)?,
        Part::Quarter => first(date.year(), date.month0() / 3 * 3 + 1)?,
        Part::Month => first(date.year(), date.month())?,
        Part::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday())))?,
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Epoch => date,
        Part::Hour => return floor(3_600_000_000),
        Part::Minute => return floor(60_000_000),
        Part::Second => return floor(1_000_000),
    };
    Some(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

/// Refuses a format with a letter that means nothing, before anything runs.
pub(crate) fn check_format(format: &str, to: DataType) -> Result<()> {
    if format.is_empty() || StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
        return Err(Error::spec(format!("'{format}' is not a format for {to}"))
            .hint("Formats are strftime: %d/%m/%Y, %Y-%m-%d %H:%M:%S, %b %d, %Y"));
    }
    Ok(())
}

/// Text in one of the formats as `date`, `time`, `timestamp` or `timestamptz`, in the unit of the type.
pub(crate) fn read(text: &str, formats: &[String], to: DataType) -> Option<i64> {
    let text = text.trim();
    formats.iter().find_map(|format| read_one(text, format, to))
}

/// Whether microseconds hold a time: no leap second, which would become the next minute, and nothing finer.
fn is_held(time: NaiveTime) -> bool {
    time.nanosecond() < 1_000_000_000 && time.nanosecond().is_multiple_of(1_000)
}

fn read_one(text: &str, format: &str, to: DataType) -> Option<i64> {
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
    // chrono reads "24" as the year 24 when the format says %Y: that is a two-digit year in the wrong format.
    let plausible = |date: &NaiveDate| date.year() >= 1000 || !format.contains("%Y");
    match to {
        DataType::Date => {
            let date = NaiveDate::parse_from_str(text, format);
            let date = date.or_else(|_| NaiveDateTime::parse_from_str(text, format).map(|moment| moment.date())).ok();
            let date = date.filter(plausible)?;
            Some(midnight(date).and_utc().timestamp_micros().div_euclid(DAY))
        }
        DataType::Time => {
            let time = NaiveTime::parse_from_str(text, format).ok().filter(|time| is_held(*time))?;
            Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000))
        }
        DataType::TimestampTz => {
            if let Ok(moment) = DateTime::parse_from_str(text, format) {
                return (plausible(&moment.date_naive()) && is_held(moment.time())).then(|| moment.timestamp_micros());
            }
            read_one(text, format, DataType::Timestamp)
        }
        _ => {
            let moment = NaiveDateTime::parse_from_str(text, format);
            let moment = moment.or_else(|_| NaiveDate::parse_from_str(text, format).map(midnight)).ok();
            let moment = moment.filter(|moment| plausible(&moment.date()) && is_held(moment.time()))?;
            Some(moment.and_utc().timestamp_micros())
        }
    }
}

/// Values from [`read`] as a column.
pub(crate) fn column(values: Vec<Option<i64>>, to: DataType) -> ArrayRef {
    match to {
        DataType::Date => {
            let days: PrimitiveArray<Date32Type> = values.into_iter().map(|value| i32::try_from(value?).ok()).collect();
            Arc::new(days)
        }
        DataType::Time => {
            let times: PrimitiveArray<Time64MicrosecondType> = values.into_iter().collect();
            Arc::new(times.with_data_type(type_to_arrow(to)))
        }
        _ => timestamps(values.into_iter(), to),
    }
}
