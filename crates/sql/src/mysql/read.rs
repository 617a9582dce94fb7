//! A table as batches, in the order of the primary key: prepared SELECTs in one snapshot.
//!
//! A large table is read by a few sessions at a time, each a range of the key after the other, and handed on in the order
//! of the ranges: the order of rows and their numbers do not depend on who was faster. What cannot be read so (no key of
//! numbers or days, a condition, a limit, no lock for the moment in which the snapshots begin) is one SELECT.

use super::catalog;
use super::connect::{self, Access};
use super::failure::translate;
use super::lane::Lane;
use super::select::{Selected, select};
use super::session::Session;
use super::snapshot::{lanes, ranges};
use super::table::{Existing, TableName, quote, same};
use super::wire::{Wire, put};
use super::within::{conditions, of_part};
use futures::{FutureExt, StreamExt};
use sqlx::mysql::{MySql, MySqlRow};
use sqlx::{AssertSqlSafe, Decode, Row};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use windvane_connect::gather::{Gather, produce};
use windvane_connect::turns::{self, Piece, gone};
use windvane_connect::{Batch, BatchStream, ReadRequest};
use windvane_core::error::{Error, Result};
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
    let lanes = lanes(access, leader, &table, wanted).await.map_err(|error| name(error, &table))?;
    let order = in_order(&existing);
    let rests = if lanes.len() > 1 {
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
        all(lanes, rests, select, request.schema, give).await.map_err(|error| name(error, &table))
    }))
}

fn sessions() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

/// Hands on the batches of all ranges in their order. The sessions' tasks end with this future.
async fn all<Give, Given>(
    lanes: Vec<Lane>,
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
    let mut pieces: Vec<Receiver<Result<Piece>>> = Vec::with_capacity(lanes.len());
    let count = lanes.len();
    for (at, mut lane) in lanes.into_iter().enumerate() {
        let (sender, receiver) = channel(if count > 1 { READY } else { 1 });
        let mine: Vec<String> = rests.iter().skip(at).step_by(count).cloned().collect();
        let (select, wanted) = (Arc::clone(&select), wanted.clone());
        tasks.spawn(async move {
            for rest in mine {
                if let Err(error) = lane.read(&select, &rest, &wanted, &sender).await {
                    // Nobody is left to tell when this fails.
                    drop(sender.send(Err(error)).await);
                    break;
                }
            }
        });
        pieces.push(receiver);
    }
    turns::in_order(pieces, rests.len(), give).await
}

/// By the primary key, so that the same rows always come in the same order.
fn in_order(existing: &Existing) -> String {
    if existing.primary.is_empty() {
        return String::new();
    }
    let columns: Vec<String> = existing.primary.iter().map(|column| quote(column)).collect();
    format!(" ORDER BY {}", columns.join(", "))
}

/// One SELECT of a table's columns.
pub(super) struct Select {
    list: String,
    table: String,
    selected: Vec<Selected>,
}

impl Select {
    pub(super) fn new(table: &TableName, existing: &Existing, wanted: &Schema) -> Self {
        let column = |name: &str| {
            let exact = existing.columns.iter().find(|column| column.name == name);
            exact.or_else(|| existing.columns.iter().find(|column| same(&column.name, name)))
        };
        let selected: Vec<Selected> =
            wanted.fields.iter().map(|field| select(field.data_type, column(&field.name))).collect();
        let list: Vec<&str> = selected.iter().map(|column| column.sql.as_str()).collect();
        Self { list: list.join(", "), table: table.sql(), selected }
    }

    /// `rest` follows the table's name: conditions, order and limits, made of our own words only.
    pub(super) fn sql(&self, rest: &str) -> String {
        format!("SELECT {} FROM {}{rest}", self.list, self.table)
    }

    pub(super) fn wires(&self) -> Vec<Wire> {
        self.selected.iter().map(|column| column.wire).collect()
    }

    /// Which columns come as texts that are parsed into their type.
    pub(super) fn parsed(&self) -> Vec<bool> {
        self.selected.iter().map(|column| column.parsed).collect()
    }

    /// Gives every batch to `give`, by the driver.
    pub(super) async fn run<Give, Given>(
        &self,
        session: &mut Session,
        rest: &str,
        wanted: &Schema,
        give: Give,
    ) -> Result<()>
    where
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        let mut gather = Gather::new(wanted, self.parsed());
        let sql = self.sql(rest);
        let Session { link, watch, .. } = session;
        let mut rows = sqlx::query(AssertSqlSafe(sql.as_str())).persistent(false).fetch(link);
        loop {
            // Mostly the next row is here already: no timer then.
            let next = match rows.next().now_or_never() {
                Some(next) => next.transpose().map_err(|error| translate(&error))?,
                None => watch.patient(rows.next().map(Option::transpose)).await?,
            };
            let Some(row) = next else { break };
            self.add(&row, &mut gather)?;
            let full = if gather.end_row() { gather.take()? } else { None };
            if let Some(batch) = full {
                give(batch).await?;
            }
        }
        match gather.take()? {
            Some(batch) => give(batch).await,
            None => Ok(()),
        }
    }

    fn add(&self, row: &MySqlRow, gather: &mut Gather) -> Result<()> {
        for (column, selected) in self.selected.iter().enumerate() {
            let value = row.try_get_raw(column).map_err(|error| translate(&error))?;
            // Not `is_null`: the driver takes zero dates for nulls.
            match <&[u8] as Decode<MySql>>::decode(value) {
                Ok(bytes) => put(selected.wire, bytes, column, gather)?,
                Err(_) => gather.null(column),
            }
        }
        Ok(())
    }
}

/// Names the table unless somebody did.
pub(super) fn name(error: Error, table: &TableName) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table.to_string()) }
}
