//! A table as batches: binary COPY in read-only transactions that share one snapshot, taken once the table is locked.
//!
//! A large heap table is read by a few sessions at a time, each a run of pages after the other, and handed on in the
//! order of the pages: the order of rows and their numbers do not depend on who was faster. What cannot be read so (a
//! view, a part by keys, a server before 14, a standby that exports no snapshot, a pooler with one session for us) is
//! one COPY.

use super::connect::Access;
use super::copy_out::Copy;
use super::filter::{Pages, conditions, rest};
use super::read_session::ReadSession;
use super::sessions::{described, readers};
use super::table::{Identity, TableName, name};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use windvane_connect::ordered_merge::{self, Piece, gone};
use windvane_connect::produce::produce;
use windvane_connect::{BatchStream, Part, ReadRequest};
use windvane_core::error::{Error, Kind, Result};

/// A session reads so many pages at a time (8 kB each, as a rule): 8 MB are a few batches.
const RUN: u64 = 1024;
/// Batches that a session may have ready while another's are handed on: about half a run of pages.
const READY: usize = 6;
/// Smaller tables are read by one session, much smaller ones by the one that looked.
const LARGE: u64 = 2_000;
const SMALL: u64 = 128;
/// So long the sessions may take to end once all rows are here.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A read that stops after so many rows is small too.
const FEW: u64 = 10_000;
/// So often a table is described that somebody else then changes before the sessions that read have it locked.
const ATTEMPTS: usize = 4;

pub(super) async fn read(access: &Access, schema: &str, request: ReadRequest) -> Result<BatchStream> {
    let table = TableName::parse(&request.locator, schema);
    for _ in 0..ATTEMPTS {
        let Some(described) = described(access, &table, schema).await? else { continue };
        let conditions = conditions(&request, &described.existing).map_err(|error| name(error, &table))?;
        let pages = match request.part {
            Some(Part::Pages { from, to }) => Pages { from, to },
            Some(Part::Keys(_) | Part::File { .. }) | None => Pages { from: 0, to: None },
        };
        let few = request.limit.is_some_and(|limit| limit <= FEW);
        let all = described.storage.pages;
        let count = all.map(|all| pages.to.map_or(all, |to| to.min(all)).saturating_sub(pages.from));
        // With conditions the server may have an index that is better than any run of pages.
        let whole = request.limit.is_none() && conditions.is_empty() && described.storage.ranges;
        let wanted = match count {
            Some(count) if whole && count > LARGE => sessions(),
            Some(count) if count <= SMALL => 0,
            Some(_) | None if few => 0,
            Some(_) | None => 1,
        };
        let copy = Copy::of(&described.existing, &request.schema);
        let meant = described.identity.clone();
        // What a view or a foreign table reads is not told before it is read.
        let strict = described.storage.pages.is_some() && described.storage.ranges;
        let Some(readers) = readers(access, described, &table, wanted).await.map_err(|error| name(error, &table))?
        else {
            continue;
        };
        let runs = match count {
            Some(count) if readers.len() > 1 => runs(pages, count),
            Some(_) | None => vec![pages],
        };
        return Ok(stream(readers, runs, Selection { table, request, copy, conditions, meant, strict }));
    }
    Err(replaced(&table))
}

fn stream(readers: Vec<ReadSession>, runs: Vec<Pages>, selection: Selection) -> BatchStream {
    let selection = Arc::new(selection);
    produce(move |sender| async move {
        let give = |batch| async { sender.send(Ok(batch)).await.map_err(|_| gone()) };
        let reading = |reader, runs, sender| one(reader, runs, Arc::clone(&selection), sender);
        let read = ordered_merge::read(readers, runs, READY, reading, give).await;
        let mut tasks = read.map_err(|error| name(error, &selection.table))?;
        let closing = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(CLOSE_TIMEOUT, closing).await);
        Ok(())
    })
}

fn replaced(table: &TableName) -> Error {
    Error::new(Kind::Unavailable, "the table was altered or replaced while it was read")
        .in_table(table.to_string())
        .hint("Nothing of what was read is used. Run it again, once whoever changes the table is done")
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

/// What every session asks for.
struct Selection {
    table: TableName,
    request: ReadRequest,
    copy: Copy,
    conditions: Vec<String>,
    /// What the name meant when the table was described, and must mean still; `strict`: and read nothing else.
    meant: Identity,
    strict: bool,
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
        let meaning = reader.copy(&what.sql(run), &what.table.meaning(), &mut decoder, &sender).await?;
        // A lock holds the table, but not the schema's name, which leads to another table once it is given to another.
        if !what.meant.means(meaning.as_deref(), what.strict) {
            return Err(replaced(&what.table));
        }
        sender.send(Ok(Piece::End)).await.map_err(|_| gone())?;
    }
    reader.close().await;
    Ok(())
}
