//! All rows or none, once: one transaction for the rows, what they needed, and the ledger row that says they are there.
//!
//! A load that is killed anywhere leaves an open transaction, which the server undoes. A commit whose answer was lost is
//! found in the ledger by the next attempt.

use super::catalog::LEDGER;
use super::encode::{Form, RowEncoder, form, header, trailer};
use super::failure::translate;
use super::read::{Copy, execute, name};
use super::table::{Existing, TableName, check_name};
use crate::connectors::read_back::{ReadBack, Tally, already, counted};
use crate::connectors::{Batch, Expected, LoadRequest, Loaded, Rows};
use crate::error::{Error, Kind, Result};
use crate::schema::{Schema, arrow::conform, sql::Dialect, sql::native, sql::quote};
use crate::spec::target::Mode;
use futures::StreamExt;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::collections::HashSet;

/// Bytes sent to the server at once.
const CHUNK: usize = 256 << 10;
/// Other loads of the same dataset may take this long before we give up for now.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '15min'";
/// A deferred constraint should name itself here, not at the commit.
const CHECK_NOW: &str = "SET CONSTRAINTS ALL IMMEDIATE";
/// The rows of this transaction only. txid_current has an epoch above the 32 bits that rows carry.
const MY_ROWS: &str = " WHERE xmin = ((txid_current() & 4294967295)::text)::xid";

pub(super) async fn load(
    mut session: PgConnection,
    schema: &str,
    request: LoadRequest,
    mut rows: Rows,
) -> Result<Loaded> {
    let table = TableName { schema: schema.to_owned(), table: request.dataset.clone() };
    check(&request)?;
    let ledger = TableName { schema: schema.to_owned(), table: LEDGER.to_owned() };
    prepare(&mut session, &ledger).await.map_err(|error| name(error, &ledger))?;
    let done = transaction(&mut session, &table, &ledger, &request, &mut rows).await.map_err(|error| name(error, &table));
    if done.is_err() {
        // Dropping the session would undo it too; this does it before the caller goes on. A dead session cannot.
        drop(execute(&mut session, "ROLLBACK").await);
    }
    done
}

fn check(request: &LoadRequest) -> Result<()> {
    check_name(&request.dataset, "table")?;
    if request.dataset == LEDGER {
        return Err(
            Error::spec(format!("'{LEDGER}' is windvane's own table")).hint("Choose another name for the output")
        );
    }
    let mut names = HashSet::new();
    for column in request.schema.names() {
        check_name(column, "column")?;
        if !names.insert(column) {
            return Err(
                Error::spec(format!("two columns are named '{column}'")).hint("Rename one of them in the steps")
            );
        }
    }
    Ok(())
}

/// The schema and the ledger, in a transaction of their own: first loads of different datasets need not wait for each
/// other. `IF NOT EXISTS` alone can still collide, hence the lock.
async fn prepare(session: &mut PgConnection, ledger: &TableName) -> Result<()> {
    if ledger.existing(session).await?.is_some() {
        return Ok(());
    }
    execute(session, "BEGIN").await?;
    lock(session, &format!("windvane:{}", ledger.schema)).await?;
    let has_schema: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(&ledger.schema)
        .fetch_one(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    if !has_schema {
        check_name(&ledger.schema, "schema")?;
        execute(session, &format!("CREATE SCHEMA {}", quote(&ledger.schema))).await?;
    }
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {} (dataset text NOT NULL, load_id text NOT NULL, mode text NOT NULL,
         rows bigint NOT NULL, bytes bigint NOT NULL, checksum text NOT NULL,
         loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (dataset, load_id))",
        ledger.sql()
    );
    execute(session, &create).await?;
    execute(session, "COMMIT").await
}

async fn transaction(
    session: &mut PgConnection,
    table: &TableName,
    ledger: &TableName,
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    execute(session, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    execute(session, LOCK_TIMEOUT).await?;
    // Loads of one dataset come one after the other; whoever waited sees the ledger row of the one before.
    lock(session, &format!("windvane:{table}")).await?;
    if let Some(loaded) = receipt(session, ledger, request).await? {
        execute(session, "ROLLBACK").await?;
        return Ok(loaded);
    }
    let existing = ready(session, table, request).await?;
    let forms = forms(&existing, &request.schema)?;
    let mut tally = Tally::new(request);
    let bytes = copy_in(session, table, &request.schema, &forms, rows, &mut tally).await?;
    execute(session, CHECK_NOW).await?;
    let expected = tally.expected(request)?;
    let loaded = if request.reads_back(tally.rows()) {
        read_back(session, table, &existing, request, &expected, bytes).await?
    } else {
        counted(request, tally.rows(), bytes)
    };
    write_down(session, ledger, request, &loaded).await?;
    execute(session, "COMMIT").await.map_err(|error| match error.kind() {
        Kind::Unavailable => Error::new(Kind::Unavailable, "the server went away at the commit: it may be done or not")
            .hint("Run it again: if it was done, the load id says so and nothing is written twice")
            .caused_by(&error),
        _ => error,
    })?;
    Ok(loaded)
}

async fn lock(session: &mut PgConnection, key: &str) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(key)
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}

