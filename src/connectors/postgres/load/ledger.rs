//! Which loads are done: a row a load, written in the transaction of its rows.

use super::super::failure::translate;
use super::super::read::execute;
use super::super::table::{TableName, check_name};
use super::Job;
use crate::connectors::Loaded;
use crate::connectors::read_back::already;
use crate::error::{Error, Result};
use crate::schema::sql::quote;
use crate::spec::target::Mode;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// The receipt as JSON; ledgers of earlier versions lack it.
const RECEIPT: &str = "receipt";
/// Inside the receipt.
const NOTE: &str = "note";

/// The schema and the ledger, in a transaction of their own: first loads of different datasets need not wait for each
/// other. `IF NOT EXISTS` alone can still collide, hence the lock.
pub(super) async fn prepare(session: &mut PgConnection, ledger: &TableName) -> Result<()> {
    let complete = |columns: &[super::super::table::NativeColumn]| columns.iter().any(|column| column.name == RECEIPT);
    if ledger.existing(session).await?.is_some_and(|known| complete(&known.columns)) {
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
         loaded_at timestamptz NOT NULL DEFAULT now(), {RECEIPT} text, PRIMARY KEY (dataset, load_id))",
        ledger.sql()
    );
    execute(session, &create).await?;
    execute(session, &format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {RECEIPT} text", ledger.sql())).await?;
    execute(session, "COMMIT").await
}

/// Held until the transaction ends.
pub(super) async fn lock(session: &mut PgConnection, key: &str) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(key)
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}

/// What an earlier attempt answered, word for word.
pub(super) async fn receipt(session: &mut PgConnection, job: &Job) -> Result<Option<Loaded>> {
    type Row = (i64, i64, String, Option<String>);
    let ledger = job.ledger.sql();
    let sql = format!("SELECT rows, bytes, checksum, {RECEIPT} FROM {ledger} WHERE dataset = $1 AND load_id = $2");
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&job.request.dataset)
        .bind(&job.request.load_id)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    let Some((rows, bytes, checksum, receipt)) = row else { return Ok(None) };
    let Some(receipt) = receipt else { return Ok(Some(already(&job.request, rows, bytes, checksum))) };
    let loaded: Loaded = serde_json::from_str(&receipt).map_err(|error| {
        Error::internal(format!("the ledger '{}' holds a receipt that cannot be read", job.ledger)).caused_by(&error)
    })?;
    Ok(Some(Loaded { already: true, ..loaded }))
}

/// What was noted beside the receipt of a load that is done.
pub(super) async fn note(session: &mut PgConnection, job: &Job) -> Result<Option<Value>> {
    let sql = format!("SELECT {RECEIPT} FROM {} WHERE dataset = $1 AND load_id = $2", job.ledger.sql());
    let receipt: Option<Option<String>> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&job.request.dataset)
        .bind(&job.request.load_id)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    let receipt: Option<Value> = receipt.flatten().and_then(|receipt| serde_json::from_str(&receipt).ok());
    Ok(receipt.and_then(|mut receipt| receipt.get_mut(NOTE).map(Value::take)))
}

/// `note`: what is kept beside the receipt.
pub(super) async fn write_down(
    session: &mut PgConnection,
    job: &Job,
    loaded: &Loaded,
    note: Option<&Value>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum, {RECEIPT}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        job.ledger.sql()
    );
    let mode = match job.request.mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    };
    let mut receipt = serde_json::to_value(loaded)
        .map_err(|error| Error::internal("a receipt could not be written").caused_by(&error))?;
    if let Some(note) = note {
        receipt[NOTE] = note.clone();
    }
    sqlx::query(AssertSqlSafe(sql))
        .bind(&job.request.dataset)
        .bind(&job.request.load_id)
        .bind(mode)
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .bind(receipt.to_string())
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
