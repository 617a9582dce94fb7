//! A table or view as batches: one SELECT, whose rows SQLite's own thread hands over.

use super::catalog::missing;
use super::failure::translate;
use super::filter::Ranges;
use super::statement::execute;
use super::table::{LEDGER, NativeColumn, all, columns, same, sql};
use super::value::{Stored, is_parsed, put};
use super::value_types;
use futures::{StreamExt, stream};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Row, TypeInfo, ValueRef};
use std::future::Future;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_connect::produce::produce;
use windvane_connect::read_back::ReadBack;
use windvane_connect::{Batch, BatchStream, LoadRequest, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::epoch::Epoch;
use windvane_core::schema::{DataType, Field, Schema, sql::quote};

pub(super) async fn read(mut file: SqliteConnection, request: ReadRequest) -> Result<BatchStream> {
    let relations = all(&mut file).await?;
    let known = relations.iter().find(|relation| same(&relation.name, &request.locator));
    let Some(table) = known.map(|relation| relation.name.clone()).filter(|name| !same(name, LEDGER)) else {
        return Err(missing(&request.locator, &relations));
    };
    let native = columns(&mut file, &table).await.map_err(|error| translate(&error).in_table(&table))?;
    let mut ranges = Ranges::new(&request, &native)?;
    units(&mut file, &table, &native, &mut ranges.read.fields).await?;
    let limit = request.limit.filter(|_| ranges.decided());
    let limit = limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
    let statement = select(&table, &native, &ranges.read, &format!("{}{limit}", ranges.condition));
    let read = ranges.read.clone();
    let batches = produce(move |sender| async move {
        let give = |batch| {
            let sender = sender.clone();
            // A reader that is gone needs no more batches: this future is dropped with it.
            async move { sender.send(Ok(batch)).await.map_err(|_| Error::internal("the reader is gone")) }
        };
        run(&mut file, &statement, &read, give).await.map_err(|error| error.in_table(table))?;
        super::place::close(file).await
    });
    Ok(if ranges.decided() { batches } else { inside(batches, ranges, request.limit) })
}

/// Moments whose unit no plan knows: numbers that came since, and columns that are only looked at.
async fn units(file: &mut SqliteConnection, table: &str, native: &[NativeColumn], fields: &mut [Field]) -> Result<()> {
    for field in fields {
        let is_moment = matches!(field.data_type, DataType::Date | DataType::Timestamp | DataType::TimestampTz);
        let Some(known) = native.iter().find(|column| same(&column.name, &field.name)) else { continue };
        if is_moment
            && Epoch::of(field).is_none()
            && let Some(unit) = value_types::unit(file, table, &quote(&known.name)).await?
        {
            field.native_type = Some(unit.noted(&known.declared));
        }
    }
    Ok(())
}

/// Only the rows inside the ranges, up to the limit.
fn inside(batches: BatchStream, ranges: Ranges, limit: Option<u64>) -> BatchStream {
    let open = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    stream::try_unfold((batches, ranges, open), |(mut batches, ranges, open)| async move {
        if open == 0 {
            return Ok(None);
        }
        let Some(batch) = batches.next().await.transpose()? else { return Ok(None) };
        let batch = ranges.filter(batch, open)?;
        let open = open - batch.rows.num_rows();
        Ok(Some((batch, (batches, ranges, open))))
    })
    .boxed()
}

/// The wanted columns of a table. A name that is no column must not reach SQLite: it would take it as a text.
pub(super) fn select(table: &str, native: &[NativeColumn], wanted: &Schema, rest: &str) -> String {
    select_from(&sql(table), native, wanted, rest)
}

/// Of a table as SQL.
pub(super) fn select_from(table: &str, native: &[NativeColumn], wanted: &Schema, rest: &str) -> String {
    let column = |name: &str| {
        let known = native.iter().find(|column| column.name == name);
        let known = known.or_else(|| native.iter().find(|column| same(&column.name, name)));
        known.map_or_else(|| "NULL".to_owned(), |column| quote(&column.name))
    };
    let list: Vec<String> = wanted.names().map(column).collect();
    format!("SELECT {} FROM {table}{rest}", list.join(", "))
}

/// Gives every batch to `give`.
pub(super) async fn run<Give, Given>(
    file: &mut SqliteConnection,
    statement: &str,
    wanted: &Schema,
    give: Give,
) -> Result<()>
where
    Give: Fn(Batch) -> Given,
    Given: Future<Output = Result<()>>,
{
    let types: Vec<(DataType, Epoch)> =
        wanted.fields.iter().map(|field| (field.data_type, Epoch::of(field).unwrap_or(Epoch::Seconds))).collect();
    let mut builder = BatchBuilder::new(wanted, wanted.fields.iter().map(|field| is_parsed(field.data_type)).collect());
    let mut rows = sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch(file);
    while let Some(row) = rows.next().await {
        let row = row.map_err(|error| translate(&error))?;
        add(&row, &types, &mut builder)?;
        let full = if builder.end_row() { builder.take()? } else { None };
        if let Some(batch) = full {
            give(batch).await?;
        }
    }
    match builder.take()? {
        Some(batch) => give(batch).await,
        None => Ok(()),
    }
}

fn add(row: &SqliteRow, types: &[(DataType, Epoch)], builder: &mut BatchBuilder) -> Result<()> {
    for (column, wanted) in types.iter().enumerate() {
        let value = row.try_get_raw(column).map_err(|error| translate(&error))?;
        let class = if value.is_null() { String::new() } else { value.type_info().name().to_owned() };
        let stored = match class.as_str() {
            "" | "NULL" => Stored::Null,
            "INTEGER" => Stored::Integer(<i64 as Decode<Sqlite>>::decode(value).map_err(|error| odd(&*error))?),
            "REAL" => Stored::Real(<f64 as Decode<Sqlite>>::decode(value).map_err(|error| odd(&*error))?),
            "TEXT" => Stored::Text(<&[u8] as Decode<Sqlite>>::decode(value).map_err(|error| odd(&*error))?),
            _ => Stored::Blob(<&[u8] as Decode<Sqlite>>::decode(value).map_err(|error| odd(&*error))?),
        };
        put(stored, *wanted, column, builder)?;
    }
    Ok(())
}

fn odd(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    Error::internal("a SQLite value does not have the type it says").caused_by(error)
}

/// Reads rows of our columns back.
pub(super) async fn look_back(file: &mut SqliteConnection, statement: &str, request: &LoadRequest) -> Result<ReadBack> {
    if faults::planted("commits_early") {
        execute(file, "COMMIT; BEGIN").await?;
    }
    let seen = ReadBack::default();
    let look = |batch: Batch| std::future::ready(seen.look(batch));
    run(file, statement, &request.schema, look).await?;
    Ok(seen)
}
