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
use std::sync::Arc;
use windvane_connect::ordered_merge::{self, gone};
use windvane_connect::produce::produce;
use windvane_connect::{BatchStream, ReadRequest};
use windvane_core::error::Result;

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
        let ready = if readers.len() > 1 { READY } else { 1 };
        let reading = |mut reader: ReadSession, rests: Vec<String>, sender| {
            let (select, wanted) = (Arc::clone(&select), request.schema.clone());
            async move {
                for rest in rests {
                    reader.read(&select, &rest, &wanted, &sender).await?;
                }
                Ok(())
            }
        };
        let read = ordered_merge::read(readers, rests, ready, reading, give).await;
        read.map(drop).map_err(|error| name(error, &table))
    }))
}

fn sessions() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

/// By the primary key, so that the same rows always come in the same order.
fn in_order(existing: &Existing) -> String {
    if existing.primary.is_empty() {
        return String::new();
    }
    let columns: Vec<String> = existing.primary.iter().map(|column| quote(column)).collect();
    format!(" ORDER BY {}", columns.join(", "))
}
