//! What becomes of rows: those that leave, with the reason, and the numbers of those that come.

use crate::frame::Frame;
use arrow::array::{BooleanArray, Int64Array};
use std::collections::BTreeMap;
use windvane_connect::Rejected;
use windvane_core::error::Result;

/// What became of the rows that are not in the resulting frame.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that a step made beside those that it got.
    pub added: u64,
    pub filtered: u64,
    pub rejected: Vec<Rejected>,
}

impl Outcome {
    /// How many rows left.
    pub(super) fn left(&self) -> u64 {
        self.filtered + self.rejected.len() as u64
    }

    pub(super) fn add(&mut self, other: Self) {
        self.added += other.added;
        self.filtered += other.filtered;
        self.rejected.extend(other.rejected);
    }
}

/// Per failing row: the column and the reason.
pub(super) type Failures = BTreeMap<usize, (Option<String>, String)>;

/// Takes the failing rows out of `done`. `before` has the same rows and is what quarantine shows.
pub(super) fn reject(before: &Frame, done: Frame, failures: Failures, outcome: &mut Outcome) -> Result<Frame> {
    if failures.is_empty() {
        return Ok(done);
    }
    let kept: BooleanArray = (0..before.len()).map(|row| Some(!failures.contains_key(&row))).collect();
    for (row, (column, reason)) in failures {
        outcome.rejected.push(before.reject(row, column.as_deref(), reason));
    }
    done.filter(&kept)
}

/// The numbers of so many rows that follow `before` others.
pub(super) fn sequence(before: u64, rows: usize) -> Int64Array {
    let first = i64::try_from(before).unwrap_or(i64::MAX);
    Int64Array::from_iter_values((first..).take(rows))
}
