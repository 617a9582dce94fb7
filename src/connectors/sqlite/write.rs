//! Batches as inserts of many rows a statement.

use super::failure::translate;
use super::table::sql;
use crate::connectors::RowStream;
use crate::connectors::read_back::Tally;
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema, arrow::conform, sql::quote};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::sync::Arc;

/// SQLite takes this many values a statement, and a statement of more rows is not faster.
const MOST_VALUES: usize = 32_766;
const MOST_ROWS: usize = 64;

type Insert<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Inserts all rows; about how many bytes their values have.
pub(super) async fn insert(
    file: &mut SqliteConnection,
    dataset: &str,
    schema: &Schema,
    mut rows: RowStream,
    tally: &mut Tally,
) -> Result<u64> {
    let at_once = (MOST_VALUES / schema.fields.len().max(1)).clamp(1, MOST_ROWS);
    let whole = statement(dataset, schema, at_once);
    let mut bytes = 0;
    let mut before = 0;
    while let Some(batch) = rows.next().await {
        let batch = conform(&batch?, schema)?;
        tally.add(&batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let end = (start + at_once).min(batch.num_rows());
            let sql = if end - start == at_once { whole.clone() } else { statement(dataset, schema, end - start) };
            let part = batch.slice(start, end - start);
            let query = filled(sql, &part, &schema.fields, &mut bytes)
                .map_err(|(row, error)| error.in_row(before + (start + row) as u64 + 1))?;
            query.execute(&mut *file).await.map_err(|error| translate(&error))?;
            start = end;
        }
        before += batch.num_rows() as u64;
    }
    Ok(bytes)
}

fn statement(dataset: &str, schema: &Schema, rows: usize) -> SqlStr {
    let names: Vec<String> = schema.names().map(quote).collect();
    let one = format!("({})", vec!["?"; names.len()].join(", "));
    let text =
        format!("INSERT INTO {} ({}) VALUES {}", sql(dataset), names.join(", "), vec![one.as_str(); rows].join(", "));
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// The statement with the values of all rows; or which row has a value that cannot go.
fn filled(
    sql: SqlStr,
    rows: &RecordBatch,
    fields: &[Field],
    bytes: &mut u64,
) -> Result<Insert<'static>, (usize, Error)> {
    let columns = columns(rows, fields).map_err(|error| (0, error))?;
    let mut query = sqlx::query(sql);
    for row in 0..rows.num_rows() {
        for column in &columns {
            query = column.bind(query, row, bytes).map_err(|error| (row, error))?;
        }
    }
    Ok(query)
}

struct Column<'a> {
    array: &'a ArrayRef,
    data_type: DataType,
    /// Of types that go as their ISO or decimal text.
    formatter: Option<ArrayFormatter<'a>>,
}

fn columns<'a>(batch: &'a RecordBatch, fields: &[Field]) -> Result<Vec<Column<'a>>> {
    let columns = batch.columns().iter().zip(fields).map(|(array, field)| {
        let formatter = match field.data_type {
            DataType::Decimal { .. }
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::TimestampTz => {
                let made = ArrayFormatter::try_new(array.as_ref(), &FORMAT);
                Some(made.map_err(|error| Error::internal("a column cannot be written as text").caused_by(&error))?)
            }
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Text
            | DataType::Binary
            | DataType::Json
            | DataType::Uuid => None,
        };
        Ok(Column { array, data_type: field.data_type, formatter })
    });
    columns.collect()
}

static FORMAT: FormatOptions<'static> = FormatOptions::new();

impl Column<'_> {
    fn bind<'q>(&self, query: Insert<'q>, row: usize, bytes: &mut u64) -> Result<Insert<'q>> {
        if self.array.is_null(row) {
            return Ok(query.bind(None::<i64>));
        }
        if let Some(formatter) = &self.formatter {
            let text = formatter.value(row).to_string();
            *bytes += text.len() as u64;
            return Ok(query.bind(text));
        }
        *bytes += 8;
        let array = self.array;
        Ok(match self.data_type {
            DataType::Boolean => query.bind(i64::from(array.as_boolean().value(row))),
            DataType::Int16 => query.bind(i64::from(array.as_primitive::<Int16Type>().value(row))),
            DataType::Int32 => query.bind(i64::from(array.as_primitive::<Int32Type>().value(row))),
            DataType::Int64 => query.bind(array.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => query.bind(number(f64::from(array.as_primitive::<Float32Type>().value(row)))?),
            DataType::Float64 => query.bind(number(array.as_primitive::<Float64Type>().value(row))?),
            DataType::Binary => {
                let value = array.as_binary::<i32>().value(row);
                *bytes += value.len() as u64;
                query.bind(value.to_vec())
            }
            DataType::Text
            | DataType::Json
            | DataType::Uuid
            | DataType::Decimal { .. }
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::TimestampTz => {
                let value = array.as_string::<i32>().value(row);
                *bytes += value.len() as u64;
                query.bind(value.to_owned())
            }
        })
    }
}

/// SQLite would store NaN as null.
fn number(value: f64) -> Result<f64> {
    if value.is_nan() {
        return Err(Error::data("NaN cannot be stored in SQLite").hint("Turn NaN into null in a step"));
    }
    Ok(value)
}