async fn receipt(session: &mut PgConnection, ledger: &TableName, request: &LoadRequest) -> Result<Option<Loaded>> {
    let sql = format!("SELECT rows, bytes, checksum FROM {} WHERE dataset = $1 AND load_id = $2", ledger.sql());
    let row: Option<(i64, i64, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(row.map(|(rows, bytes, checksum)| already(request, rows, bytes, checksum)))
}

/// The table with all our columns, emptied when its rows are to be replaced.
async fn ready(session: &mut PgConnection, table: &TableName, request: &LoadRequest) -> Result<Existing> {
    let declared = |fields: &[&crate::schema::Field], lead: &str| {
        let column = |field: &&crate::schema::Field| {
            format!("{lead}{} {}", quote(&field.name), native(field.data_type, Dialect::Postgres))
        };
        fields.iter().map(column).collect::<Vec<_>>().join(", ")
    };
    let Some(existing) = table.existing(session).await? else {
        let all: Vec<_> = request.schema.fields.iter().collect();
        execute(session, &format!("CREATE TABLE {} ({})", table.sql(), declared(&all, ""))).await?;
        return after(session, table).await;
    };
    if !matches!(existing.kind.as_str(), "r" | "p") {
        return Err(Error::new(Kind::Conflict, format!("'{table}' exists and is not a table"))
            .hint("Choose another name for the output, or drop what has this name"));
    }
    let known = |name: &str| existing.columns.iter().any(|column| column.name == name);
    let new: Vec<_> = request.schema.fields.iter().filter(|field| !known(&field.name)).collect();
    // What cannot work is said before anything is locked.
    let old = request.schema.fields.iter().filter(|field| known(&field.name)).cloned().collect();
    forms(&existing, &Schema::new(old))?;
    if request.mode == Mode::Replace {
        // DELETE and not TRUNCATE: readers go on seeing the old rows until the commit, where TRUNCATE would lock them
        // out for the whole load. Grants, indexes and views stay. The lock keeps out other writers, whose rows would
        // otherwise survive the replacement.
        execute(session, &format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", table.sql())).await?;
        execute(session, &format!("DELETE FROM {}", table.sql())).await?;
    }
    if !new.is_empty() {
        execute(session, &format!("ALTER TABLE {} {}", table.sql(), declared(&new, "ADD COLUMN "))).await?;
    }
    after(session, table).await
}

async fn after(session: &mut PgConnection, table: &TableName) -> Result<Existing> {
    table.existing(session).await?.ok_or_else(|| Error::internal("the table is gone in its own transaction"))
}

fn forms(existing: &Existing, schema: &Schema) -> Result<Vec<Form>> {
    let mut forms = Vec::with_capacity(schema.fields.len());
    for field in &schema.fields {
        let column = existing.columns.iter().find(|column| column.name == field.name);
        let column = column.ok_or_else(|| Error::internal(format!("column '{}' was not added", field.name)))?;
        if column.generated {
            return Err(Error::new(Kind::Conflict, format!("the target computes column '{}' itself", field.name))
                .at_path(&field.name)
                .hint("Leave the column out in the steps"));
        }
        forms.push(form(field, column)?);
    }
    Ok(forms)
}

/// Sends all rows; the bytes sent.
async fn copy_in(
    session: &mut PgConnection,
    table: &TableName,
    schema: &Schema,
    forms: &[Form],
    rows: &mut Rows,
    tally: &mut Tally,
) -> Result<u64> {
    let columns: Vec<String> = schema.names().map(quote).collect();
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.sql(), columns.join(", "));
    let mut copy = session.copy_in_raw(&sql).await.map_err(|error| translate(&error))?;
    let mut out = Vec::with_capacity(CHUNK + CHUNK / 4);
    let mut bytes = 0;
    header(&mut out);
    let mut sending = Ok(());
    let mut rows = rows.open()?;
    while let Some(batch) = rows.next().await {
        let sent = match batch.and_then(|batch| conform(&batch, schema)) {
            Ok(batch) => batch,
            Err(error) => {
                sending = Err(error);
                break;
            }
        };
        tally.add(&sent)?;
        let encoder = RowEncoder::new(&sent, &schema.fields, forms)?;
        for row in 0..sent.num_rows() {
            encoder.append(row, &mut out)?;
            if out.len() >= CHUNK {
                bytes += out.len() as u64;
                copy.send(out.as_slice()).await.map_err(|error| translate(&error))?;
                out.clear();
            }
        }
    }
    if let Err(error) = sending {
        // The reason is ours, whatever the server says to the abort.
        drop(copy.abort("the rows could not be read").await);
        return Err(error);
    }
    trailer(&mut out);
    bytes += out.len() as u64;
    copy.send(out.as_slice()).await.map_err(|error| translate(&error))?;
    let taken = copy.finish().await.map_err(|error| translate(&error))?;
    if taken != tally.rows() {
        let sent = tally.rows();
        return Err(Error::data(format!("{sent} rows were sent, the server took {taken}: nothing was loaded"))
            .hint("A trigger or a rule of the table keeps rows away"));
    }
    Ok(bytes)
}

/// What is in the table now, compared with what must be.
async fn read_back(
    session: &mut PgConnection,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    expected: &Expected,
    bytes: u64,
) -> Result<Loaded> {
    let rest = match request.mode {
        Mode::Replace => "",
        Mode::Append => MY_ROWS,
        Mode::Merge | Mode::History => return Err(Error::unsupported("not yet")),
    };
    let seen = ReadBack::default();
    let look = |batch: Batch| {
        let looked = seen.look(batch);
        async move { looked }
    };
    Copy::new(table, existing, &request.schema, rest).run(session, &request.schema, look).await?;
    seen.agrees(request, expected, bytes)
}

async fn write_down(
    session: &mut PgConnection,
    ledger: &TableName,
    request: &LoadRequest,
    loaded: &Loaded,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum) VALUES ($1, $2, $3, $4, $5, $6)",
        ledger.sql()
    );
    let mode = match request.mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    };
    sqlx::query(AssertSqlSafe(sql))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .bind(mode)
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
