//! A merge whose one statement gives back what it wrote: read at once, compared with what was sent.
//!
//! `INSERT ... ON CONFLICT ... RETURNING` gives each row as it is stored, so that nothing need be looked for afterwards.
//! A statement that wrote as many rows as were staged met no key twice: every row was inserted or changed one of the
//! table's. What is refused goes the long way of `staged`, as if nothing had been tried.

use super::super::failure::translate;
use super::super::read::{Copy, execute};
use super::moves::{IS_NEW, Moves};
use super::sift::Did;
use super::staged::{STAGED, Stage};
use super::straight::{CHECK_NOW, look};
use super::target::Target;
use super::{Job, Stop, run};
use crate::connectors::read_back::ReadBack;
use crate::connectors::{Batch, Changes, Loaded};
use crate::error::Result;
use crate::schema::{DataType, Field, Schema};
use arrow::array::{Array, AsArray, RecordBatch};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::sync::{Mutex, PoisonError};

/// The column behind the target's: whether the row is new.
const FRESH: &str = "windvane_fresh";
/// `cardinality_violation`: the statement would change a row a second time.
const TWICE: &str = "21000";

/// The receipt; nothing when the rows must go the long way.
pub(super) async fn load(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    moves: &Moves<'_>,
    stage: &Stage<'_>,
) -> Result<Option<Loaded>, Stop> {
    // What is refused behind the rows comes behind the end of the copy, where the driver does not expect it.
    let fits = stage.reads_back && stage.refused.is_empty() && target.direct() && !target.looks_after;
    if !fits || !moves.is_one_upsert() || some_key_is_null(session, moves.key()).await? {
        return Ok(None);
    }
    execute(session, "SAVEPOINT windvane_moved").await?;
    let (seen, did) = match write(session, job, target, moves).await {
        Ok(done) => done,
        Err(Stop::Refused(_)) => return undone(session).await,
        Err(stop) => return Err(stop),
    };
    let rows = stage.expected.rows;
    let unchanged = rows.saturating_sub(did.inserted + did.updated);
    let seen = if unchanged == 0 {
        seen
    } else {
        stage.analyze(session).await?;
        if !stage.faults(session, moves.key()).await?.is_empty() {
            return undone(session).await;
        }
        look(session, job, target, &moves.mine()).await?
    };
    let loaded = seen.agrees(&job.request, &stage.expected, stage.bytes)?;
    let changes = Changes { inserted: did.inserted, updated: did.updated, deleted: 0, unchanged };
    Ok(Some(Loaded { changes: moves.tells_changes().then_some(changes), ..loaded }))
}

async fn undone(session: &mut PgConnection) -> Result<Option<Loaded>, Stop> {
    execute(session, "ROLLBACK TO SAVEPOINT windvane_moved").await?;
    Ok(None)
}

async fn some_key_is_null(session: &mut PgConnection, key: &[usize]) -> Result<bool, Stop> {
    let empty = key.iter().map(|at| format!("s.c{at} IS NULL")).collect::<Vec<_>>().join(" OR ");
    let sql = format!("SELECT EXISTS (SELECT FROM {STAGED} AS s WHERE {empty})");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(session).await.map_err(|error| Stop::of(&error))
}

async fn write(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    moves: &Moves<'_>,
) -> Result<(ReadBack, Did), Stop> {
    let fields = job.request.schema.fields.iter().cloned();
    let wanted = Schema::new(fields.chain([Field::new(FRESH, DataType::Boolean)]).collect());
    let copy = Copy::returning(&target.existing, &wanted, IS_NEW, |list| moves.upsert("", list));
    let (seen, did) = (ReadBack::default(), Mutex::new(Did::default()));
    let look = |batch: Batch| {
        let looked = seen.look(Batch { rows: split(&batch, &did), ..batch });
        async move { looked }
    };
    copy.run_as(session, &wanted, stop, look).await?;
    run(session, CHECK_NOW).await?;
    Ok((seen, did.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// A key that comes twice is refused, too.
fn stop(error: &sqlx::Error) -> Stop {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some(TWICE) { Stop::Refused(translate(error)) } else { Stop::of(error) }
}

/// The target's columns; what the last one says is counted.
fn split(batch: &Batch, did: &Mutex<Did>) -> RecordBatch {
    let mut rows = batch.rows.clone();
    let fresh = rows.remove_column(rows.num_columns() - 1);
    let inserted = fresh.as_boolean().true_count();
    let mut did = did.lock().unwrap_or_else(PoisonError::into_inner);
    did.inserted += inserted as u64;
    did.updated += (fresh.len() - inserted) as u64;
    rows
}
