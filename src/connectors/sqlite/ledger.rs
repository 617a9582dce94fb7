//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::failure::translate;
use super::load::execute;
use super::table::{LEDGER, all, columns, same, sql};
use crate::connectors::again::Facts;
use crate::connectors::read_back::forged;
use crate::connectors::{LoadRequest, Loaded, ledger};
use crate::error::Result;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

/// What older ledgers do not have.
const LATER: [(&str, &str); 3] = [
    ("refused", "TEXT NOT NULL DEFAULT '[]'"),
    ("changes", "TEXT NOT NULL DEFAULT 'null'"),
    ("facts", "TEXT NOT NULL DEFAULT '{}'"),
];

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

const SELECT: &str = "SELECT load_id, rows, bytes, checksum, refused, changes, facts FROM";

/// What an earlier try of this load was answered, when that stands.
pub(super) async fn receipt(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Option<Loaded>> {
    let statement = format!("{SELECT} {} WHERE dataset = ? AND load_id = ?", sql(LEDGER));
    let mine: Option<ledger::Row> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(&mut *file)
        .await
        .map_err(|error| translate(&error))?;
    let Some(mine) = mine else { return Ok(forged(request)) };
    let newest = newest(file, &request.dataset, 1).await?.into_iter().next();
    let rows = rows(file, &request.dataset).await?;
    ledger::earlier(mine, newest.as_ref().map(|row| row.0.as_str()))?.stands(request, rows)
}

/// The rows of a table, or nothing where there is none.
async fn rows(file: &mut SqliteConnection, table: &str) -> Result<Option<u64>> {
    let there = all(file).await?.iter().any(|relation| same(&relation.name, table));
    if !there {
        return Ok(None);
    }
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {}", sql(table))))
        .fetch_one(file)
        .await
        .map_err(|error| translate(&error))?;
    Ok(u64::try_from(count).ok())
}

/// The newest loads of a dataset first.
async fn newest(file: &mut SqliteConnection, dataset: &str, limit: u32) -> Result<Vec<ledger::Row>> {
    let statement =
        format!("{SELECT} {} WHERE dataset = ? ORDER BY loaded_at DESC, rowid DESC LIMIT {limit}", sql(LEDGER));
    let rows = sqlx::query_as(AssertSqlSafe(statement)).bind(dataset).fetch_all(file).await;
    rows.map_err(|error| translate(&error))
}

/// What the loads of a dataset were about. Changes nothing: a file without a ledger has none.
pub(super) async fn loads(file: &mut SqliteConnection, dataset: &str) -> Result<Vec<Facts>> {
    let known = columns(file, LEDGER).await.map_err(|error| translate(&error))?;
    if !known.iter().any(|column| column.name == "facts") {
        return Ok(Vec::new());
    }
    let rows = newest(file, dataset, ledger::LOOKED_THROUGH).await?;
    Ok(rows.iter().map(|row| ledger::known(&row.6)).collect())
}

pub(super) async fn write_down(file: &mut SqliteConnection, request: &LoadRequest, loaded: &Loaded) -> Result<()> {
    // An earlier attempt of the same load was undone above; its row goes with it.
    let statement = format!(
        "INSERT OR REPLACE INTO {} (dataset, load_id, mode, rows, bytes, checksum, refused, changes, facts)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        sql(LEDGER)
    );
    let (refused, changes, facts) = ledger::written(request, loaded)?;
    sqlx::query(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .bind(ledger::mode(request.mode))
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .bind(refused)
        .bind(changes)
        .bind(facts)
        .execute(file)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
