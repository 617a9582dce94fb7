//! A table as batches: one prepared SELECT in one snapshot, in the order of the primary key.

use super::catalog;
use super::failure::translate;
use super::select::{Selected, select};
use super::session::Session;
use super::table::{Existing, TableName, quote, same};
use super::wire::put;
use super::within::condition;
use crate::connectors::gather::{Gather, produce};
use crate::connectors::{Batch, BatchStream, ReadRequest};
use crate::error::{Error, Result};
use crate::schema::Schema;
use futures::{FutureExt, StreamExt};
use sqlx::mysql::{MySql, MySqlRow};
use sqlx::{AssertSqlSafe, Decode, Row};
use std::future::Future;
use tokio::task::JoinHandle;

pub(super) async fn read(mut session: Session, database: &str, request: ReadRequest) -> Result<BatchStream> {
    let table = TableName::parse(&request.locator, database);
    // One snapshot for all rows; the columns are asked for inside it, but MySQL keeps no snapshot of those.
    session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
    let Some(existing) = table.existing(&mut session).await? else {
        return Err(catalog::missing(&mut session, &table, database).await);
    };
    let limit = request.limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
    let rest = format!("{}{}{limit}", condition(&request, &existing)?, in_order(&existing));
    let query = Select::new(&table, &existing, &request.schema, &rest);
    let wanted = request.schema;
    // In a task of its own, since decoding and what is done with the rows take about the same time.
    Ok(produce(move |sender| async move {
        let work = async move {
            let give = |batch| {
                let sender = sender.clone();
                // A reader that is gone needs no more batches: this task is stopped with it.
                async move { sender.send(Ok(batch)).await.map_err(|_| Error::internal("the reader is gone")) }
            };
            query.run(&mut session, &wanted, give).await.map_err(|error| name(error, &table))
        };
        Beside(tokio::spawn(work)).done().await
    }))
}

/// A task that ends when nobody waits for it any more.
struct Beside(JoinHandle<Result<()>>);

impl Beside {
    async fn done(mut self) -> Result<()> {
        (&mut self.0).await.map_err(|error| Error::internal("the reading stopped").caused_by(&error))?
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// By the primary key, so that the same rows always come in the same order.
fn in_order(existing: &Existing) -> String {
    if existing.primary.is_empty() {
        return String::new();
    }
    let columns: Vec<String> = existing.primary.iter().map(|column| quote(column)).collect();
    format!(" ORDER BY {}", columns.join(", "))
}

/// One SELECT of a table's columns.
pub(super) struct Select {
    sql: String,
    selected: Vec<Selected>,
}

impl Select {
    /// `rest` follows the table's name: conditions, order and limits, made of our own words only.
    pub(super) fn new(table: &TableName, existing: &Existing, wanted: &Schema, rest: &str) -> Self {
        let column = |name: &str| {
            let exact = existing.columns.iter().find(|column| column.name == name);
            exact.or_else(|| existing.columns.iter().find(|column| same(&column.name, name)))
        };
        let selected: Vec<Selected> =
            wanted.fields.iter().map(|field| select(field.data_type, column(&field.name))).collect();
        let list: Vec<&str> = selected.iter().map(|column| column.sql.as_str()).collect();
        let sql = format!("SELECT {} FROM {}{rest}", list.join(", "), table.sql());
        Self { sql, selected }
    }

    /// Gives every batch to `give`.
    pub(super) async fn run<Give, Given>(&self, session: &mut Session, wanted: &Schema, give: Give) -> Result<()>
    where
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        let mut gather = Gather::new(wanted, self.selected.iter().map(|column| column.parsed).collect());
        let Session { link, watch, .. } = session;
        let mut rows = sqlx::query(AssertSqlSafe(self.sql.as_str())).persistent(false).fetch(link);
        loop {
            // Mostly the next row is here already: no timer then.
            let next = match rows.next().now_or_never() {
                Some(next) => next.transpose().map_err(|error| translate(&error))?,
                None => watch.patient(rows.next().map(Option::transpose)).await?,
            };
            let Some(row) = next else { break };
            self.add(&row, &mut gather)?;
            let full = if gather.end_row() { gather.take()? } else { None };
            if let Some(batch) = full {
                give(batch).await?;
            }
        }
        match gather.take()? {
            Some(batch) => give(batch).await,
            None => Ok(()),
        }
    }

    fn add(&self, row: &MySqlRow, gather: &mut Gather) -> Result<()> {
        for (column, selected) in self.selected.iter().enumerate() {
            let value = row.try_get_raw(column).map_err(|error| translate(&error))?;
            // Not `is_null`: the driver takes zero dates for nulls.
            match <&[u8] as Decode<MySql>>::decode(value) {
                Ok(bytes) => put(selected.wire, bytes, column, gather)?,
                Err(_) => gather.null(column),
            }
        }
        Ok(())
    }
}

/// Names the table unless somebody did.
pub(super) fn name(error: Error, table: &TableName) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table.to_string()) }
}
