//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::read::Select;
use super::session::Session;
use super::table::{Existing, TableName, check_name, quote, same};
use super::within;
use windvane_connect::again::{Course, Earlier, Known, Own, There, Undo, others_went};
use windvane_connect::read_back::ReadBack;
use windvane_connect::tell::Tell;
use windvane_connect::{LoadRequest, Loaded, ledger};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::digest;

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
) -> Result<Course> {
    let sql = format!("{SELECT} {} WHERE dataset = ? AND load_id = ?", ledger.sql());
    let mine: Option<ledger::Row> = session.one(&sql, &[&request.dataset, &request.load_id]).await?;
    if mine.is_none() && !request.is_looked_at() {
        return Ok(Course::first(request));
    }
    let all = newest(session, ledger, &request.dataset, ledger::looked_through(request, mine.is_some())).await?;
    let earlier = ledger::earlier(mine, request, &all)?;
    if earlier.is_new(request) {
        return Ok(Course::first(request));
    }
    let existing = table.existing(session).await?;
    let (rows, own) = match &existing {
        Some(existing) => {
            (Some(count(session, table, "").await?), own(session, table, existing, request, &earlier).await?)
        }
        None => (None, Own::Untold),
    };
    earlier.course(request, There { rows, own })
}

/// Which rows of the table are those of the earlier try.
async fn own(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    earlier: &Earlier,
) -> Result<Own> {
    let has = |name: &str| existing.columns.iter().any(|column| same(&column.name, name));
    let own = earlier.told(request, has);
    if !own.is_told() {
        return Ok(own);
    }
    let condition = told(request, existing, &earlier.also(request))?;
    let own = own.counted(count(session, table, &condition).await?);
    let Some((columns, checksum)) = earlier.compared(own) else { return Ok(own) };
    let seen = ReadBack::default();
    let look = |batch| std::future::ready(seen.look(batch));
    Select::new(table, existing, columns).run(session, &condition, columns, look).await?;
    Ok(own.compared(seen.is(checksum)))
}

/// The condition that chooses the rows of a load, and of these.
fn told(request: &LoadRequest, existing: &Existing, also: &[String]) -> Result<String> {
    match &request.tell {
        Some(Tell::Column(column)) => Ok(format!(" WHERE {} {}", quote(column), request.marked_sql(also))),
        Some(Tell::Window { within, .. }) => Ok(format!(" WHERE {}", within::one(within, existing)?)),
        None => Err(Error::internal("rows were to be told from others by nothing")),
    }
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    Undo { rows, also, .. }: Undo,
) -> Result<()> {
    let sql = format!("DELETE FROM {}{}", table.sql(), told(request, existing, &also)?);
    match session.execute(&sql).await? {
        gone if gone == rows => Ok(()),
        gone => Err(others_went(rows, gone)),
    }
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

async fn count(session: &mut Session, table: &TableName, condition: &str) -> Result<u64> {
    let sql = format!("SELECT CAST(count(*) AS SIGNED) FROM {}{condition}", table.sql());
    let count: Option<(i64,)> = session.one(&sql, &[]).await?;
    Ok(count.and_then(|(count,)| u64::try_from(count).ok()).unwrap_or(0))
}

/// The newest loads of a dataset first.
async fn newest(session: &mut Session, ledger: &TableName, dataset: &str, limit: u32) -> Result<Vec<ledger::Row>> {
    let sql = format!("{SELECT} {} WHERE dataset = ? ORDER BY loaded_at DESC, load_id LIMIT {limit}", ledger.sql());
    session.all(&sql, &[dataset]).await
}

/// The newest loads of a dataset. Changes nothing: without a ledger there were none.
pub(super) async fn loads(session: &mut Session, ledger: &TableName, dataset: &str, most: u32) -> Result<Vec<Known>> {
    let known = ledger.existing(session).await?;
    if !known.is_some_and(|known| known.columns.iter().any(|column| column.name == FACTS)) {
        return Ok(Vec::new());
    }
    Ok(newest(session, ledger, dataset, most).await?.iter().map(ledger::listed).collect())
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
