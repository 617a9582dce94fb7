//! All rows or none, once: one transaction for the rows, what they needed, and the ledger row that says they are there.
//!
//! A load that is killed anywhere leaves an open transaction, which the server undoes. A commit whose answer was lost is
//! found in the ledger by the next attempt.
//!
//! `direct` copies into the table itself: the fast way of `append` and `replace`. Otherwise rows are copied into a
//! temporary table (`temporary`, `stage`) and `staged` lets the server move them (`load_statements`): merge, history, and whatever
//! the direct way was refused; there `returning` is the short way of a merge and `find_refused` finds out which rows the table
//! does not take. `pushdown` stages raw rows and lets the server make of them the rows that `staged` moves. `prepare` makes or
//! extends the table, `target` and `column` know it, `copy` sends, `ledger` remembers; `job` is what all of them are about.
//!
//! The direct way makes no savepoint, so that every row it wrote carries the transaction's own id and can be read back
//! by it. When the server refuses a row, the whole attempt is undone and a second one, staged, begins.

mod changed;
mod column;
mod compare;
mod copy;
mod differs;
mod direct;
mod find_refused;
mod foreign_keys;
mod job;
mod key;
pub(super) mod ledger;
mod load_statements;
mod loses;
mod prepare;
pub(super) mod pushdown;
mod returning;
mod stage;
mod staged;
mod target;
mod temporary;
mod unfit;

pub(super) use target::look;

