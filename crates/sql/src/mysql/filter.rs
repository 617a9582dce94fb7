//! Ranges of values as conditions, and the splitting of a table by its key.

use super::session::Session;
use super::table::{Existing, TableName, quote, same};
use chrono::{DateTime, NaiveDate};
use std::fmt::Write;
use windvane_connect::range_filter::double;
use windvane_connect::{Part, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, infer};

/// From 0001-01-01, in days.
const EPOCH_DAYS: i32 = 719_163;

/// The conditions of a request; none when everything is wanted.
pub(super) fn conditions(request: &ReadRequest, existing: &Existing) -> Result<Vec<String>> {
    let part = request.part.iter().map(|part| of_part(part, existing));
    request.within.iter().map(|range| wanted(range, existing)).chain(part).collect()
}

/// The condition of a range that is read: values that no type of ours holds are inside wherever rows without a value are.
fn wanted(range: &RangeFilter, existing: &Existing) -> Result<String> {
    let condition = one(range, existing)?;
    let column = existing.columns.iter().find(|column| same(&column.name, &range.column)).filter(|_| range.nulls);
    let Some(column) = column else { return Ok(condition) };
    let name = quote(&column.name);
    // Only what an index can find.
    let unrepresentable = match range.data_type {
        DataType::TimestampTz if column.base == "timestamp" => format!("{name} = 0"),
        DataType::Date => format!("{name} < DATE'0001-01-01'"),
        DataType::Timestamp | DataType::TimestampTz => format!("{name} < TIMESTAMP'0001-01-01 00:00:00'"),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Json
        | DataType::Uuid => return Ok(condition),
    };
    Ok(format!("({condition} OR {unrepresentable})"))
}

pub(super) fn of_part(part: &Part, existing: &Existing) -> Result<String> {
    match part {
        Part::Keys(range) => one(range, existing),
        Part::Pages { .. } | Part::File { .. } => Err(Error::internal("a MySQL table is read in parts of its key")),
    }
}

pub(super) fn one(range: &RangeFilter, existing: &Existing) -> Result<String> {
    let column = existing.columns.iter().find(|column| same(&column.name, &range.column)).ok_or_else(|| {
        Error::missing(format!("the table has no column '{}'", range.column))
            .hint("It may have been dropped or renamed since: discover the source again")
    })?;
    let name = quote(&column.name);
    // Texts compare by their bytes, as everywhere here, and not by the column's collation.
    let left = match range.data_type {
        DataType::Text | DataType::Json | DataType::Uuid => format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)"),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz => name.clone(),
    };
    let mut ends = Vec::new();
    for (end, less) in [(&range.from, false), (&range.to, true)] {
        let Some(RangeBound { value, inclusive }) = end else { continue };
        let operator = match (less, inclusive) {
            (false, true) => ">=",
            (false, false) => ">",
            (true, true) => "<=",
            (true, false) => "<",
        };
        ends.push(format!("{left} {operator} {}", literal(value, range.data_type, &range.column)?));
    }
    Ok(match (ends.is_empty(), range.nulls) {
        (true, true) => "TRUE".to_owned(),
        (true, false) => format!("{name} IS NOT NULL"),
        (false, true) => format!("({} OR {name} IS NULL)", ends.join(" AND ")),
        (false, false) => format!("({})", ends.join(" AND ")),
    })
}

/// A value as MySQL writes it; only what is one of the type gets through.
fn literal(value: &str, data_type: DataType, column: &str) -> Result<String> {
    let wrong = || {
        Error::spec(format!("'{value}' is not a valid {data_type}"))
            .at_path(column)
            .hint("Write it as the column's type")
    };
    Ok(match data_type {
        DataType::Boolean => u8::from(value.parse::<bool>().map_err(|_| wrong())?).to_string(),
        DataType::Int16 | DataType::Int32 | DataType::Int64 => value.parse::<i64>().map_err(|_| wrong())?.to_string(),
        DataType::Float32 | DataType::Float64 => {
            let number = double(value, data_type).filter(|number| number.is_finite()).ok_or_else(wrong)?;
            format!("{number:e}")
        }
        DataType::Decimal { precision, scale } => {
            infer::decimal(value, precision, scale).ok_or_else(wrong)?;
            value.to_owned()
        }
        DataType::Text | DataType::Json | DataType::Uuid => bytes(value.as_bytes()),
        DataType::Binary => {
            let digits = value.strip_prefix("\\x").ok_or_else(wrong)?;
            if digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            format!("X'{digits}'")
        }
        DataType::Date => {
            infer::date(value).ok_or_else(wrong)?;
            format!("DATE'{value}'")
        }
        DataType::Time => {
            infer::time(value).ok_or_else(wrong)?;
            format!("TIME'{value}'")
        }
        DataType::Timestamp => moment(infer::timestamp(value).ok_or_else(wrong)?).ok_or_else(wrong)?,
        DataType::TimestampTz => moment(infer::timestamp_tz(value).ok_or_else(wrong)?).ok_or_else(wrong)?,
    })
}

fn moment(microseconds: i64) -> Option<String> {
    DateTime::from_timestamp_micros(microseconds)
        .map(|moment| format!("TIMESTAMP'{}'", moment.format("%Y-%m-%d %H:%M:%S%.6f")))
}

fn bytes(value: &[u8]) -> String {
    let mut text = String::from("X'");
    for byte in value {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

/// Even ranges between the lowest and the highest value of the key's first column, when that is a number or a date.
pub(super) async fn split(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    parts: usize,
) -> Result<Vec<Part>> {
    let key = existing.primary.first().and_then(|name| existing.columns.iter().find(|column| column.name == *name));
    let Some(key) = key.filter(|_| parts > 1) else { return Ok(Vec::new()) };
    let data_type = key.data_type();
    let name = quote(&key.name);
    let number = match data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { scale: 0, .. } => name.clone(),
        DataType::Date => format!("TO_DAYS({name}) - TO_DAYS('1970-01-01')"),
        _ => return Ok(Vec::new()),
    };
    let sql = format!("SELECT CAST(MIN({number}) AS CHAR), CAST(MAX({number}) AS CHAR) FROM {}", table.sql());
    let ends: Option<(Option<String>, Option<String>)> = session.one(&sql, &[]).await?;
    let Some((Some(low), Some(high))) = ends else { return Ok(Vec::new()) };
    let (Ok(low), Ok(high)) = (low.parse::<i128>(), high.parse::<i128>()) else { return Ok(Vec::new()) };
    let count = i128::try_from(parts).unwrap_or(1).min(high - low + 1);
    if count < 2 {
        return Ok(Vec::new());
    }
    let limit = |cut: i128, inclusive| {
        let value = match data_type {
            DataType::Date => day(cut)?,
            _ => cut.to_string(),
        };
        Some(RangeBound { value, inclusive })
    };
    let cut = |part: i128| low + (high - low + 1) * part / count;
    let part = |part: i128| {
        let from = if part == 0 { None } else { limit(cut(part), true) };
        let to = if part == count - 1 { None } else { limit(cut(part + 1), false) };
        Part::Keys(RangeFilter { column: key.name.clone(), data_type, from, to, nulls: part == 0 })
    };
    Ok((0..count).map(part).collect())
}

fn day(days: i128) -> Option<String> {
    let days = i32::try_from(days).ok()?.checked_add(EPOCH_DAYS)?;
    NaiveDate::from_num_days_from_ce_opt(days).map(|day| day.to_string())
}

#[cfg(test)]
mod tests;
