//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::failure::translate;
use super::load::execute;
use super::table::{LEDGER, columns, sql};
use crate::connectors::{LoadRequest, Loaded, ledger};
use crate::error::Result;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

/// What older ledgers do not have.
const LATER: [(&str, &str); 2] =
    [("refused", "TEXT NOT NULL DEFAULT '[]'"), ("changes", "TEXT NOT NULL DEFAULT 'null'")];

pub(super) async fn prepare(file: &mut SqliteConnection) -> Result<()> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {} (dataset TEXT NOT NULL, load_id TEXT NOT NULL, mode TEXT NOT NULL,
         rows INTEGER NOT NULL, bytes INTEGER NOT NULL, checksum TEXT NOT NULL,
         loaded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
         PRIMARY KEY (dataset, load_id))",
        sql(LEDGER)
    );
    execute(file, &create).await?;
    let known = columns(file, LEDGER).await.map_err(|error| translate(&error))?;
    for (name, declared) in LATER {
        if !known.iter().any(|column| column.name == name) {
            execute(file, &format!("ALTER TABLE {} ADD COLUMN {name} {declared}", sql(LEDGER))).await?;
        }
    }
    Ok(())
}

/// What an earlier attempt of this load was answered.
pub(super) async fn receipt(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Option<Loaded>> {
    let statement = format!(
        "SELECT rows, bytes, checksum, refused, changes FROM {} WHERE dataset = ? AND load_id = ?",
        sql(LEDGER)
    );
    let row: Option<ledger::Row> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(file)
        .await
        .map_err(|error| translate(&error))?;
    row.map(|row| ledger::receipt(request, row)).transpose()
}

pub(super) async fn write_down(file: &mut SqliteConnection, request: &LoadRequest, loaded: &Loaded) -> Result<()> {
    let statement = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum, refused, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        sql(LEDGER)
    );
    let (refused, changes) = ledger::written(loaded)?;
    sqlx::query(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .bind(ledger::mode(request.mode))
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .bind(refused)
        .bind(changes)
        .execute(file)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
