//! All rows or none, once: one transaction for the rows, what they needed, and the ledger row that says they are there.

use super::failure::translate;
use super::keeps::narrow;
use super::read::{look_back, select};
use super::statement::execute;
use super::table::{LEDGER, NativeColumn, same, sql};
use super::target::{mark, ready};
use super::write::{Inserts, Place};
use super::{ledger, merge};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use std::collections::HashSet;
use windvane_connect::by_key;
use windvane_connect::rerun::{LoadAction, swapped};
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::target::Mode;

pub(super) async fn load(mut file: SqliteConnection, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
    check(&request)?;
    // IMMEDIATE: one writer at a time, and whoever waited sees the ledger row of the one before.
    execute(&mut file, "BEGIN IMMEDIATE").await?;
    let done = transaction(&mut file, &request, &mut rows).await.map_err(|error| name(error, &request.dataset));
    let done = match done {
        Ok(loaded) if loaded.already => execute(&mut file, "ROLLBACK").await.map(|_| loaded),
        Ok(loaded) => execute(&mut file, "COMMIT").await.map(|_| loaded),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // Closing undoes it too; this says nothing new.
        drop(execute(&mut file, "ROLLBACK").await);
    }
    let closed = file.close().await.map_err(|error| translate(&error));
    done.and_then(|loaded| closed.map(|()| loaded))
}

fn check(request: &LoadRequest) -> Result<()> {
    let refuse = |name: &str, what: &str| {
        Error::spec(format!("'{name}' {what}")).hint("Choose another name for the output or its column in the steps")
    };
    let dataset = &request.dataset;
    if dataset.is_empty() || dataset.contains('\0') {
        return Err(refuse(dataset, "is no name for a table"));
    }
    if same(dataset, LEDGER) || dataset.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(refuse(dataset, "is a name that SQLite or windvane keeps for itself"));
    }
    let mut names = HashSet::new();
    for column in request.schema.names() {
        if column.contains('\0') {
            return Err(refuse(column, "is no name for a column"));
        }
        if !names.insert(column.to_ascii_lowercase()) {
            return Err(refuse(column, "is the name of two columns: SQLite does not tell upper from lower case"));
        }
    }
    request.check_mark()?;
    by_key::check(request, same)
}

async fn transaction(file: &mut SqliteConnection, request: &LoadRequest, rows: &mut Rows) -> Result<Loaded> {
    ledger::prepare(file).await?;
    let undo = match ledger::look_up(file, request).await? {
        LoadAction::Done(loaded) => return Ok(*loaded),
        LoadAction::Load { undo } => undo,
    };
    let native = ready(file, request).await?;
    if request.mode != Mode::Replace {
        ledger::forget(file, &request.dataset).await?;
    }
    if let Some(undo) = &undo {
        ledger::undo(file, request, &native, undo).await?;
    }
    let loaded = match request.mode {
        Mode::Replace => direct(file, request, &native, "", rows).await?,
        Mode::Append => {
            let mine = mark(file, &request.dataset, &native).await?;
            direct(file, request, &native, &mine, rows).await?
        }
        Mode::Merge | Mode::History => merge::load(file, request, &native, rows).await?,
    };
    request.close(&loaded)?;
    let loaded = swapped(loaded, undo);
    if !faults::planted("forgets_ledger") {
        ledger::write_down(file, request, &loaded).await?;
    }
    Ok(loaded)
}

/// Rows go straight into the table; `mine` selects them.
async fn direct(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    mine: &str,
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = RowAccounting::new(request);
    let id = request.mark_sql();
    let own = request.marks().map(|column| (column, id.as_str()));
    let inserts = Inserts::new(&sql(&request.dataset), request, Place::Untold, own, narrow(&request.schema, native));
    let bytes = inserts.all(file, rows.open()?, &mut account).await?;
    account.check(request)?;
    if !request.reads_back(account.sent()) {
        return Ok(account.counted(request, bytes));
    }
    let seen = look_back(file, &select(&request.dataset, native, &request.schema, mine), request).await?;
    account.agrees(request, seen, &Checksum::default(), bytes)
}

fn name(error: Error, table: &str) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table) }
}
