//! Which loads are done, beside the data: the row of a load commits with its rows.

use super::failure::translate;
use super::filter::inside;
use super::read::{run, select};
use super::statement::execute;
use super::table::{LEDGER, NativeColumn, all, columns, same, sql};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::ledger::{self, Ledger};
use windvane_connect::read_back::ReadBack;
use windvane_connect::rerun::{Facts, LedgerLoad, LoadAction, Undo};
use windvane_connect::{LoadRequest, Loaded};
use windvane_core::error::Result;
use windvane_core::schema::Schema;
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
pub(super) async fn look_up(file: &mut SqliteConnection, request: &LoadRequest) -> Result<LoadAction> {
    ledger::look_up(&mut Asked { file, request, known: Vec::new() }, request).await
}

/// A load that the file is asked for.
struct Asked<'a> {
    file: &'a mut SqliteConnection,
    request: &'a LoadRequest,
    /// The columns of its table.
    known: Vec<NativeColumn>,
}

impl Ledger for Asked<'_> {
    async fn mine(&mut self) -> Result<Option<(Loaded, Facts)>> {
        let statement = format!("{SELECT} {} WHERE dataset = ? AND load_id = ?", sql(LEDGER));
        let row = sqlx::query_as(AssertSqlSafe(statement))
            .bind(&self.request.dataset)
            .bind(&self.request.load_id)
            .fetch_optional(&mut *self.file)
            .await
            .map_err(|error| translate(&error))?;
        row.map(ledger::answered).transpose()
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<LedgerLoad>> {
        newest(self.file, &self.request.dataset, most).await
    }

    async fn look(&mut self) -> Result<bool> {
        let table = &self.request.dataset;
        let there = all(self.file).await?.iter().any(|relation| same(&relation.name, table));
        if there {
            self.known = columns(self.file, table).await.map_err(|error| translate(&error))?;
        }
        Ok(there)
    }

    fn has(&self, column: &str) -> bool {
        self.known.iter().any(|known| same(&known.name, column))
    }

    fn own_rows_sql(&self, also: &[String]) -> Result<String> {
        own_rows_sql(self.request, &self.known, also)
    }

    async fn count(&mut self, condition: &str) -> Result<u64> {
        let statement = format!("SELECT count(*) FROM {}{condition}", sql(&self.request.dataset));
        let count = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *self.file).await;
        let count: i64 = count.map_err(|error| translate(&error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn holds(&mut self, condition: &str, columns: &Schema, checksum: &str) -> Result<bool> {
        let seen = ReadBack::default();
        let look = |batch| std::future::ready(seen.look(batch));
        let statement = select(&self.request.dataset, &self.known, columns, condition);
        run(self.file, &statement, columns, look).await?;
        Ok(seen.is(checksum))
    }
}

/// The condition that chooses the rows of a load, and of these.
fn own_rows_sql(request: &LoadRequest, known: &[NativeColumn], also: &[String]) -> Result<String> {
    ledger::own_rows_sql(request, also, quote, |within| Ok(format!(" WHERE {}", inside(within, known)?)))
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    known: &[NativeColumn],
    undo: &Undo,
) -> Result<()> {
    let statement = format!("DELETE FROM {}{}", sql(&request.dataset), own_rows_sql(request, known, &undo.also)?);
    ledger::went(undo, execute(file, &statement).await?)
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

/// The newest loads of a dataset first.
async fn newest(file: &mut SqliteConnection, dataset: &str, limit: u32) -> Result<Vec<LedgerLoad>> {
    let statement =
        format!("{SELECT} {} WHERE dataset = ? ORDER BY loaded_at DESC, rowid DESC LIMIT {limit}", sql(LEDGER));
    let rows = sqlx::query_as(AssertSqlSafe(statement)).bind(dataset).fetch_all(file).await;
    let rows: Vec<ledger::Row> = rows.map_err(|error| translate(&error))?;
    Ok(rows.iter().map(ledger::listed).collect())
}

/// The newest loads of a dataset. Changes nothing: a file without a ledger has none.
pub(super) async fn loads(file: &mut SqliteConnection, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
    let known = columns(file, LEDGER).await.map_err(|error| translate(&error))?;
    if !known.iter().any(|column| column.name == "facts") {
        return Ok(Vec::new());
    }
    newest(file, dataset, most).await
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
