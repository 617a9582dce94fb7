//! What a database gives back of a load, compared with what was sent before it may become visible.

use crate::batch::{Batch, Rejected};
use crate::expectation::{Expectation, Expected};
use crate::load::{CONTENT_ROWS, LoadRequest};
use crate::receipt::Loaded;
use arrow::record_batch::RecordBatch;
use std::sync::{Mutex, PoisonError};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::target::{Mode, Verify};

/// Counts the rows of a load as they are sent, and sums them while they may be compared.
pub struct Tally {
    rows: u64,
    checksum: Option<Checksum>,
    verify: Verify,
}

impl Tally {
    pub fn new(request: &LoadRequest) -> Self {
        // What somebody else says need not be summed again.
        let sums = request.verify != Verify::Rows && matches!(request.expected, Expectation::Nobody);
        Self { rows: 0, checksum: sums.then(Checksum::default), verify: request.verify }
    }

    /// Of rows that are not what is loaded in the end.
    pub fn counting() -> Self {
        Self { rows: 0, checksum: None, verify: Verify::Rows }
    }

    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        if self.verify == Verify::Auto && self.rows > CONTENT_ROWS {
            self.checksum = None;
        }
        self.checksum.as_mut().map_or(Ok(()), |checksum| checksum.update(batch))
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What must be at the target. Rows that the caller knew of and that did not come are an error.
    pub fn expected(&self, request: &LoadRequest) -> Result<Expected> {
        match request.expected.expected() {
            Some(expected) if expected.rows != self.rows => Err(other_count(expected.rows, self.rows)),
            Some(expected) => Ok(expected.clone()),
            None => Ok(Expected { rows: self.rows, checksum: self.checksum.as_ref().map(Checksum::finish) }),
        }
    }
}

/// Watches the rows of a load as they come back.
#[derive(Default)]
pub struct ReadBack {
    seen: Mutex<(Checksum, Option<Rejected>)>,
}

impl ReadBack {
    pub fn look(&self, batch: Batch) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (checksum, rejected) = &mut *seen;
        if rejected.is_none() {
            *rejected = batch.rejected.into_iter().next();
        }
        checksum.update(&batch.rows)
    }

    pub fn rows(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.rows()
    }

    /// What came back.
    pub fn sum(self) -> Result<Expected> {
        let checksum = self.whole()?;
        Ok(Expected { rows: checksum.rows(), checksum: Some(checksum.finish()) })
    }

    /// The same, to be added to others.
    pub fn whole(self) -> Result<Checksum> {
        let (checksum, rejected) = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        rejected.map_or(Ok(checksum), |rejected| Err(changed(&rejected)))
    }

    /// Whether they have this checksum. What cannot be read as it was loaded has not.
    pub fn is(self, checksum: &str) -> bool {
        self.whole().is_ok_and(|seen| seen.finish() == checksum)
    }

    /// The receipt, when the rows that came back are the ones that were sent.
    pub fn agrees(self, request: &LoadRequest, expected: &Expected, bytes: u64) -> Result<Loaded> {
        if faults::planted("unverified") {
            return Ok(Loaded { checksum: expected.checksum.clone(), ..counted(request, expected.rows, bytes) });
        }
        let found = self.whole()?;
        let (rows, checksum) = (found.rows(), found.finish());
        if rows != expected.rows {
            return Err(others_there(request.mode, expected.rows, rows));
        }
        if expected.checksum.as_ref().is_some_and(|expected| *expected != checksum) {
            return Err(not_the_same());
        }
        Ok(Loaded { checksum: Some(checksum), ..counted(request, rows, bytes) })
    }
}

fn changed(rejected: &Rejected) -> Error {
    let column = rejected.column.as_deref().unwrap_or_default();
    Error::data(format!("column '{column}' does not come back from the target as it was sent"))
        .hint("A trigger or the column's type changes it: nothing was loaded")
        .in_row(rejected.row)
}

/// Not as many rows came as the caller knew of.
pub fn other_count(known: u64, came: u64) -> Error {
    Error::data(format!("{known} rows were expected, {came} came: nothing was loaded"))
        .hint("Run the pipeline again from its source")
}

pub fn others_there(mode: Mode, expected: u64, there: u64) -> Error {
    let reason = match mode {
        Mode::Merge | Mode::History if there > expected => {
            "The table holds several rows with one key, or a trigger added some: nothing was loaded. Delete the rows that are \
             too many, or say another `key`"
        }
        Mode::Replace | Mode::Append | Mode::Merge | Mode::History => {
            "Rows were lost or added on the way, by a trigger or a rule perhaps: nothing was loaded"
        }
    };
    Error::data(format!("{expected} rows were expected at the target, {there} are there")).hint(reason)
}

pub fn not_the_same() -> Error {
    Error::data("the rows at the target are not the ones that were sent")
        .hint("A trigger, a default or a narrower column changed values: nothing was loaded")
}

/// The receipt of rows that the target has counted.
pub fn counted(request: &LoadRequest, rows: u64, bytes: u64) -> Loaded {
    Loaded::counted(&request.load_id, rows, bytes)
}

/// A receipt that no ledger holds, where that fault is planted.
pub fn forged(request: &LoadRequest) -> Option<Loaded> {
    let (rows, checksum) =
        request.expected.expected().map_or((0, None), |expected| (expected.rows, expected.checksum.clone()));
    let forge = || Loaded { checksum, already: true, ..counted(request, rows, 0) };
    faults::planted("already_unasked").then(forge)
}

/// The receipt of an earlier attempt, as the ledger holds it.
pub fn already(load_id: &str, rows: i64, bytes: i64, checksum: String) -> Loaded {
    let [rows, bytes] = [rows, bytes].map(|count| u64::try_from(count).unwrap_or(0));
    let checksum = Some(checksum).filter(|checksum| !checksum.is_empty());
    Loaded { checksum, already: true, ..Loaded::counted(load_id, rows, bytes) }
}
