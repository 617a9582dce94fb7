//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::session::Session;
use super::table::{TableName, check_name, quote};
use crate::connectors::{LoadRequest, Loaded, ledger};
use crate::error::{Error, Kind, Result};
use crate::schema::digest;

/// Other loads of the same dataset may take this long before we give up for now.
const LOCK_SECONDS: u32 = 900;

/// Loads of one dataset come one after the other; whoever waited sees the ledger row of the one before. The lock ends with
/// the session: what MySQL creates commits by itself, so that no transaction could hold it.
pub(super) async fn lock(session: &mut Session, table: &TableName) -> Result<()> {
    let name = format!("windvane:{}", digest(table.sql().as_bytes(), 32));
    let got: Option<(Option<i64>,)> =
        session.one(&format!("SELECT CAST(GET_LOCK(?, {LOCK_SECONDS}) AS SIGNED)"), &[&name]).await?;
    match got {
        Some((Some(1),)) => Ok(()),
        _ => Err(Error::new(Kind::Unavailable, "another load of this table has not ended in 15 minutes")
            .hint("Look at the server's process list, and run it again")),
    }
}

/// The database and its ledger.
pub(super) async fn prepare(session: &mut Session, ledger: &TableName) -> Result<()> {
    if ledger.existing(session).await?.is_some() {
        return Ok(());
    }
    let known: Option<(String,)> = session
        .one(
            "SELECT CAST(SCHEMA_NAME AS CHAR) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
            &[&ledger.database],
        )
        .await?;
    if known.is_none() {
        check_name(&ledger.database, "database")?;
        let create = format!("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4", quote(&ledger.database));
        session.execute(&create).await?;
    }
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {} (dataset varchar(64) NOT NULL, load_id varchar(128) NOT NULL,
         mode varchar(16) NOT NULL, `rows` bigint NOT NULL, bytes bigint NOT NULL, checksum varchar(64) NOT NULL,
         refused longtext NOT NULL, changes varchar(255) NOT NULL,
         loaded_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (dataset, load_id))
         ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        ledger.sql()
    );
    session.execute(&create).await.map(drop)
}

/// What an earlier attempt of this load was answered.
pub(super) async fn receipt(
    session: &mut Session,
    ledger: &TableName,
    request: &LoadRequest,
) -> Result<Option<Loaded>> {
    let sql = format!(
        "SELECT `rows`, bytes, checksum, refused, changes FROM {} WHERE dataset = ? AND load_id = ?",
        ledger.sql()
    );
    let row: Option<ledger::Row> = session.one(&sql, &[&request.dataset, &request.load_id]).await?;
    row.map(|row| ledger::receipt(request, row)).transpose()
}

pub(super) async fn write_down(
    session: &mut Session,
    ledger: &TableName,
    request: &LoadRequest,
    loaded: &Loaded,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (dataset, load_id, mode, `rows`, bytes, checksum, refused, changes)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ledger.sql()
    );
    let (refused, changes) = ledger::written(loaded)?;
    let (rows, bytes) = (loaded.rows.to_string(), loaded.bytes.to_string());
    let checksum = loaded.checksum.as_deref().unwrap_or_default();
    let values =
        [&request.dataset, &request.load_id, ledger::mode(request.mode), &rows, &bytes, checksum, &refused, &changes];
    session.execute_with(&sql, &values).await.map(drop)
}
