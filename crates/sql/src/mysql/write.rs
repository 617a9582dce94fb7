//! Batches as inserts of many rows a statement; rows that the table refuses are found by bisection.

use super::failure::{column_in, refuses_rows};
use super::session::Session;
use super::table::{NativeColumn, TableName, quote};
use super::values::{add, value};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use futures::StreamExt;
use sqlx::mysql::MySqlArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::ops::Range;
use std::sync::Arc;
use windvane_connect::RowStream;
use windvane_connect::bisect::{self, Refuses};
use windvane_connect::narrow::Narrow;
use windvane_connect::row_accounting::RowAccounting;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::{Field, Schema, arrow::conform};
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

    /// Inserts all rows; about how many bytes their values have.
    pub(super) async fn all(
        &self,
        session: &mut Session,
        mut rows: RowStream,
        schema: &Schema,
        account: &mut RowAccounting,
    ) -> Result<u64> {
        let mut inserting = Inserting { into: self, session, bytes: 0 };
        while let Some(batch) = rows.next().await {
            let batch = conform(&batch?, schema)?;
            let sent = faults::spoilt("", &batch);
            let refused = bisect::insert(&mut inserting, &sent, account.sent(), &self.narrow, self.policy).await?;
            account.add(&batch, refused)?;
        }
        Ok(inserting.bytes)
    }
}

/// Inserts on their way to a server.
struct Inserting<'a> {
    into: &'a Inserts,
    session: &'a mut Session,
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
        let most = (start + self.into.at_once).min(batch.num_rows());
        let mut sum = 0;
        for row in start..most {
            let own: usize = batch.columns().iter().map(|column| VALUE_BYTES + text_bytes(column, row)).sum();
            if sum + own > self.into.most_bytes && row > start {
                return row;
            }
            sum += own;
            self.bytes += own as u64;
        }
        most
    }

    async fn insert(&mut self, batch: &RecordBatch, rows: Range<usize>, places: &[u64]) -> Result<()> {
        let Inserts { head, one, fields, at_once, whole, numbered, .. } = self.into;
        let is_whole = rows.len() == *at_once;
        let sql = if is_whole { whole.clone() } else { statement(head, one, rows.len()) };
        let mut values = MySqlArguments::default();
        for row in rows {
            if *numbered {
                add(&mut values, places[row])?;
            }
            for (array, field) in batch.columns().iter().zip(fields) {
                value(&mut values, array, field, row)?;
            }
        }
        let query = sqlx::query_with(sql, values).persistent(is_whole);
        let Session { link, watch, .. } = &mut *self.session;
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
