//! Which rows a database refuses, where it only says that it refuses some of many: they are tried again in halves.

use crate::RefusedRow;
use std::ops::Range;
use windvane_core::error::{Error, Result};
use windvane_core::spec::RowPolicy;

/// Rows that are still to be tried, each range at once, in their order.
pub struct Halves(Vec<Range<usize>>);

impl Halves {
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
