//! Which rows a database refuses, where it only says that it refuses some of many: a bisection, half after half is tried again.

use crate::narrow::{Narrow, must_fit, others};
use crate::receipt::RefusedRow;
use arrow::record_batch::RecordBatch;
use std::future::Future;
use std::ops::Range;
use windvane_core::error::{Error, Result};
use windvane_core::spec::RowPolicy;

/// What a database's error says of the rows of a statement.
pub trait Refuses: Send {
    /// Whether rows were refused for what they hold: then other rows may go.
    fn refuses_rows(error: &Error) -> bool;
    /// The column that the message names.
    fn column_in(message: &str) -> Option<String>;
}

/// A database that takes rows by INSERTs of many.
pub trait Inserts: Refuses {
    /// Where the statement that begins with this row ends.
    fn end(&mut self, batch: &RecordBatch, start: usize) -> usize;
    /// `places`: of all rows of the batch in the load.
    fn insert(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        places: &[u64],
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Inserts the rows of a batch whose first one has this place in the load. Those that cannot go are given back.
pub async fn insert<Database: Inserts>(
    database: &mut Database,
    batch: &RecordBatch,
    first: u64,
    narrow: &Narrow,
    policy: RowPolicy,
) -> Result<Vec<RefusedRow>> {
    let mut refused = narrow.misfits(batch, first);
    if let (RowPolicy::Fail, Some(row)) = (policy, refused.first()) {
        return Err(must_fit(row));
    }
    let (batch, places) = others(batch, first, &refused)?;
    let mut start = 0;
    while start < batch.num_rows() {
        let end = database.end(&batch, start);
        let mut bisection = Bisection::of(start..end);
        while let Some(rows) = bisection.take() {
            let Err(error) = database.insert(&batch, rows.clone(), &places).await else { continue };
            if !Database::refuses_rows(&error) {
                return Err(error);
            }
            if bisection.blame(&rows).is_some() {
                let column = Database::column_in(error.message());
                refused.push(refusal(error, places[rows.start], policy, column)?);
            }
        }
        start = end;
    }
    Ok(refused)
}

/// Rows that are still to be tried, each range at once, in their order.
pub struct Bisection(Vec<Range<usize>>);

impl Bisection {
    pub fn of(rows: Range<usize>) -> Self {
        Self(if rows.is_empty() { Vec::new() } else { vec![rows] })
    }

    pub fn take(&mut self) -> Option<Range<usize>> {
        self.0.pop()
    }

    /// These were refused: their halves are tried next, or it is this one row.
    pub fn blame(&mut self, rows: &Range<usize>) -> Option<u64> {
        if rows.len() == 1 {
            return Some(rows.start as u64);
        }
        let middle = rows.start + rows.len() / 2;
        self.0.extend([middle..rows.end, rows.start..middle]);
        None
    }
}

/// A row that was not taken, in the server's words; an error where all must be.
pub fn refusal(error: Error, at: u64, policy: RowPolicy, column: Option<String>) -> Result<RefusedRow> {
    match policy {
        RowPolicy::Fail => Err(error.in_row(at + 1)),
        RowPolicy::Quarantine => {
            Ok(RefusedRow { at, column, reason: error.message().replace('\n', " "), superseded: false })
        }
    }
}
