//! Batches as inserts of many rows a statement; rows that the table refuses are found by halving.

use super::failure::{column_in, refuses_rows};
use super::session::Session;
use super::table::{NativeColumn, TableName, quote};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use chrono::{DateTime, NaiveDate, NaiveTime};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, MySql, SqlSafeStr, SqlStr, Type};
use std::ops::Range;
use std::sync::Arc;
use windvane_connect::RefusedRow;
use windvane_connect::halving::{Halves, refusal};
use windvane_connect::narrow::{Narrow, must_fit, others};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::{DataType, Field};
use windvane_core::spec::RowPolicy;

/// The server takes this many values a statement, and a statement of more rows is not faster.
const MOST_VALUES: usize = 65_535;
const MOST_ROWS: usize = 1_000;
/// A statement of more bytes is not faster either.
const MOST_BYTES: usize = 4 << 20;
/// What a value takes beside its text.
const VALUE_BYTES: usize = 16;

/// Inserts into one table.
pub(super) struct Inserts {
    head: String,
    one: String,
    fields: Vec<Field>,
    /// Rows a statement.
    at_once: usize,
    whole: SqlStr,
    /// A row's place in the load goes first.
    numbered: bool,
    most_bytes: usize,
    policy: RowPolicy,
    /// What the table where the rows end would change.
    narrow: Narrow,
}

impl Inserts {
    /// `at` is the name of the column that takes the row's place, where there is one; `own` that of the load's id, and the id
    /// as SQL.
    pub(super) fn new(
        session: &Session,
        table: &TableName,
        fields: &[Field],
        columns: &[NativeColumn],
        (at, own): (Option<&str>, Option<(&str, &str)>),
        policy: RowPolicy,
        narrow: Narrow,
    ) -> Self {
        let (own, id) = own.unzip();
        let names: Vec<String> =
            at.into_iter().chain(fields.iter().map(|field| field.name.as_str())).chain(own).map(quote).collect();
        let marks = fields.iter().map(|field| mark(columns.iter().find(|column| column.name == field.name)));
        let one: Vec<&str> = at.map(|_| "?").into_iter().chain(marks).chain(id).collect();
        let head = format!("INSERT INTO {} ({}) VALUES ", table.sql(), names.join(", "));
        let one = format!("({})", one.join(", "));
        let at_once = (MOST_VALUES / names.len().max(1)).clamp(1, MOST_ROWS);
        let most_bytes = usize::try_from(session.packet / 2).unwrap_or(MOST_BYTES).min(MOST_BYTES);
        let whole = statement(&head, &one, at_once);
        Self { head, one, fields: fields.to_vec(), at_once, whole, numbered: at.is_some(), most_bytes, policy, narrow }
    }

    /// Inserts the rows of a batch whose first one has this place in the load. Those that cannot go are given back; bytes
    /// are counted.
    pub(super) async fn batch(
        &self,
        session: &mut Session,
        batch: &RecordBatch,
        first: u64,
        bytes: &mut u64,
    ) -> Result<Vec<RefusedRow>> {
        let mut refused = self.narrow.misfits(batch, first);
        if let (RowPolicy::Fail, Some(row)) = (self.policy, refused.first()) {
            return Err(must_fit(row));
        }
        let (batch, places) = others(batch, first, &refused)?;
        let batch = &faults::spoilt("", &batch);
        let mut start = 0;
        while start < batch.num_rows() {
            let end = self.end(batch, start, bytes);
            let mut halves = Halves::of(start..end);
            while let Some(rows) = halves.take() {
                let Err(error) = self.rows(session, batch, rows.clone(), &places).await else { continue };
                if !refuses_rows(&error) {
                    return Err(error);
                }
                if halves.blame(&rows).is_some() {
                    let column = column_in(error.message());
                    refused.push(refusal(error, places[rows.start], self.policy, column)?);
                }
            }
            start = end;
        }
        Ok(refused)
    }

    /// Where the statement that begins with this row ends.
    fn end(&self, batch: &RecordBatch, start: usize, bytes: &mut u64) -> usize {
        let most = (start + self.at_once).min(batch.num_rows());
        let mut sum = 0;
        for row in start..most {
            let own: usize = batch.columns().iter().map(|column| VALUE_BYTES + text_bytes(column, row)).sum();
            if sum + own > self.most_bytes && row > start {
                return row;
            }
            sum += own;
            *bytes += own as u64;
        }
        most
    }

    async fn rows(&self, session: &mut Session, batch: &RecordBatch, rows: Range<usize>, places: &[u64]) -> Result<()> {
        let is_whole = rows.len() == self.at_once;
        let sql = if is_whole { self.whole.clone() } else { statement(&self.head, &self.one, rows.len()) };
        let mut values = MySqlArguments::default();
        for row in rows {
            if self.numbered {
                add(&mut values, places[row])?;
            }
            for (array, field) in batch.columns().iter().zip(&self.fields) {
                value(&mut values, array, field, row)?;
            }
        }
        let query = sqlx::query_with(sql, values).persistent(is_whole);
        let Session { link, watch, .. } = session;
        watch.patient(query.execute(link)).await.map(drop)
    }
}

fn statement(head: &str, one: &str, rows: usize) -> SqlStr {
    let text = format!("{head}{}", vec![one; rows].join(", "));
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// How a value stands in the statement.
fn mark(column: Option<&NativeColumn>) -> &'static str {
    match column.map(|column| column.base.as_str()) {
        // A text of digits would be taken as bits.
        Some("bit") => "CAST(? AS UNSIGNED)",
        Some(
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection",
        ) => "ST_GeomFromWKB(?)",
        _ => "?",
    }
}

fn text_bytes(column: &ArrayRef, row: usize) -> usize {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return usize::try_from(texts.value_length(row)).unwrap_or(0);
    }
    column.as_binary_opt::<i32>().map_or(0, |values| usize::try_from(values.value_length(row)).unwrap_or(0))
}

fn add<'t, T: Encode<'t, MySql> + Type<MySql> + 't>(values: &mut MySqlArguments, value: T) -> Result<()> {
    values.add(value).map_err(|error| Error::internal("a value cannot be written for MySQL").caused_by(&*error))
}

fn value(values: &mut MySqlArguments, array: &ArrayRef, field: &Field, row: usize) -> Result<()> {
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
        DataType::Decimal { .. } => {
            add(values, array.as_primitive::<arrow::datatypes::Decimal128Type>().value_as_string(row))
        }
        DataType::Text | DataType::Json | DataType::Uuid => add(values, array.as_string::<i32>().value(row)),
        DataType::Binary => add(values, array.as_binary::<i32>().value(row)),
        DataType::Date => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = days.checked_add(719_163).and_then(NaiveDate::from_num_days_from_ce_opt);
            add(values, date.ok_or_else(|| outside(field))?)
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
            let known = moment.filter(|moment| (1..=9_999).contains(&chrono::Datelike::year(moment)));
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
