//! A table in parts that are read one by one, perhaps hours apart, in transactions of their own.
//!
//! Ranges of a key come first: a row is in the range of its key whatever happens to it in between. Pages are for tables
//! without such a key: a row that is updated between the reads of two parts may move from one to the other.

use super::catalog;
use super::failure::translate;
use super::statement::{BEGIN, execute};
use super::table::TableName;
use chrono::Datelike;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::{Part, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, sql::quote};

const PRIMARY_KEY: &str = "\
SELECT a.attname::text, t.typname::text FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] JOIN pg_type t ON t.oid = a.atttypid
WHERE i.indisprimary AND i.indnkeyatts = 1 AND t.typname IN ('int2', 'int4', 'int8', 'date', 'uuid')
  AND i.indrelid = (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = $1 AND c.relname = $2 AND NOT c.relhassubclass)";

pub(super) async fn split(
    session: &mut PgConnection,
    schema: &str,
    request: &ReadRequest,
    parts: usize,
) -> Result<Vec<Part>> {
    let table = TableName::parse(&request.locator, schema);
    execute(session, BEGIN).await?;
    let Some(existing) = table.existing(session).await? else {
        return Err(catalog::missing(session, &table, schema).await);
    };
    if parts < 2 || request.limit.is_some() || request.part.is_some() {
        return Ok(Vec::new());
    }
    let storage = TableName::storage(session, existing.relation).await?;
    if let Some(parts) = keys(session, &table, parts).await? {
        return Ok(parts);
    }
    match storage.pages {
        Some(count) if storage.ranges => Ok(pages(count, parts)),
        Some(_) | None => Ok(Vec::new()),
    }
}

fn pages(count: u64, parts: usize) -> Vec<Part> {
    let parts = u64::try_from(parts).unwrap_or(u64::MAX).min(count);
    if parts < 2 {
        return Vec::new();
    }
    // 128 bits: nothing here overflows.
    let bound = |part: u64| u64::try_from(u128::from(count) * u128::from(part) / u128::from(parts)).unwrap_or(count);
    (0..parts).map(|part| Part::Pages { from: bound(part), to: (part + 1 < parts).then(|| bound(part + 1)) }).collect()
}

/// Ranges of equal width; nothing when there is no key to tell them by.
async fn keys(session: &mut PgConnection, table: &TableName, parts: usize) -> Result<Option<Vec<Part>>> {
    let key: Option<(String, String)> = sqlx::query_as(PRIMARY_KEY)
        .bind(&table.schema)
        .bind(&table.table)
        .persistent(false)
        .fetch_optional(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    let Some((column, native)) = key else { return Ok(None) };
    let data_type = match native.as_str() {
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "int8" => DataType::Int64,
        "date" => DataType::Date,
        _ => DataType::Uuid,
    };
    let (lowest, highest) = if data_type == DataType::Uuid {
        (0, i128::from(u64::MAX))
    } else {
        match ends(session, table, &column, data_type).await? {
            Some(ends) => ends,
            None => return Ok(None),
        }
    };
    // The least value of each part but the first.
    let width = highest - lowest + 1;
    let parts = i128::try_from(parts).unwrap_or(i128::MAX).min(width);
    let starts: Vec<String> = (1..parts).filter_map(|part| word(lowest + width * part / parts, data_type)).collect();
    if starts.is_empty() {
        return Ok(None);
    }
    let limit = |value: &String, inclusive| RangeBound { value: value.clone(), inclusive };
    let range = |at: usize| {
        let from = at.checked_sub(1).and_then(|before| starts.get(before)).map(|start| limit(start, true));
        let to = starts.get(at).map(|start| limit(start, false));
        Part::Keys(RangeFilter { column: column.clone(), data_type, from, to, nulls: false })
    };
    Ok(Some((0..=starts.len()).map(range).collect()))
}

/// The least and the greatest key, dates as days since 1970; nothing in an empty table or where a key is infinite.
async fn ends(
    session: &mut PgConnection,
    table: &TableName,
    column: &str,
    data_type: DataType,
) -> Result<Option<(i128, i128)>> {
    let name = quote(column);
    let number = |word: &str| match data_type {
        DataType::Date => format!("CASE WHEN isfinite({word}({name})) THEN {word}({name}) - '1970-01-01'::date END"),
        _ => format!("{word}({name})"),
    };
    let sql = format!("SELECT ({})::int8, ({})::int8 FROM {}", number("min"), number("max"), table.sql());
    let (lowest, highest): (Option<i64>, Option<i64>) = sqlx::query_as(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_one(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(lowest.zip(highest).map(|(lowest, highest)| (i128::from(lowest), i128::from(highest))))
}

/// A number as a key's text: a day, the first half of a UUID, or itself.
fn word(value: i128, data_type: DataType) -> Option<String> {
    Some(match data_type {
        DataType::Date => {
            let date = chrono::NaiveDate::from_epoch_days(i32::try_from(value).ok()?)?;
            (1..=9999).contains(&date.year()).then(|| date.to_string())?
        }
        DataType::Uuid => super::wire::uuid(u128::try_from(value).ok()? << 64),
        _ => value.to_string(),
    })
}
