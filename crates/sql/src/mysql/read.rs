//! A table as batches, in the order of the primary key: prepared SELECTs in one snapshot.
//!
//! A large table is read by a few sessions at a time, each a range of the key after the other, and handed on in the order
//! of the ranges: the order of rows and their numbers do not depend on who was faster. What cannot be read so (no key of
//! numbers or days, a condition, a limit, no lock for the moment in which the snapshots begin) is one SELECT.

use super::catalog;
use super::connect::{self, Access};
use super::filter::{conditions, of_part};
use super::read_session::ReadSession;
use super::select::Select;
use super::snapshot::{ranges, readers};
use super::table::{Existing, TableName, name, quote};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use windvane_connect::ordered_merge::{self, Piece, gone};
use windvane_connect::produce::produce;
use windvane_connect::{Batch, BatchStream, ReadRequest};
use windvane_core::error::Result;
use windvane_core::schema::Schema;

/// Batches that a session may have ready while another's are handed on: about a range.
const READY: usize = 5;

pub(super) async fn read(access: &Access, database: &str, request: ReadRequest) -> Result<BatchStream> {
    let table = TableName::parse(&request.locator, database);
    let mut leader = connect::open(&access.options).await?;
    let Some(existing) = table.existing(&mut leader).await? else {
        return Err(catalog::missing(&mut leader, &table, database).await);
    };
    let conditions = conditions(&request, &existing)?;
    let whole = conditions.is_empty() && request.limit.is_none();
    let parts = if whole { ranges(&mut leader, &table, &existing).await? } else { Vec::new() };
    let wanted = if parts.len() > 1 { sessions() } else { 1 };
    let readers = readers(access, leader, &table, wanted).await.map_err(|error| name(error, &table))?;
    let order = in_order(&existing);
    let rests = if readers.len() > 1 {
        let one = |part| Ok(format!(" FORCE INDEX (PRIMARY) WHERE {}{order}", of_part(part, &existing)?));
        parts.iter().map(one).collect::<Result<Vec<_>>>()?
    } else {
        let only = if conditions.is_empty() { "" } else { " WHERE " };
        let limit = request.limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
        vec![format!("{only}{}{order}{limit}", conditions.join(" AND "))]
    };
    let select = Arc::new(Select::new(&table, &existing, &request.schema));
    Ok(produce(move |sender| async move {
        let give = |batch| async { sender.send(Ok(batch)).await.map_err(|_| gone()) };
        all(readers, rests, select, request.schema, give).await.map_err(|error| name(error, &table))
    }))
}

fn sessions() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

/// Hands on the batches of all ranges in their order. The sessions' tasks end with this future.
async fn all<Give, Given>(
    readers: Vec<ReadSession>,
    rests: Vec<String>,
    select: Arc<Select>,
    wanted: Schema,
    give: Give,
) -> Result<()>
where
    Give: Fn(Batch) -> Given,
    Given: Future<Output = Result<()>>,
{
    let mut tasks = JoinSet::new();
    let mut pieces: Vec<Receiver<Result<Piece>>> = Vec::with_capacity(readers.len());
    let count = readers.len();
    for (at, mut reader) in readers.into_iter().enumerate() {
        let (sender, receiver) = channel(if count > 1 { READY } else { 1 });
        let mine: Vec<String> = rests.iter().skip(at).step_by(count).cloned().collect();
        let (select, wanted) = (Arc::clone(&select), wanted.clone());
        tasks.spawn(async move {
            for rest in mine {
                if let Err(error) = reader.read(&select, &rest, &wanted, &sender).await {
                    // Nobody is left to tell when this fails.
                    drop(sender.send(Err(error)).await);
                    break;
                }
            }
        });
        pieces.push(receiver);
    }
    ordered_merge::in_order(pieces, rests.len(), give).await
}

/// By the primary key, so that the same rows always come in the same order.
fn in_order(existing: &Existing) -> String {
    if existing.primary.is_empty() {
        return String::new();
    }
    let columns: Vec<String> = existing.primary.iter().map(|column| quote(column)).collect();
    format!(" ORDER BY {}", columns.join(", "))
}
