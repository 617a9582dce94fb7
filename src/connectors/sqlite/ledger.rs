//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::failure::translate;
use super::load::execute;
use super::table::{LEDGER, columns, sql};
use crate::connectors::read_back::already;
use crate::connectors::{Changes, LoadRequest, Loaded, RefusedRow};
use crate::error::{Error, Result};
use crate::spec::target::Mode;
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
    let row: Option<(i64, i64, String, String, String)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(file)
        .await
        .map_err(|error| translate(&error))?;
    let Some((rows, bytes, checksum, refused, changes)) = row else { return Ok(None) };
    let damaged = |error: serde_json::Error| Error::internal("a row of the ledger cannot be read").caused_by(&error);
    let refused: Vec<RefusedRow> = serde_json::from_str(&refused).map_err(damaged)?;
    let changes: Option<Changes> = serde_json::from_str(&changes).map_err(damaged)?;
    Ok(Some(Loaded { refused, changes, ..already(request, rows, bytes, checksum) }))
}

pub(super) async fn write_down(file: &mut SqliteConnection, request: &LoadRequest, loaded: &Loaded) -> Result<()> {
    let statement = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum, refused, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        sql(LEDGER)
    );
    let mode = match request.mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    };
    let unwritable = |error: serde_json::Error| Error::internal("a receipt cannot be written").caused_by(&error);
    let refused = serde_json::to_string(&loaded.refused).map_err(unwritable)?;
    let changes = serde_json::to_string(&loaded.changes).map_err(unwritable)?;
    sqlx::query(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .bind(mode)
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
