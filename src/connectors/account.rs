//! What became of the rows of a load: those that were taken, and those that the target refused.
//!
//! Sums are additive, so that a target's rows can be compared without reading the refused ones a second time: what is
//! read back and what was refused together are what was sent.

use crate::connectors::allowance::Allowance;
use crate::connectors::read_back::counted;
use crate::connectors::{Batch, CONTENT_ROWS, LoadRequest, Loaded, RefusedRow, Rejected};
use crate::error::{Error, Result};
use crate::schema::checksum::Checksum;
use crate::spec::target::Verify;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;

/// Counts and sums the rows of a load.
pub(super) struct Account {
    sent: u64,
    /// Sums end where nothing will be compared.
    sums: bool,
    taken: Checksum,
    put_aside: Checksum,
    refused: Vec<RefusedRow>,
    verify: Verify,
    allowance: Allowance,
}

impl Account {
    pub(super) fn new(request: &LoadRequest) -> Self {
        Self {
            sent: 0,
            sums: request.verify != Verify::Rows,
            taken: Checksum::default(),
            put_aside: Checksum::default(),
            refused: Vec::new(),
            verify: request.verify,
            allowance: request.allowance.clone(),
        }
    }

    /// How many rows came so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn kept(&self) -> u64 {
        self.sent - self.refused.len() as u64
    }

    /// Adds the next batch, of which these rows (by their place in the load) are refused.
    pub(super) fn add(&mut self, batch: &RecordBatch, refused: Vec<RefusedRow>) -> Result<()> {
        let first = self.sent;
        self.sent += batch.num_rows() as u64;
        if self.verify == Verify::Auto && self.sent > CONTENT_ROWS {
            self.sums = false;
        }
        if self.sums && refused.is_empty() {
            self.taken.update(batch)?;
        } else if self.sums {
            let mut keep = vec![true; batch.num_rows()];
            for row in &refused {
                keep[usize::try_from(row.at - first).unwrap_or(usize::MAX)] = false;
            }
            let drop: BooleanArray = keep.iter().map(|keep| Some(!keep)).collect();
            self.taken.update(&filtered(batch, &keep.into())?)?;
            self.put_aside.update(&filtered(batch, &drop)?)?;
        }
        self.refused.extend(refused);
        self.allowance.allows(&self.refused)
    }

    /// A row that was added as taken is refused after all; its content is moved by the caller's `sum`.
    pub(super) fn refuse(&mut self, refused: RefusedRow) -> Result<()> {
        self.refused.push(refused);
        self.allowance.allows(&self.refused)
    }

    /// Whether the caller's promise holds. Rows that the caller knew of and that did not come are an error.
    pub(super) fn check(&mut self, request: &LoadRequest) -> Result<()> {
        self.refused.sort_by_key(|row| row.at);
        let Some(expected) = &request.expected else { return Ok(()) };
        if expected.rows != self.sent {
            let (known, came) = (expected.rows, self.sent);
            return Err(Error::data(format!("{known} rows were expected, {came} came: nothing was loaded"))
                .hint("Run the pipeline again from its source"));
        }
        let mut all = self.taken.clone();
        all.merge(&self.put_aside);
        if self.sums && expected.checksum.as_ref().is_some_and(|expected| *expected != all.finish()) {
            return Err(Error::data("the rows that came are not the ones that were expected: nothing was loaded")
                .hint("Run the pipeline again from its source"));
        }
        Ok(())
    }

    /// The receipt of rows that the target has only counted.
    pub(super) fn counted(&self, request: &LoadRequest, bytes: u64) -> Loaded {
        Loaded { refused: self.refused.clone(), ..counted(request, self.kept(), bytes) }
    }

    /// The receipt, when the rows that are at the target are the ones that were taken. `before` is what was there already
    /// and is read back too; `aside` are rows that were taken at first and refused later.
    pub(super) fn agrees(
        &self,
        request: &LoadRequest,
        seen: &Seen,
        before: &Checksum,
        aside: &Checksum,
        bytes: u64,
    ) -> Result<Loaded> {
        if let Some(rejected) = &seen.rejected {
            let column = rejected.column.clone().unwrap_or_default();
            return Err(Error::data(format!("column '{column}' does not come back from the target as it was sent"))
                .hint("A trigger or the column's type changes it: nothing was loaded")
                .in_row(rejected.row));
        }
        let (wanted, there) = (before.rows() + self.kept(), seen.sum.rows());
        if there != wanted {
            return Err(Error::data(format!("{wanted} rows were expected at the target, {there} are there"))
                .hint("Rows were lost or added on the way, by a trigger or a rule perhaps: nothing was loaded"));
        }
        let mut expected = self.taken.clone();
        expected.merge(before);
        let mut found = seen.sum.clone();
        found.merge(aside);
        if expected.finish() != found.finish() {
            return Err(Error::data("the rows at the target are not the ones that were sent")
                .hint("A trigger, a default or a narrower column changed values: nothing was loaded"));
        }
        // Of our own rows, as they are at the target.
        let own = if before.rows() == 0 { seen.sum.finish() } else { self.taken.finish() };
        Ok(Loaded { checksum: Some(own), ..self.counted(request, bytes) })
    }
}

/// Rows as they are read back.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) sum: Checksum,
    rejected: Option<Rejected>,
}

impl Seen {
    pub(super) fn look(&mut self, batch: Batch) -> Result<()> {
        if self.rejected.is_none() {
            self.rejected = batch.rejected.into_iter().next();
        }
        self.sum.update(&batch.rows)
    }
}

fn filtered(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).map_err(|error| Error::internal("rows cannot be told apart").caused_by(&error))
}
