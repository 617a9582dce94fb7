//! What became of the rows of a load: those that were taken, and those that the target refused.
//!
//! Sums are additive, so that a target's rows can be compared without reading the refused ones a second time: what is
//! read back and what was refused together are what was sent.

use crate::error_budget::ErrorBudget;
use crate::read_back::{ReadBack, counted, not_the_same, other_count, others_there};
use crate::{CONTENT_ROWS, LoadRequest, Loaded, RefusedRow};
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::Verify;

/// Counts and sums the rows of a load.
pub struct RowAccounting {
    sent: u64,
    /// Sums end where nothing will be compared.
    sums: bool,
    taken: Checksum,
    /// Of what was refused at once.
    put_aside: Checksum,
    /// Of what was taken at first and refused later.
    taken_back: Checksum,
    refused: Vec<RefusedRow>,
    policy: RowPolicy,
    verify: Verify,
    error_budget: ErrorBudget,
}

impl RowAccounting {
    pub fn new(request: &LoadRequest) -> Self {
        Self {
            sent: 0,
            sums: request.verify != Verify::Rows,
            taken: Checksum::default(),
            put_aside: Checksum::default(),
            taken_back: Checksum::default(),
            policy: request.refused,
            refused: Vec::new(),
            verify: request.verify,
            error_budget: request.error_budget.clone(),
        }
    }

    /// How many rows came so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    pub fn refused(&self) -> &[RefusedRow] {
        &self.refused
    }

    pub fn kept(&self) -> u64 {
        self.sent - self.refused.len() as u64
    }

    /// Adds the next batch, of which these rows (by their place in the load) are refused.
    pub fn add(&mut self, batch: &RecordBatch, refused: Vec<RefusedRow>) -> Result<()> {
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
        self.error_budget.allows(&self.refused)
    }

    /// A row that was added as taken is refused after all.
    pub fn refuse(&mut self, refused: RefusedRow) -> Result<()> {
        if self.policy == RowPolicy::Fail && !refused.superseded {
            return Err(Error::data(refused.reason)
                .hint("Look at the rows that break it, or let them go to quarantine: nothing was loaded")
                .in_row(refused.at + 1));
        }
        self.refused.push(refused);
        self.error_budget.allows(&self.refused)
    }

    /// The content of such a row.
    pub fn take_back(&mut self, sum: &Checksum) {
        self.taken_back.merge(sum);
    }

    /// Whether the caller's promise holds. Rows that the caller knew of and that did not come are an error.
    pub fn check(&mut self, request: &LoadRequest) -> Result<()> {
        self.refused.sort_by_key(|row| row.at);
        let Some(expected) = request.expected.expected() else { return Ok(()) };
        if expected.rows != self.sent {
            return Err(other_count(expected.rows, self.sent));
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
    pub fn counted(&self, request: &LoadRequest, bytes: u64) -> Loaded {
        Loaded { refused: self.refused.clone(), ..counted(request, self.kept(), bytes) }
    }

    /// The receipt, when the rows that are at the target are the ones that were taken. `before` is what was there already
    /// and is read back too.
    pub fn agrees(&self, request: &LoadRequest, seen: ReadBack, before: &Checksum, bytes: u64) -> Result<Loaded> {
        if faults::planted("unverified") {
            return Ok(Loaded { checksum: Some(self.taken.finish()), ..self.counted(request, bytes) });
        }
        let mut found = seen.whole()?;
        let (wanted, there) = (before.rows() + self.kept(), found.rows());
        if there != wanted {
            return Err(others_there(request.mode, wanted, there));
        }
        // Of our own rows, as they are at the target.
        let own = if before.rows() == 0 { found.finish() } else { self.taken.finish() };
        let mut expected = self.taken.clone();
        expected.merge(before);
        found.merge(&self.taken_back);
        if expected.finish() != found.finish() {
            return Err(not_the_same());
        }
        Ok(Loaded { checksum: Some(own), ..self.counted(request, bytes) })
    }
}

fn filtered(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).map_err(|error| Error::internal("rows cannot be told apart").caused_by(&error))
}
