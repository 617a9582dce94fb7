//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::filter;
use super::select::Select;
use super::session::Session;
use super::table::{Existing, TableName, check_name, quote, same};
use windvane_connect::ledger::{self, Ledger};
use windvane_connect::read_back::ReadBack;
use windvane_connect::rerun::{Facts, LedgerLoad, LoadAction, Undo};
use windvane_connect::{LoadRequest, Loaded};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{Schema, digest};

/// What older ledgers do not have.
const FACTS: &str = "facts";
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
    if let Some(known) = ledger.existing(session).await? {
        if !known.columns.iter().any(|column| column.name == FACTS) {
            let add = format!("ALTER TABLE {} ADD COLUMN {FACTS} longtext NOT NULL", ledger.sql());
            session.execute(&add).await?;
        }
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
         refused longtext NOT NULL, changes varchar(255) NOT NULL, {FACTS} longtext NOT NULL,
         loaded_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (dataset, load_id))
         ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        ledger.sql()
    );
    session.execute(&create).await.map(drop)
}

const SELECT: &str = "SELECT load_id, `rows`, bytes, checksum, refused, changes, facts, mode FROM";

/// What an earlier try of this load was answered, when that stands.
pub(super) async fn look_up(
    session: &mut Session,
    table: &TableName,
    ledger: &TableName,
    request: &LoadRequest,
) -> Result<LoadAction> {
    ledger::look_up(&mut Asked { session, table, ledger, request, existing: None }, request).await
}

/// A load that the server is asked for.
struct Asked<'a> {
    session: &'a mut Session,
    table: &'a TableName,
    ledger: &'a TableName,
    request: &'a LoadRequest,
    existing: Option<Existing>,
}

impl Asked<'_> {
    fn existing(&self) -> Result<&Existing> {
        self.existing.as_ref().ok_or_else(|| Error::internal("a table was not looked at"))
    }
}

impl Ledger for Asked<'_> {
    async fn mine(&mut self) -> Result<Option<(Loaded, Facts)>> {
        let sql = format!("{SELECT} {} WHERE dataset = ? AND load_id = ?", self.ledger.sql());
        let row = self.session.one(&sql, &[&self.request.dataset, &self.request.load_id]).await?;
        row.map(ledger::answered).transpose()
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<LedgerLoad>> {
        newest(self.session, self.ledger, &self.request.dataset, most).await
    }

    async fn look(&mut self) -> Result<bool> {
        self.existing = self.table.existing(self.session).await?;
        Ok(self.existing.is_some())
    }

    fn has(&self, column: &str) -> bool {
        self.existing.iter().flat_map(|existing| &existing.columns).any(|known| same(&known.name, column))
    }

    fn own_rows_sql(&self, also: &[String]) -> Result<String> {
        own_rows_sql(self.request, self.existing()?, also)
    }

    async fn count(&mut self, condition: &str) -> Result<u64> {
        let sql = format!("SELECT CAST(count(*) AS SIGNED) FROM {}{condition}", self.table.sql());
        let count: Option<(i64,)> = self.session.one(&sql, &[]).await?;
        Ok(count.and_then(|(count,)| u64::try_from(count).ok()).unwrap_or(0))
    }

    async fn holds(&mut self, condition: &str, columns: &Schema, checksum: &str) -> Result<bool> {
        let seen = ReadBack::default();
        let look = |batch| std::future::ready(seen.look(batch));
        let select = Select::new(self.table, self.existing()?, columns);
        select.run(self.session, condition, columns, look).await?;
        Ok(seen.is(checksum))
    }
}

/// The condition that chooses the rows of a load, and of these.
fn own_rows_sql(request: &LoadRequest, existing: &Existing, also: &[String]) -> Result<String> {
    ledger::own_rows_sql(request, also, quote, |within| Ok(format!(" WHERE {}", filter::one(within, existing)?)))
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    undo: &Undo,
) -> Result<()> {
    let sql = format!("DELETE FROM {}{}", table.sql(), own_rows_sql(request, existing, &undo.also)?);
    ledger::went(undo, session.execute(&sql).await?)
}

/// Of an empty table, no load has left a row: whoever comes again finds its rows gone.
pub(super) async fn forget(
    session: &mut Session,
    table: &TableName,
    ledger: &TableName,
    request: &LoadRequest,
) -> Result<()> {
    let some: Option<(i64,)> = session.one(&format!("SELECT 1 FROM {} LIMIT 1", table.sql()), &[]).await?;
    if some.is_some() {
        return Ok(());
    }
    let sql = format!("UPDATE {} SET mode = '{}' WHERE dataset = ? AND `rows` > 0", ledger.sql(), ledger::GONE);
    session.execute_with(&sql, &[request.dataset.as_str()]).await.map(drop)
}

/// The newest loads of a dataset first.
async fn newest(session: &mut Session, ledger: &TableName, dataset: &str, limit: u32) -> Result<Vec<LedgerLoad>> {
    let sql = format!("{SELECT} {} WHERE dataset = ? ORDER BY loaded_at DESC, load_id LIMIT {limit}", ledger.sql());
    let rows: Vec<ledger::Row> = session.all(&sql, &[dataset]).await?;
    Ok(rows.iter().map(ledger::listed).collect())
}

/// The newest loads of a dataset. Changes nothing: without a ledger there were none.
pub(super) async fn loads(
    session: &mut Session,
    ledger: &TableName,
    dataset: &str,
    most: u32,
) -> Result<Vec<LedgerLoad>> {
    let known = ledger.existing(session).await?;
    if !known.is_some_and(|known| known.columns.iter().any(|column| column.name == FACTS)) {
        return Ok(Vec::new());
    }
    newest(session, ledger, dataset, most).await
}

pub(super) async fn write_down(
    session: &mut Session,
    ledger: &TableName,
    request: &LoadRequest,
    loaded: &Loaded,
) -> Result<()> {
    // An earlier attempt of the same load was undone above; its row goes with it.
    let sql = format!(
        "REPLACE INTO {} (dataset, load_id, mode, `rows`, bytes, checksum, refused, changes, {FACTS})
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ledger.sql()
    );
    let (refused, changes, facts) = ledger::written(request, loaded)?;
    let (rows, bytes) = (loaded.rows.to_string(), loaded.bytes.to_string());
    let checksum = loaded.checksum.as_deref().unwrap_or_default();
    let mode = request.mode.word();
    let values = [&request.dataset, &request.load_id, mode, &rows, &bytes, checksum, &refused, &changes, &facts];
    session.execute_with(&sql, &values).await.map(drop)
}
