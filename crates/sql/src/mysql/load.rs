//! All rows or none, once: one transaction for the rows and the ledger row that says they are there.
//!
//! A load that is killed anywhere leaves an open transaction, which the server undoes, and at most an empty table or an
//! empty column. A commit whose answer was lost is found in the ledger by the next attempt.

use super::catalog::LEDGER;
use super::keeps::narrow;
use super::select::look;
use super::session::Session;
use super::snapshot::REPEATABLE;
use super::table::{Existing, TableName, name, quote, same};
use super::target::{check, ready, unmake};
use super::write::Inserts;
use super::{ledger, merge};
use windvane_connect::by_key;
use windvane_connect::rerun::{LoadAction, Undo, swapped};
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::target::Mode;

/// A snapshot, so that what other sessions add meanwhile is not taken for ours.
const BEGIN: [&str; 2] = [REPEATABLE, "START TRANSACTION WITH CONSISTENT SNAPSHOT"];

pub(super) async fn load(mut session: Session, database: &str, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
    let table = TableName { database: database.to_owned(), table: request.dataset.clone() };
    check(&request)?;
    by_key::check(&request, same)?;
    let done = alone(&mut session, &table, &request, &mut rows).await.map_err(|error| name(error, &table));
    // The lock would end with the session: this lets the next one in before the server has noticed.
    if !is_silent(&done) {
        drop(session.execute("DO RELEASE_ALL_LOCKS()").await);
    }
    done
}

async fn alone(session: &mut Session, table: &TableName, request: &LoadRequest, rows: &mut Rows) -> Result<Loaded> {
    let ledger = TableName { database: table.database.clone(), table: LEDGER.to_owned() };
    ledger::lock(session, table).await?;
    ledger::prepare(session, &ledger).await.map_err(|error| name(error, &ledger))?;
    // A DELETE by alias wants one.
    session.execute(&format!("USE {}", quote(&table.database))).await?;
    let undo = match ledger::look_up(session, table, &ledger, request).await? {
        LoadAction::Done(loaded) => return Ok(*loaded),
        LoadAction::Load { undo } => undo,
    };
    let (existing, made) = ready(session, table, request).await?;
    for statement in BEGIN {
        session.execute(statement).await?;
    }
    let done = transaction(session, table, &existing, (&ledger, undo), request, rows).await;
    if done.is_err() && !is_silent(&done) {
        // Closing the session would undo it too; this does it before the caller goes on.
        drop(session.execute("ROLLBACK").await);
        if made {
            drop(unmake(session, table).await);
        }
    }
    done
}

/// A session that does not answer is only to be closed.
fn is_silent(done: &Result<Loaded>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == Kind::Timeout)
}

async fn transaction(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    (ledger, undo): (&TableName, Option<Undo>),
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    if request.mode != Mode::Replace {
        ledger::forget(session, table, ledger, request).await?;
    }
    if let Some(undo) = &undo {
        ledger::undo(session, table, existing, request, undo).await?;
    }
    let loaded = match request.mode {
        Mode::Replace | Mode::Append => direct(session, table, existing, request, rows).await?,
        Mode::Merge | Mode::History => merge::load(session, table, existing, request, rows).await?,
    };
    request.close(&loaded)?;
    let loaded = swapped(loaded, undo);
    if !faults::planted("forgets_ledger") {
        ledger::write_down(session, ledger, request, &loaded).await?;
    }
    session.execute("COMMIT").await.map_err(|error| match error.kind() {
        kind @ (Kind::Unavailable | Kind::Timeout) => {
            Error::new(kind, "the server went away at the commit: it may be done or not")
                .hint("Run it again: if it was done, the load id says so and nothing is written twice")
                .caused_by(&error)
        }
        _ => error,
    })?;
    Ok(loaded)
}

/// Rows go straight into the table.
async fn direct(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    if request.mode == Mode::Replace && !faults::planted("keeps_old_rows") {
        // DELETE and not TRUNCATE, which would commit: readers go on seeing the old rows until the commit.
        session.execute(&format!("DELETE FROM {}", table.sql())).await?;
    }
    let mine = Mine::mark(session, table, existing, request).await?;
    let mut account = RowAccounting::new(request);
    let id = request.mark_sql();
    let own = request.marks().map(|column| (column, id.as_str()));
    let fields = &request.schema.fields;
    let narrow = narrow(&request.schema, existing);
    let inserts = Inserts::new(session, table, fields, &existing.columns, (None, own), request.refused, narrow);
    let bytes = inserts.all(session, rows.open()?, &request.schema, &mut account).await?;
    account.check(request)?;
    if !request.reads_back(account.sent()) {
        return Ok(account.counted(request, bytes));
    }
    let Some(condition) = mine.condition() else { return Ok(account.counted(request, bytes)) };
    let seen = look(session, table, existing, request, &condition).await?;
    account.agrees(request, seen, &mine.before(), bytes)
}

/// How the rows of an append are told from the older ones.
enum Mine {
    /// All rows are ours.
    All,
    /// Those with a higher number in a column that the server counts up.
    Above(String, String),
    /// The snapshot's rows from before are summed, and everything is summed after.
    Beside(Checksum),
    /// Too many rows to sum them twice.
    Unknown,
}

impl Mine {
    async fn mark(
        session: &mut Session,
        table: &TableName,
        existing: &Existing,
        request: &LoadRequest,
    ) -> Result<Self> {
        if request.mode != Mode::Append || !request.reads_back(0) {
            return Ok(Self::All);
        }
        let counted =
            existing.columns.iter().find(|column| column.counted && request.schema.field(&column.name).is_none());
        if let Some(counted) = counted {
            let number = quote(&counted.name);
            let sql = format!("SELECT CAST(MAX({number}) AS CHAR) FROM {}", table.sql());
            let last: Option<(Option<String>,)> = session.one(&sql, &[]).await?;
            let last = last.and_then(|(last,)| last);
            return Ok(last.map_or(Self::All, |last| Self::Above(number, last)));
        }
        if !request.reads_back(existing.rows.unwrap_or(0)) {
            return Ok(Self::Unknown);
        }
        Ok(Self::Beside(look(session, table, existing, request, "").await?.whole()?))
    }

    fn condition(&self) -> Option<String> {
        match self {
            Self::All | Self::Beside(_) => Some(String::new()),
            Self::Above(number, last) => Some(format!(" WHERE {number} > {last}")),
            Self::Unknown => None,
        }
    }

    fn before(&self) -> Checksum {
        match self {
            Self::Beside(sum) => sum.clone(),
            Self::All | Self::Above(..) | Self::Unknown => Checksum::default(),
        }
    }
}
