//! A table as batches: binary COPY in read-only transactions that share one snapshot, taken once the table is locked.
//!
//! A large heap table is read by a few sessions at a time, each a run of pages after the other, and handed on in the
//! order of the pages: the order of rows and their numbers do not depend on who was faster. What cannot be read so (a
//! view, a part by keys, a server before 14, a standby that exports no snapshot, a pooler with one session for us) is
//! one COPY.

use super::catalog;
use super::connect::{self, Access, CANONICAL, answered};
use super::copy_out::Copy;
use super::failure::translate;
use super::filter::{Pages, conditions, rest};
use super::read_session::{ReadSession, close};
use super::statement::{BEGIN, BEGIN_ONE, execute};
use super::table::{TableName, name};
use futures::future::try_join_all;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use windvane_connect::ordered_merge::{self, Piece, gone};
use windvane_connect::produce::produce;
use windvane_connect::{BatchStream, Part, ReadRequest};
use windvane_core::error::Result;

/// A session reads so many pages at a time (8 kB each, as a rule): 4 MB are a few batches.
const RUN: u64 = 512;
/// Batches that a session may have ready while another's are handed on: about a run of pages.
const READY: usize = 6;
/// Smaller tables are read by one session, much smaller ones by the one that looked.
const LARGE: u64 = 2_000;
const SMALL: u64 = 128;
/// So long the sessions may take to end once all rows are here.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A read that stops after so many rows is small too.
const FEW: u64 = 10_000;

pub(super) async fn read(access: &Access, schema: &str, request: ReadRequest) -> Result<BatchStream> {
    let table = TableName::parse(&request.locator, schema);
    let mut leader = connect::open(&access.options).await?;
    let looking = async {
        execute(&mut leader, &format!("{BEGIN_ONE}; {CANONICAL}")).await?;
        if table.existing(&mut leader).await?.is_some() {
            execute(&mut leader, &table.lock()).await.map_err(|error| name(error, &table))?;
        }
        // Under the lock: it may have been another one before.
        let Some(existing) = table.existing(&mut leader).await? else {
            return Err(catalog::missing(&mut leader, &table, schema).await);
        };
        let storage = table.storage(&mut leader).await?;
        Ok((existing, storage))
    };
    let (existing, storage) = answered(&access.options, looking).await?;
    let conditions = conditions(&request, &existing).map_err(|error| name(error, &table))?;
    let pages = match request.part {
        Some(Part::Pages { from, to }) => Pages { from, to },
        Some(Part::Keys(_) | Part::File { .. }) | None => Pages { from: 0, to: None },
    };
    let few = request.limit.is_some_and(|limit| limit <= FEW);
    let count = storage.pages.map(|all| pages.to.map_or(all, |to| to.min(all)).saturating_sub(pages.from));
    // With conditions the server may have an index that is better than any run of pages.
    let whole = request.limit.is_none() && conditions.is_empty() && storage.ranges;
    let wanted = match count {
        Some(count) if whole && count > LARGE => sessions(),
        Some(count) if count <= SMALL => 0,
        Some(_) | None if few => 0,
        Some(_) | None => 1,
    };
    let readers = readers(access, leader, &table, wanted).await.map_err(|error| name(error, &table))?;
    let runs = match count {
        Some(count) if readers.len() > 1 => runs(pages, count),
        Some(_) | None => vec![pages],
    };
    let selection = Arc::new(Selection { copy: Copy::of(&existing, &request.schema), conditions, request, table });
    Ok(produce(move |sender| async move {
        let give = |batch| async { sender.send(Ok(batch)).await.map_err(|_| gone()) };
        let reading = |reader, runs, sender| one(reader, runs, Arc::clone(&selection), sender);
        let read = ordered_merge::read(readers, runs, READY, reading, give).await;
        let mut tasks = read.map_err(|error| name(error, &selection.table))?;
        let closing = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(CLOSE_TIMEOUT, closing).await);
        Ok(())
    }))
}

fn sessions() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

fn runs(pages: Pages, count: u64) -> Vec<Pages> {
    let starts = (0..count.div_ceil(RUN)).map(|run| pages.from + run * RUN);
    let mut runs: Vec<Pages> = starts.map(|from| Pages { from, to: Some(from + RUN) }).collect();
    if let Some(last) = runs.last_mut() {
        last.to = pages.to;
    }
    runs
}

/// Sessions in one snapshot: as many as wanted, or one when that cannot be had; the one that looked, when that is best.
/// Each holds a lock of its own before the leader's goes, and none waits for it: whoever wants the table for himself waits
/// for the leader, and who asks now would wait for him.
async fn readers(
    access: &Access,
    mut leader: PgConnection,
    table: &TableName,
    wanted: usize,
) -> Result<Vec<ReadSession>> {
    if wanted > 1 {
        match answered(&access.options, together(access, &mut leader, table, wanted)).await {
            Ok(readers) => {
                close(leader, access).await;
                return Ok(readers);
            }
            Err(reason) => tracing::debug!(%reason, "one session reads"),
        }
    }
    if wanted > 0
        && let Ok(reader) =
            ReadSession::open(access, &format!("{BEGIN_ONE}; {CANONICAL}; {}", table.lock_at_once())).await
    {
        close(leader, access).await;
        return Ok(vec![reader]);
    }
    // A snapshot that could not be exported has ended its transaction.
    let again = format!("ROLLBACK; {BEGIN_ONE}; {CANONICAL}; {}", table.lock());
    Ok(vec![answered(&access.options, ReadSession::of_driver(leader, access, &again)).await?])
}

async fn together(
    access: &Access,
    leader: &mut PgConnection,
    table: &TableName,
    wanted: usize,
) -> Result<Vec<ReadSession>> {
    let snapshot: String = sqlx::query_scalar("SELECT pg_export_snapshot()")
        .persistent(false)
        .fetch_one(leader)
        .await
        .map_err(|error| translate(&error))?;
    let begin = format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{snapshot}'; {CANONICAL}; {}", table.lock_at_once());
    try_join_all((0..wanted).map(|_| ReadSession::open(access, &begin))).await
}

/// What every session asks for.
struct Selection {
    table: TableName,
    request: ReadRequest,
    copy: Copy,
    conditions: Vec<String>,
}

impl Selection {
    fn sql(&self, pages: Pages) -> String {
        let conditions: Vec<String> = self.conditions.iter().cloned().chain(pages.condition()).collect();
        self.copy.sql(&rest(&self.table, &conditions, self.request.limit))
    }
}

async fn one(
    mut reader: ReadSession,
    runs: Vec<Pages>,
    what: Arc<Selection>,
    sender: Sender<Result<Piece>>,
) -> Result<()> {
    let mut decoder = what.copy.decoder(&what.request.schema)?;
    for run in runs {
        reader.copy(&what.sql(run), &mut decoder, &sender).await?;
    }
    reader.close().await;
    Ok(())
}
