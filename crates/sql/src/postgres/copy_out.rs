//! Rows out of a table by binary COPY, in the transaction that a session is in.

use super::failure::translate;
use super::rows::Decoder;
use super::table::{Existing, TableName};
use super::wire::{Selected, Wire, select};
use futures::StreamExt;
use sqlx::postgres::PgConnection;
use std::future::Future;
use windvane_connect::Batch;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// One COPY out of a table.
pub(super) struct Copy {
    selected: Vec<Selected>,
    sql: String,
}

impl Copy {
    pub(super) fn of(existing: &Existing, wanted: &Schema) -> Self {
        let column = |name: &str| existing.columns.iter().find(|column| column.name == name);
        let selected = wanted.fields.iter().map(|field| select(field, column(&field.name))).collect();
        Self { selected, sql: String::new() }
    }

    /// `rest` follows the table's name: conditions and limits, made of our own words only.
    pub(super) fn new(table: &TableName, existing: &Existing, wanted: &Schema, rest: &str) -> Self {
        let mut copy = Self::of(existing, wanted);
        copy.sql = copy.sql(&format!("{}{rest}", table.sql()));
        copy
    }

    /// What a statement gives back that writes: columns of the table and, as the last one wanted, what `flag` says.
    pub(super) fn returning(
        existing: &Existing,
        wanted: &Schema,
        flag: &str,
        statement: impl FnOnce(&str) -> String,
    ) -> Self {
        let mut copy = Self::of(existing, wanted);
        if let Some(last) = copy.selected.last_mut() {
            *last = Selected { sql: flag.to_owned(), wire: Wire::Boolean, parsed: false };
        }
        copy.sql = format!("COPY ({}) TO STDOUT (FORMAT binary)", statement(&copy.list()));
        copy
    }

    /// `from`: the table and what follows it.
    pub(super) fn sql(&self, from: &str) -> String {
        format!("COPY (SELECT {} FROM {from}) TO STDOUT (FORMAT binary)", self.list())
    }

    pub(super) fn decoder(&self, wanted: &Schema) -> Result<Decoder> {
        Decoder::new(wanted, &self.selected)
    }

    fn list(&self) -> String {
        self.selected.iter().map(|column| column.sql.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Gives every batch to `give`, in the transaction that the session is in.
    pub(super) async fn run<Give, Given>(&self, session: &mut PgConnection, wanted: &Schema, give: Give) -> Result<()>
    where
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        self.run_as(session, wanted, translate, give).await
    }

    /// The same; `told` says what an error of the server is.
    pub(super) async fn run_as<Failed, Give, Given>(
        &self,
        session: &mut PgConnection,
        wanted: &Schema,
        told: impl Fn(&sqlx::Error) -> Failed,
        give: Give,
    ) -> Result<(), Failed>
    where
        Failed: From<Error>,
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        let mut decoder = self.decoder(wanted)?;
        let mut messages = session.copy_out_raw(&self.sql).await.map_err(|error| told(&error))?;
        while let Some(message) = messages.next().await {
            if decoder.feed(&message.map_err(|error| told(&error))?)?
                && let Some(batch) = decoder.take()?
            {
                give(batch).await?;
            }
        }
        match decoder.take()? {
            Some(batch) => Ok(give(batch).await?),
            None => Ok(()),
        }
    }
}
