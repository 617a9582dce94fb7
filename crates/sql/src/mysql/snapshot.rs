//! Several sessions that see the same rows of a table.
//!
//! MySQL has no snapshot that one session could lend another. But while a session holds `LOCK TABLES … READ` no
//! transaction that wrote to the table is open and none may begin to write, so that all snapshots begun meanwhile show
//! the same rows. The lock is held for that moment only; where it cannot be had in a second (somebody writes, or the user
//! may not), one session reads.

use super::connect::Access;
use super::read_session::ReadSession;
use super::session::Session;
use super::table::{Existing, TableName, quote};
use futures::future::try_join_all;
use std::time::Duration;
use windvane_connect::Part;
use windvane_core::error::{Error, Kind, Result};

/// At the server's own level a statement may see what was written since: no snapshot is taken then, and only a warning says so.
pub(super) const REPEATABLE: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// So long writers may wait for us, and we for them.
const SHORT_LOCK_TIMEOUT: &str = "SET SESSION lock_wait_timeout = 1";
/// For all of it together.
const MOMENT: Duration = Duration::from_secs(3);
/// Writes to a table by way of another one, which the lock does not keep out everywhere.
const CASCADES: &str = "\
SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?
AND (DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION'))";
/// Smaller tables are read by one session.
const LARGE: u64 = 50_000;
/// A range holds about so many rows: a few batches.
const RANGE: u64 = 65_536;
/// Never more ranges, however large the table.
const RANGES: u64 = 1_024;

/// The ranges of its key in which a large table is read by several sessions; none for one that is not.
pub(super) async fn ranges(session: &mut Session, table: &TableName, existing: &Existing) -> Result<Vec<Part>> {
    let rows = existing.rows.unwrap_or(0);
    if existing.is_view || rows < LARGE || !existing.engine.eq_ignore_ascii_case("innodb") {
        return Ok(Vec::new());
    }
    let cascades: Option<(i64,)> = session.one(CASCADES, &[&table.database, &table.table]).await?;
    if cascades != Some((0,)) {
        return Ok(Vec::new());
    }
    let count = usize::try_from(rows.div_ceil(RANGE).clamp(2, RANGES)).unwrap_or(2);
    super::filter::split(session, table, existing, count).await
}

/// Sessions in one snapshot: as many as wanted, or one when that cannot be had.
pub(super) async fn readers(
    access: &Access,
    leader: Session,
    table: &TableName,
    wanted: usize,
) -> Result<Vec<ReadSession>> {
    if wanted > 1 {
        let together = async {
            let mut readers = try_join_all((0..wanted).map(|_| ReadSession::open(access))).await?;
            same_moment(leader, table, &mut readers).await?;
            Ok(readers)
        };
        match together.await {
            Ok(readers) => return Ok(readers),
            Err(reason) => tracing::debug!(reason = %Error::to_string(&reason), "one session reads"),
        }
    }
    let mut reader = ReadSession::open(access).await?;
    reader.execute(REPEATABLE).await?;
    reader.execute(BEGIN).await?;
    Ok(vec![reader])
}

/// The leader's lock ends with its session, at the latest.
async fn same_moment(mut leader: Session, table: &TableName, readers: &mut [ReadSession]) -> Result<()> {
    let work = async {
        try_join_all(readers.iter_mut().map(|reader| reader.execute(REPEATABLE))).await?;
        leader.execute(SHORT_LOCK_TIMEOUT).await?;
        leader.execute(&format!("LOCK TABLES {} READ", table.sql())).await?;
        try_join_all(readers.iter_mut().map(|reader| reader.execute(BEGIN))).await?;
        leader.execute("UNLOCK TABLES").await
    };
    match tokio::time::timeout(MOMENT, work).await {
        Ok(done) => done.map(drop),
        Err(_) => Err(Error::new(Kind::Timeout, format!("no common snapshot of {}", quote(&table.table)))),
    }
}
