//! A merge in one statement that gives back what it wrote: counted, or read at once and compared with what was sent.
//!
//! `INSERT ... ON CONFLICT ... RETURNING` gives each row as it is stored, so that nothing need be looked for afterwards.
//! A statement that wrote as many rows as were staged met no key twice: every row was inserted or changed one of the
//! table's. What is refused goes the long way of `staged`, as if nothing had been tried.

use super::super::copy_out::Copy;
use super::super::failure::translate;
use super::super::statement::execute;
use super::direct::{CHECK_NOW, agreed, look};
use super::find_refused::Did;
use super::job::{Job, Stop, run};
use super::load_statements::{IS_NEW, LoadStatements};
use super::stage::Stage;
use super::target::Target;
use arrow::array::{Array, AsArray, RecordBatch};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::sync::{Mutex, PoisonError};
use windvane_connect::read_back::{ReadBack, counted};
use windvane_connect::{Batch, Changes, Loaded};
use windvane_core::error::{Kind, Result};
use windvane_core::schema::{DataType, Field, Schema};

/// The column behind the target's: whether the row is new.
const FRESH: &str = "windvane_fresh";
/// `cardinality_violation`: the statement would change a row a second time.
const TWICE: &str = "21000";

/// What the statement wrote.
#[derive(Default)]
struct Wrote {
    did: Did,
    /// A row without a value in its key: no merge may insert it.
    keyless: bool,
}

/// The receipt; nothing when the rows must go the long way.
pub(super) async fn load(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    statements: &LoadStatements<'_>,
    stage: &Stage<'_>,
) -> Result<Option<Loaded>, Stop> {
    let suits = if stage.reads_back {
        // What is refused behind the rows comes behind the end of the copy, where the driver does not expect it.
        target.direct() && !target.looks_after
    } else {
        !target.reacts
    };
    if !suits || !stage.refused.is_empty() || !statements.is_one_upsert() {
        return Ok(None);
    }
    execute(session, "SAVEPOINT windvane_moved").await?;
    let done = if stage.reads_back {
        write(session, job, target, statements).await.map(|(seen, wrote)| (Some(seen), wrote))
    } else {
        count(session, statements).await.map(|wrote| (None, wrote))
    };
    let (mut seen, Wrote { did, keyless }) = match done {
        Ok(done) => done,
        Err(Stop::Refused(_)) => return undone(session).await,
        Err(stop) => return Err(stop),
    };
    let (request, rows) = (&job.request, stage.expected.rows);
    let unchanged = rows.saturating_sub(did.inserted + did.updated);
    if unchanged > 0 {
        stage.analyze(session).await?;
    }
    if keyless || unchanged > 0 && !stage.faults(session, statements).await?.is_empty() {
        return undone(session).await;
    }
    if unchanged > 0 && seen.is_some() {
        seen = Some(look(session, job, target, &statements.mine()).await?);
    }
    let loaded = match seen {
        Some(seen) => match seen.agrees(request, &stage.expected, stage.bytes) {
            Err(_) if target.pads() => {
                agreed(session, job, target, &statements.mine(), (&stage.expected, stage.bytes)).await?
            }
            // The long way names what differs.
            Err(error) if error.kind() == Kind::Data => return undone(session).await,
            first => first?,
        },
        None => counted(request, rows, stage.bytes),
    };
    let changes = Changes { inserted: did.inserted, updated: did.updated, deleted: 0, unchanged };
    Ok(Some(Loaded { changes: statements.tells_changes().then_some(changes), ..loaded }))
}

async fn undone(session: &mut PgConnection) -> Result<Option<Loaded>, Stop> {
    execute(session, "ROLLBACK TO SAVEPOINT windvane_moved").await?;
    Ok(None)
}

async fn count(session: &mut PgConnection, statements: &LoadStatements<'_>) -> Result<Wrote, Stop> {
    let upsert = statements.upsert("", &format!("{IS_NEW} AS fresh, {} AS keyless", statements.keyless()));
    let counts = "count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh), coalesce(bool_or(keyless), false)";
    let (inserted, updated, keyless): (i64, i64, bool) =
        sqlx::query_as(AssertSqlSafe(format!("WITH done AS ({upsert}) SELECT {counts} FROM done")))
            .fetch_one(&mut *session)
            .await
            .map_err(|error| stop(&error))?;
    run(session, CHECK_NOW).await?;
    Ok(Wrote { did: Did::default().plus((inserted, updated)), keyless })
}

async fn write(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    statements: &LoadStatements<'_>,
) -> Result<(ReadBack, Wrote), Stop> {
    let fields = job.request.schema.fields.iter().cloned();
    let wanted = Schema::new(fields.chain([Field::new(FRESH, DataType::Boolean)]).collect());
    let copy = Copy::returning(&target.existing, &wanted, IS_NEW, |list| statements.upsert("", list));
    let (seen, wrote) = (ReadBack::default(), Mutex::new(Wrote::default()));
    let look = |batch: Batch| {
        let looked = seen.look(Batch { rows: split(&batch, statements.key(), &wrote), ..batch });
        async move { looked }
    };
    copy.run_as(session, &wanted, stop, look).await?;
    run(session, CHECK_NOW).await?;
    Ok((seen, wrote.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// A key that comes twice is refused, too.
fn stop(error: &sqlx::Error) -> Stop {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some(TWICE) { Stop::Refused(translate(error)) } else { Stop::of(error) }
}

/// The target's columns; what the last one says is counted.
fn split(batch: &Batch, key: &[usize], wrote: &Mutex<Wrote>) -> RecordBatch {
    let mut rows = batch.rows.clone();
    let fresh = rows.remove_column(rows.num_columns() - 1);
    let inserted = fresh.as_boolean().true_count();
    let mut wrote = wrote.lock().unwrap_or_else(PoisonError::into_inner);
    wrote.did.inserted += inserted as u64;
    wrote.did.updated += (fresh.len() - inserted) as u64;
    wrote.keyless |= key.iter().any(|at| rows.column(*at).null_count() > 0);
    rows
}
