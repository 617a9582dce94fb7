//! A table as batches: one binary COPY in a read-only transaction.

use super::catalog;
use super::failure::translate;
use super::table::{Existing, TableName};
use super::wire::{Decoder, Selected, select};
use crate::connectors::gather::{Gather, produce};
use crate::connectors::{Batch, BatchStream, ReadRequest};
use crate::error::{Error, Result};
use crate::schema::Schema;
use futures::StreamExt;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::future::Future;

pub(super) async fn read(mut session: PgConnection, schema: &str, request: ReadRequest) -> Result<BatchStream> {
    let table = TableName::parse(&request.locator, schema);
    // One snapshot for the columns and the rows.
    execute(&mut session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let Some(existing) = table.existing(&mut session).await? else {
        return Err(catalog::missing(&mut session, &table, schema).await);
    };
    let limit = request.limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
    let copy = Copy::new(&table, &existing, &request.schema, &limit);
    let wanted = request.schema;
    Ok(produce(move |sender| async move {
        let give = |batch| {
            let sender = sender.clone();
            // A reader that is gone needs no more batches: this future is dropped with it.
            async move { sender.send(Ok(batch)).await.map_err(|_| Error::internal("the reader is gone")) }
        };
        copy.run(&mut session, &wanted, give).await.map_err(|error| name(error, &table))
    }))
}

/// One COPY out of a table.
pub(super) struct Copy {
    sql: String,
    selected: Vec<Selected>,
}

impl Copy {
    /// `rest` follows the table's name: conditions and limits, made of our own words only.
    pub(super) fn new(table: &TableName, existing: &Existing, wanted: &Schema, rest: &str) -> Self {
        let column = |name: &str| existing.columns.iter().find(|column| column.name == name);
        let selected: Vec<Selected> =
            wanted.fields.iter().map(|field| select(field.data_type, column(&field.name))).collect();
        let list: Vec<&str> = selected.iter().map(|column| column.sql.as_str()).collect();
        let sql = format!("COPY (SELECT {} FROM {}{rest}) TO STDOUT (FORMAT binary)", list.join(", "), table.sql());
        Self { sql, selected }
    }

    /// Gives every batch to `give`.
    pub(super) async fn run<Give, Given>(&self, session: &mut PgConnection, wanted: &Schema, give: Give) -> Result<()>
    where
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        let mut gather = Gather::new(wanted, self.selected.iter().map(|column| column.parsed).collect());
        let mut decoder = Decoder::new(self.selected.iter().map(|column| column.wire).collect());
        let mut chunks = session.copy_out_raw(&self.sql).await.map_err(|error| translate(&error))?;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| translate(&error))?;
            let mut full = decoder.feed(&chunk, &mut gather)?;
            while full {
                if let Some(batch) = gather.take()? {
                    give(batch).await?;
                }
                full = decoder.feed(&[], &mut gather)?;
            }
        }
        match gather.take()? {
            Some(batch) => give(batch).await,
            None => Ok(()),
        }
    }
}

pub(super) async fn execute(session: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map_err(|error| translate(&error))?;
    Ok(())
}

/// Names the table unless the server did.
pub(super) fn name(error: Error, table: &TableName) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table.to_string()) }
}
