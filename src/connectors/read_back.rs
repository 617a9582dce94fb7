//! What a database gives back of a load, compared with what was sent before it may become visible.

use crate::connectors::{Batch, LoadRequest, Loaded, Rejected};
use crate::error::{Error, Result};
use crate::schema::checksum::Checksum;
use std::sync::{Mutex, PoisonError};

/// Watches the rows of a load as they come back.
#[derive(Default)]
pub(super) struct ReadBack {
    seen: Mutex<(Checksum, Option<Rejected>)>,
}

impl ReadBack {
    pub(super) fn look(&self, batch: Batch) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (checksum, rejected) = &mut *seen;
        if rejected.is_none() {
            *rejected = batch.rejected.into_iter().next();
        }
        checksum.update(&batch.rows)
    }

    /// The receipt, when the rows that came back are the ones that were sent.
    pub(super) fn agrees(self, request: &LoadRequest, bytes: u64) -> Result<Loaded> {
        let (checksum, rejected) = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(rejected) = rejected {
            let column = rejected.column.unwrap_or_default();
            return Err(Error::data(format!("column '{column}' does not come back from the target as it was sent"))
                .hint("A trigger or the column's type changes it: nothing was loaded")
                .in_row(rejected.row));
        }
        let (rows, checksum) = (checksum.rows(), checksum.finish());
        if rows != request.expected.rows {
            let expected = request.expected.rows;
            return Err(Error::data(format!("{expected} rows were expected at the target, {rows} are there"))
                .hint("Rows were lost or added on the way, by a trigger or a rule perhaps: nothing was loaded"));
        }
        if checksum != request.expected.checksum {
            return Err(Error::data("the rows at the target are not the ones that were sent")
                .hint("A trigger, a default or a narrower column changed values: nothing was loaded"));
        }
        Ok(Loaded { load_id: request.load_id.clone(), rows, bytes, checksum, already: false })
    }
}
