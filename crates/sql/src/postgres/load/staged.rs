//! Rows that were copied into a temporary table first, which takes every value of ours, are moved from there by the server.

use super::super::failure::translate;
use super::super::statement::execute;
use super::direct::{CHECK_NOW, agreed, empty, kept_away};
use super::find_refused::{self, Did};
use super::job::{Job, Stop, run};
use super::load_statements::{Counts, LoadStatements};
use super::stage::Stage;
use super::target::Target;
use super::{changed, differs, returning};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::read_back::counted;
use windvane_connect::{Changes, Loaded, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::RowPolicy;

pub(super) async fn load(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    statements: &LoadStatements<'_>,
    rows: &mut Rows,
    sifting: bool,
) -> Result<Loaded, Stop> {
    let stage = Stage::fill(session, &job.request, target, rows).await?;
    moved(session, job, target, statements, stage, (sifting, false)).await
}

/// Moves the staged rows, of which those that may not be there are refused. `aside`: others of the load are in quarantine.
pub(super) async fn moved(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    statements: &LoadStatements<'_>,
    mut stage: Stage<'_>,
    (sifting, aside): (bool, bool),
) -> Result<Loaded, Stop> {
    let request = &job.request;
    let lost = changed::rows(session, target).await.map_err(|stop| Stop::Failed(stop.error()))?;
    stage.refuse(session, lost).await?;
    if !sifting && let Some(loaded) = returning::load(session, job, target, statements, &stage).await? {
        return Ok(loaded);
    }
    stage.analyze(session).await?;
    if statements.by_key() {
        let faults = stage.faults(session, statements).await?;
        stage.refuse(session, faults).await?;
    }
    if statements.empties() {
        empty(session, target).await?;
    }
    let deleted = match statements.absent(request, &stage.refused, aside) {
        Some(sql) => run(session, &sql).await.map_err(|stop| Stop::Failed(stop.error()))?,
        None => 0,
    };
    let did = if let Some(did) = whole(session, statements, sifting).await? {
        did
    } else {
        let fails = request.refused == RowPolicy::Fail;
        let (did, refused) = find_refused::rows(session, statements, target, stage.places, fails).await?;
        stage.refuse(session, refused).await?;
        did
    };
    let kept = stage.expected.rows - stage.refused.len() as u64;
    let unchanged = kept.checked_sub(did.inserted + did.updated).filter(|rest| statements.by_key() || *rest == 0);
    let unchanged = unchanged.ok_or_else(|| kept_away(kept, did.inserted + did.updated))?;
    let loaded = if stage.reads_back {
        let expected = stage.kept(session, target).await?;
        let mine = statements.mine();
        let loaded = match agreed(session, job, target, &mine, (&expected, stage.bytes)).await {
            Err(error) if error.kind() == Kind::Data => {
                return Err(differs::named(session, target, &mine, error).await.into());
            }
            agreed => agreed?,
        };
        stage.sent(session, target, loaded).await?
    } else {
        if !statements.counts_suffice() {
            count(session, target, statements, kept).await?;
        }
        counted(request, kept, stage.bytes)
    };
    let changes = Changes { inserted: did.inserted, updated: did.updated, deleted, unchanged };
    stage.refused.sort_by_key(|row| row.at);
    Ok(Loaded { refused: stage.refused, changes: statements.tells_changes().then_some(changes), ..loaded })
}

async fn count(session: &mut PgConnection, target: &Target, statements: &LoadStatements<'_>, kept: u64) -> Result<()> {
    let sql = format!("SELECT count(*) FROM {}{}", target.name.sql(), statements.mine());
    let there: i64 =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(session).await.map_err(|error| translate(&error))?;
    if u64::try_from(there) == Ok(kept) {
        return Ok(());
    }
    Err(Error::data(format!("{kept} rows were expected at the target, {there} are there"))
        .hint("The table has a key twice, or a trigger keeps rows away: nothing was loaded"))
}

/// Moves all rows at once; nothing when the server refuses one of them.
async fn whole(
    session: &mut PgConnection,
    statements: &LoadStatements<'_>,
    sifting: bool,
) -> Result<Option<Did>, Stop> {
    if sifting {
        return Ok(None);
    }
    execute(session, "SAVEPOINT windvane_moved").await?;
    match at_once(session, statements).await {
        Ok(did) => Ok(Some(did)),
        Err(Stop::Refused(_)) => {
            execute(session, "ROLLBACK TO SAVEPOINT windvane_moved").await?;
            Ok(None)
        }
        Err(stop) => Err(stop),
    }
}

async fn at_once(session: &mut PgConnection, statements: &LoadStatements<'_>) -> Result<Did, Stop> {
    execute(session, "INSERT INTO pg_temp.windvane_marks VALUES (0)").await?;
    let mut did = Did::default();
    for step in statements.steps("") {
        match step.counts {
            Counts::Inserted => did.inserted += run(session, &step.sql).await?,
            Counts::Updated => did.updated += run(session, &step.sql).await?,
            Counts::Both => {
                let both: (i64, i64) = sqlx::query_as(AssertSqlSafe(step.sql))
                    .fetch_one(&mut *session)
                    .await
                    .map_err(|error| Stop::of(&error))?;
                did = did.plus(both);
            }
        }
    }
    run(session, CHECK_NOW).await?;
    Ok(did.fresh(statements))
}
