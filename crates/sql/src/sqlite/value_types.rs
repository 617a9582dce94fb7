//! What the values of loosely declared columns are: SQLite keeps what it is given, whatever the column is called.
//!
//! Asked of all values at once, so that a column has one type and its numbers one unit: numbers that no double holds,
//! truths other than 0 and 1, moments with a zone, and what whole numbers count since 1970.

use super::failure::translate;
use super::table::{NativeColumn, sql};
use super::value::plain;
use futures::StreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use windvane_core::error::Result;
use windvane_core::schema::epoch::Epoch;
use windvane_core::schema::sql::{self, quote};
use windvane_core::schema::widen::roomy;
use windvane_core::schema::{DataType, Field};

/// Whole numbers up to this are doubles too.
const EXACT: i64 = 1 << 53;
/// Digits of any whole number that SQLite stores.
const WHOLE: usize = 19;
/// More digits behind the point are a measurement, and noise of its writing.
const MOST_SCALE: usize = 12;
/// A day and a zone behind its time.
const ZONED: &str = "'????-??-??*[-+ZzC]*'";

/// Columns whose declared type leaves open what they hold.
fn is_open(column: &NativeColumn, field: &Field) -> bool {
    match field.data_type {
        DataType::Boolean | DataType::Timestamp | DataType::TimestampTz | DataType::Date => true,
        DataType::Float64 => !sql::is_real(&column.declared),
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Json
        | DataType::Uuid => false,
    }
}

/// Gives the columns of a table the types and units that their values have.
pub(super) async fn settle(
    file: &mut SqliteConnection,
    table: &str,
    native: &[NativeColumn],
    fields: &mut [Field],
) -> Result<()> {
    let pairs = native.iter().zip(fields.iter_mut());
    let open: Vec<(String, &mut Field)> = pairs
        .filter(|(column, field)| is_open(column, field))
        .map(|(column, field)| (quote(&column.name), field))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    // Numbers come before texts there: the ends say what kinds of values there are.
    let ends = |(name, field): &(String, &mut Field)| match field.data_type {
        DataType::Boolean => {
            format!("coalesce(typeof(min({name})) = 'integer' AND (min({name}) < 0 OR max({name}) > 1), 0)")
        }
        DataType::Float64 => {
            format!("coalesce(min({name}) < -{EXACT} OR max({name}) > {EXACT}, 0)")
        }
        _ => format!("typeof(min({name})) = 'integer' OR typeof(min({name})) = 'real'"),
    };
    let asked: Vec<String> = open.iter().map(ends).collect();
    let odd = numbers(file, table, &asked).await?;
    for ((name, field), odd) in open.into_iter().zip(odd) {
        let (numeric, zoned) = (odd != 0, |name: &str| format!("count(CASE WHEN {name} GLOB {ZONED} THEN 1 END)"));
        match field.data_type {
            DataType::Boolean if numeric => {
                let other = format!("count(CASE WHEN typeof({name}) = 'integer' AND {name} NOT IN (0, 1) THEN 1 END)");
                let texts = format!("count(CASE WHEN typeof({name}) = 'text' THEN 1 END)");
                if let [1..=i64::MAX, 0] = numbers(file, table, &[other, texts]).await?[..] {
                    field.data_type = DataType::Int64;
                }
            }
            DataType::Float64 if numeric => field.data_type = number(file, table, &name).await?,
            DataType::Timestamp | DataType::TimestampTz | DataType::Date => {
                if field.data_type != DataType::Date {
                    let texts = format!("count(CASE WHEN typeof({name}) = 'text' THEN 1 END)");
                    if let [texts, zoned] = numbers(file, table, &[texts, zoned(&name)]).await?[..] {
                        field.data_type = match texts {
                            0 => field.data_type,
                            _ if zoned * 2 > texts => DataType::TimestampTz,
                            _ => DataType::Timestamp,
                        };
                    }
                }
                if numeric && let Some(unit) = unit(file, table, &name).await? {
                    field.native_type = field.native_type.as_deref().map(|declared| unit.noted(declared));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the whole numbers of a column of moments count; nothing where there are none.
pub(super) async fn unit(file: &mut SqliteConnection, table: &str, name: &str) -> Result<Option<Epoch>> {
    let is = |condition: &str| format!("count(CASE WHEN typeof({name}) = 'integer'{condition} THEN 1 END)");
    let mut asked = vec![is("")];
    asked.extend(Epoch::ALL.map(|unit| {
        let (from, to) = unit.speaks();
        is(&format!(" AND ({name} BETWEEN {from} AND {to} OR {name} BETWEEN -{to} AND -{from})"))
    }));
    Ok(match numbers(file, table, &asked).await?[..] {
        [0, ..] => None,
        [_, seconds, milliseconds, microseconds, nanoseconds] => {
            Some(Epoch::of_most([seconds, milliseconds, microseconds, nanoseconds]))
        }
        _ => None,
    })
}

/// Of numbers among which some may be none of a double's: what holds all of them as they are.
async fn number(file: &mut SqliteConnection, table: &str, name: &str) -> Result<DataType> {
    let large =
        format!("count(CASE WHEN typeof({name}) = 'integer' AND ({name} > {EXACT} OR {name} < -{EXACT}) THEN 1 END)");
    let reals = format!("count(CASE WHEN typeof({name}) = 'real' THEN 1 END)");
    match numbers(file, table, &[large, reals]).await?[..] {
        [0, _] => return Ok(DataType::Float64),
        [_, 0] => return Ok(DataType::Int64),
        _ => {}
    }
    let statement = format!("SELECT DISTINCT {name} FROM {} WHERE typeof({name}) = 'real'", sql(table));
    let mut rows = sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch(file);
    let (mut whole, mut scale) = (WHOLE, 0);
    while let Some(row) = rows.next().await {
        let real: f64 = row.and_then(|row| row.try_get(0)).map_err(|error| translate(&error).in_table(table))?;
        if !real.is_finite() {
            return Ok(DataType::Text);
        }
        let digits = plain(real);
        let (before, behind) =
            digits.trim_start_matches('-').split_once('.').unwrap_or((digits.trim_start_matches('-'), ""));
        (whole, scale) = (whole.max(before.len()), scale.max(behind.len()));
    }
    Ok(if scale > MOST_SCALE { DataType::Text } else { roomy(whole, scale).unwrap_or(DataType::Text) })
}

async fn numbers(file: &mut SqliteConnection, table: &str, asked: &[String]) -> Result<Vec<i64>> {
    let statement = format!("SELECT {} FROM {}", asked.join(", "), sql(table));
    let row: SqliteRow = sqlx::query(AssertSqlSafe(statement))
        .persistent(false)
        .fetch_one(file)
        .await
        .map_err(|error| translate(&error).in_table(table))?;
    (0..asked.len()).map(|at| row.try_get(at).map_err(|error| translate(&error).in_table(table))).collect()
}
