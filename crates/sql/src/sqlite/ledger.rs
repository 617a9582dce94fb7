//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::failure::translate;
use super::load::execute;
use super::read::{run, select};
use super::table::{LEDGER, NativeColumn, all, columns, same, sql};
use super::within::inside;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::again::{Course, Earlier, Known, Own, There, Undo, others_went};
use windvane_connect::read_back::ReadBack;
use windvane_connect::tell::Tell;
use windvane_connect::{LoadRequest, Loaded, ledger};
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;

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

const SELECT: &str = "SELECT load_id, rows, bytes, checksum, refused, changes, facts, mode FROM";

/// What an earlier try of this load was answered, when that stands.
pub(super) async fn look_up(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Course> {
    let statement = format!("{SELECT} {} WHERE dataset = ? AND load_id = ?", sql(LEDGER));
    let mine: Option<ledger::Row> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(&mut *file)
        .await
        .map_err(|error| translate(&error))?;
    if mine.is_none() && !request.is_looked_at() {
        return Ok(Course::first(request));
    }
    let all = newest(file, &request.dataset, ledger::looked_through(request, mine.is_some())).await?;
    let earlier = ledger::earlier(mine, request, &all)?;
    if earlier.is_new(request) {
        return Ok(Course::first(request));
    }
    let rows = rows(file, &request.dataset).await?;
    let own = match rows {
        Some(_) => own(file, request, &earlier).await?,
        None => Own::Untold,
    };
    earlier.course(request, There { rows, own })
}

/// Which rows of the table are those of the earlier try.
async fn own(file: &mut SqliteConnection, request: &LoadRequest, earlier: &Earlier) -> Result<Own> {
    let known = columns(file, &request.dataset).await.map_err(|error| translate(&error))?;
    let has = |name: &str| known.iter().any(|column| same(&column.name, name));
    let own = earlier.told(request, has);
    if !own.is_told() {
        return Ok(own);
    }
    let also = earlier.also(request);
    let own = own.counted(counted(file, request, &known, &also).await?);
    let Some((columns, checksum)) = earlier.compared(own) else { return Ok(own) };
    let seen = ReadBack::default();
    let look = |batch| std::future::ready(seen.look(batch));
    run(file, &select(&request.dataset, &known, columns, &told(request, &known, &also)?), columns, look).await?;
    Ok(own.compared(seen.is(checksum)))
}

async fn counted(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    known: &[NativeColumn],
    also: &[String],
) -> Result<u64> {
    let statement = format!("SELECT count(*) FROM {}{}", sql(&request.dataset), told(request, known, also)?);
    let count: i64 =
        sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(file).await.map_err(|error| translate(&error))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    known: &[NativeColumn],
    Undo { rows, also, .. }: Undo,
) -> Result<()> {
    let statement = format!("DELETE FROM {}{}", sql(&request.dataset), told(request, known, &also)?);
    match execute(file, &statement).await? {
        gone if gone == rows => Ok(()),
        gone => Err(others_went(rows, gone)),
    }
}

/// The condition that chooses the rows of a load, and of these.
fn told(request: &LoadRequest, known: &[NativeColumn], also: &[String]) -> Result<String> {
    match &request.tell {
        Some(Tell::Column(column)) => Ok(format!(" WHERE {} {}", quote(column), request.marked_sql(also))),
        Some(Tell::Window { within, .. }) => Ok(format!(" WHERE {}", inside(within, known)?)),
        None => Err(Error::internal("rows were to be told from others by nothing")),
    }
}

/// Of an empty table, no load has left a row: whoever comes again finds its rows gone.
pub(super) async fn forget(file: &mut SqliteConnection, dataset: &str) -> Result<()> {
    let statement = format!("SELECT EXISTS (SELECT 1 FROM {})", sql(dataset));
    let some: bool =
        sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *file).await.map_err(|error| translate(&error))?;
    if some {
        return Ok(());
    }
    let statement = format!("UPDATE {} SET mode = '{}' WHERE dataset = ? AND rows > 0", sql(LEDGER), ledger::GONE);
    let done = sqlx::query(AssertSqlSafe(statement)).bind(dataset).execute(file).await;
    done.map(drop).map_err(|error| translate(&error))
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

/// The newest loads of a dataset. Changes nothing: a file without a ledger has none.
pub(super) async fn loads(file: &mut SqliteConnection, dataset: &str, most: u32) -> Result<Vec<Known>> {
    let known = columns(file, LEDGER).await.map_err(|error| translate(&error))?;
    if !known.iter().any(|column| column.name == "facts") {
        return Ok(Vec::new());
    }
    Ok(newest(file, dataset, most).await?.iter().map(ledger::listed).collect())
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
        .bind(request.mode.word())
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