use super::catalog::LEDGER;
use super::connect::CANONICAL;
use super::statement::execute;
use super::table::{check_name, name};
use super::watchdog::Watchdog;
use job::{Job, LOCK_TIMEOUT, Stop, VERSION};
use sqlx::postgres::PgConnection;
use std::collections::HashSet;
use windvane_connect::rerun::{LoadAction, Undo, swapped};
use windvane_connect::{LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::Mode;

pub(super) async fn load(
    mut session: PgConnection,
    schema: &str,
    request: LoadRequest,
    mut rows: Rows,
    watchdog: Watchdog,
) -> Result<Loaded> {
    check(&request)?;
    let job = Job::new(schema, request, watchdog);
    ledger::prepare(&mut session, &job.ledger).await.map_err(|error| name(error, &job.ledger))?;
    let mut dropped = Vec::new();
    let mut done = attempt(&mut session, &job, &mut rows, (false, &mut dropped)).await;
    if let Err(Stop::Refused(error)) = done {
        // Undone, with everything that hung on it; then once more, looking at every row.
        execute(&mut session, "ROLLBACK").await?;
        done = match second(&job, &error, rows.open()) {
            Ok(mut again) => attempt(&mut session, &job, &mut again, (true, &mut dropped)).await,
            Err(error) => Err(Stop::Failed(error)),
        };
    }
    if done.is_err() {
        // Dropping the session would undo it too; this does it before the caller goes on. A dead session cannot.
        drop(execute(&mut session, "ROLLBACK").await);
    }
    let notes = foreign_keys::make(&mut session, &job, &dropped).await;
    done.map(|loaded| Loaded { notes: [loaded.notes, notes].concat(), ..loaded })
        .map_err(|stop| name(stop.error(), &job.table))
}

/// The rows for a second look, or why there is none: what the server said is enough when it names the row.
fn second(job: &Job, refused: &Error, again: Result<windvane_connect::RowStream>) -> Result<Rows> {
    if job.request.refused == RowPolicy::Fail && refused.place().row.is_some() {
        return Err(refused.clone());
    }
    match (again, job.request.refused) {
        (Ok(rows), _) => Ok(Rows::flowing(rows)),
        (Err(_), RowPolicy::Fail) => Err(refused.clone()),
        (Err(error), RowPolicy::Quarantine) => Err(error.caused_by(refused)),
    }
}

fn check(request: &LoadRequest) -> Result<()> {
    check_name(&request.dataset, "table")?;
    request.check_mark()?;
    if let Some(column) = request.marks() {
        check_name(column, "column")?;
    }
    if request.dataset == LEDGER {
        return Err(
            Error::spec(format!("'{LEDGER}' is windvane's own table")).hint("Choose another name for the output")
        );
    }
    let mut names = HashSet::new();
    for column in request.schema.names() {
        check_name(column, "column")?;
        if !names.insert(column) {
            return Err(
                Error::spec(format!("two columns are named '{column}'")).hint("Rename one of them in the steps")
            );
        }
    }
    if request.mode.by_key() {
        key::places(&request.schema, &request.key)?;
    }
    if let (Mode::History, Some((own, _))) = (request.mode, VERSION.iter().find(|(own, _)| names.contains(own))) {
        return Err(Error::spec(format!("the rows have a column '{own}', which a history keeps for itself"))
            .at_path(*own)
            .hint("Rename the column in the steps"));
    }
    Ok(())
}

/// One transaction. `sifting`: the whole was refused before, the rows are looked at one by one.
async fn attempt(
    session: &mut PgConnection,
    job: &Job,
    rows: &mut Rows,
    (sifting, dropped): (bool, &mut Vec<foreign_keys::Known>),
) -> Result<Loaded, Stop> {
    let undo = match begin(session, job, dropped).await? {
        LoadAction::Done(loaded) => {
            execute(session, "ROLLBACK").await?;
            return Ok(*loaded);
        }
        LoadAction::Load { undo } => undo,
    };
    let target = prepare::prepare(session, job).await?;
    clear(session, job, &target, undo.as_ref()).await?;
    let statements = load_statements::choose(session, job, &target).await?;
    let loaded = if statements.by_key() || sifting || !target.direct() {
        staged::load(session, job, &target, &statements, rows, sifting).await?
    } else {
        direct::load(session, job, &target, rows).await?
    };
    prepare::finish(session, job, &target).await?;
    job.request.close(&loaded)?;
    let loaded = swapped(loaded, undo);
    if !faults::planted("forgets_ledger") {
        ledger::write_down(session, job, &loaded, None).await?;
    }
    commit(session).await?;
    Ok(loaded)
}

/// Begins the transaction, of a table whose types are wide enough and which no foreign key of ours holds; what an earlier
/// one answered, if it did the load.
async fn begin(session: &mut PgConnection, job: &Job, dropped: &mut Vec<foreign_keys::Known>) -> Result<LoadAction> {
    let (mut widened, mut tries) = (false, 0);
    loop {
        let action = started(session, job).await?;
        if matches!(action, LoadAction::Done(_)) {
            return Ok(action);
        }
        let gone = match foreign_keys::remove(session, job).await {
            // Who reads from the tables is waited for without a lock, so that nobody else has to.
            Err(error) if error.kind() == Kind::Unavailable && tries < foreign_keys::TRIES => {
                execute(session, "ROLLBACK").await?;
                tokio::time::sleep(foreign_keys::PAUSE).await;
                tries += 1;
                continue;
            }
            gone => gone?,
        };
        let changed = !gone.is_empty();
        dropped.extend(gone);
        if !changed {
            if widened || !prepare::widen(session, job).await? {
                if foreign_keys::hold(session, job).await? {
                    return Ok(action);
                }
                // Another load has made one in between.
                execute(session, "ROLLBACK").await?;
                continue;
            }
            widened = true;
        }
        commit(session).await?;
    }
}

async fn started(session: &mut PgConnection, job: &Job) -> Result<LoadAction> {
    execute(session, &format!("BEGIN ISOLATION LEVEL READ COMMITTED; {CANONICAL}")).await?;
    execute(session, LOCK_TIMEOUT).await?;
    job.watchdog.learn(session).await?;
    // Loads of one dataset come one after the other; whoever waited sees the ledger row of the one before.
    ledger::lock(session, &format!("windvane:{}", job.table)).await?;
    ledger::look_up(session, job).await
}

/// Before the rows come: those of an earlier attempt go, and of an empty table no load is said to have rows there.
async fn clear(
    session: &mut PgConnection,
    job: &Job,
    target: &target::Target,
    undo: Option<&Undo>,
) -> Result<(), Stop> {
    if job.request.mode != Mode::Replace {
        ledger::forget(session, job).await?;
    }
    match undo {
        Some(undo) => ledger::undo(session, job, &target.existing, undo).await,
        None => Ok(()),
    }
}

async fn commit(session: &mut PgConnection) -> Result<()> {
    execute(session, "COMMIT").await.map_err(|error| match error.kind() {
        Kind::Unavailable => Error::new(Kind::Unavailable, "the server went away at the commit: it may be done or not")
            .hint("Run it again: if it was done, the load id says so and nothing is written twice")
            .caused_by(&error),
        _ => error,
    })
}
