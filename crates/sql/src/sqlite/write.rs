//! Batches as inserts of many rows a statement.

use super::failure::{NOT_A_NUMBER, column_in, refuses_rows, translate};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::ops::Range;
use std::sync::Arc;
use windvane_connect::bisect::{self, Refuses};
use windvane_connect::narrow::Narrow;
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, RowStream};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::{DataType, Field, Schema, arrow::conform, sql::quote};
use windvane_core::spec::RowPolicy;

/// SQLite takes this many values a statement, and a statement of more rows is not faster.
const MOST_VALUES: usize = 32_766;
const MOST_ROWS: usize = 64;

type Insert<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Whether a row's place in the load is stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Untold,
    /// In this column, the first one.
    In(&'static str),
}

/// Inserts into one table.
pub(super) struct Inserts {
    /// As SQL, up to the first row.
    head: String,
    /// A row.
    one: String,
    schema: Schema,
    place: Place,
    /// Rows a statement.
    at_once: usize,
    whole: SqlStr,
    policy: RowPolicy,
    /// What the table would change of the rows.
    narrow: Narrow,
}

impl Inserts {
    /// `own`: the column of the load's id, and the id as SQL.
    pub(super) fn new(
        table: &str,
        request: &LoadRequest,
        place: Place,
        own: Option<(&str, &str)>,
        narrow: Narrow,
    ) -> Self {
        let (own, id) = own.unzip();
        let names = match place {
            Place::Untold => None,
            Place::In(column) => Some(quote(column)),
        };
        let names: Vec<String> = names.into_iter().chain(request.schema.names().chain(own).map(quote)).collect();
        let at_once = (MOST_VALUES / names.len().max(1)).clamp(1, MOST_ROWS);
        let head = format!("INSERT INTO {table} ({}) VALUES ", names.join(", "));
        let values = vec!["?"; names.len() - usize::from(own.is_some())].into_iter().chain(id);
        let one = format!("({})", values.collect::<Vec<_>>().join(", "));
        let whole = statement(&head, &one, at_once);
        Self { head, one, schema: request.schema.clone(), place, at_once, whole, policy: request.refused, narrow }
    }

    /// Inserts all rows; about how many bytes their values have.
    pub(super) async fn all(
        &self,
        file: &mut SqliteConnection,
        mut rows: RowStream,
        account: &mut RowAccounting,
    ) -> Result<u64> {
        let mut inserting = Inserting { into: self, file, bytes: 0 };
        while let Some(batch) = rows.next().await {
            let batch = conform(&batch?, &self.schema)?;
            let sent = faults::spoilt("", &batch);
            let refused = bisect::insert(&mut inserting, &sent, account.sent(), &self.narrow, self.policy).await?;
            account.add(&batch, refused)?;
        }
        Ok(inserting.bytes)
    }
}

/// Inserts on their way into a file.
struct Inserting<'a> {
    into: &'a Inserts,
    file: &'a mut SqliteConnection,
    bytes: u64,
}

impl Refuses for Inserting<'_> {
    fn refuses_rows(error: &Error) -> bool {
        refuses_rows(error)
    }

    fn column_in(message: &str) -> Option<String> {
        column_in(message)
    }
}

impl bisect::Inserts for Inserting<'_> {
    fn end(&mut self, batch: &RecordBatch, start: usize) -> usize {
        (start + self.into.at_once).min(batch.num_rows())
    }

    async fn insert(&mut self, batch: &RecordBatch, rows: Range<usize>, places: &[u64]) -> Result<()> {
        let Inserts { head, one, schema, place, at_once, whole, .. } = self.into;
        let sql = if rows.len() == *at_once { whole.clone() } else { statement(head, one, rows.len()) };
        let part = batch.slice(rows.start, rows.len());
        let places = (*place != Place::Untold).then(|| &places[rows]);
        let query = filled(sql, &part, &schema.fields, places, &mut self.bytes)?;
        query.execute(&mut *self.file).await.map(drop).map_err(|error| translate(&error))
    }
}

fn statement(head: &str, one: &str, rows: usize) -> SqlStr {
    let text = format!("{head}{}", vec![one; rows].join(", "));
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// The statement with the values of all rows, and their places.
fn filled(
    sql: SqlStr,
    rows: &RecordBatch,
    fields: &[Field],
    places: Option<&[u64]>,
    bytes: &mut u64,
) -> Result<Insert<'static>> {
    let columns = columns(rows, fields)?;
    let mut query = sqlx::query(sql);
    for row in 0..rows.num_rows() {
        if let Some(places) = places {
            query = query.bind(i64::try_from(places[row]).unwrap_or(i64::MAX));
        }
        for column in &columns {
            query = column.bind(query, row, bytes)?;
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
        return Err(Error::data("NaN cannot be stored in SQLite").hint(NOT_A_NUMBER));
    }
    Ok(value)
}
