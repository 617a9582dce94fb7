//! Rows whose values do not fit the native types of their columns: they are refused, the others are written.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::BTreeMap;
use windvane_connect::{FoundKind, LoadRequest, RefusedRow};
use windvane_core::error::{Error, Result};
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::native::misfits;
use windvane_core::spec::RowPolicy;

/// The column of a row that cannot be written, and why; by places in a batch.
pub(super) type Misfits = BTreeMap<usize, (String, String)>;

pub(super) struct Fitting {
    request: LoadRequest,
    /// Only Parquet has such types.
    looks: bool,
    rows: u64,
    pub(super) refused: Vec<RefusedRow>,
    /// Of the rows that are refused.
    pub(super) gone: Checksum,
}

impl Fitting {
    pub(super) fn new(request: &LoadRequest, kind: FoundKind) -> Self {
        let looks = kind == FoundKind::Parquet && request.schema.fields.iter().any(|field| field.native().is_some());
        Self { request: request.clone(), looks, rows: 0, refused: Vec::new(), gone: Checksum::default() }
    }

    pub(super) fn misfits(&self, batch: &RecordBatch) -> Result<Misfits> {
        let found = if self.looks { misfits(batch, &self.request.schema)? } else { Misfits::new() };
        if self.request.refused == RowPolicy::Fail
            && let Some((_, (column, reason))) = found.first_key_value()
        {
            return Err(Error::data(reason.clone())
                .at_path(column)
                .hint("Let such rows go to quarantine (`errors: {rows: quarantine}`): nothing was loaded"));
        }
        Ok(found)
    }

    /// The rows of the next batch that are to be written.
    pub(super) fn pass(&mut self, batch: RecordBatch, misfits: &Misfits) -> Result<RecordBatch> {
        let first = self.rows;
        self.rows += batch.num_rows() as u64;
        if misfits.is_empty() {
            return Ok(batch);
        }
        self.refused.extend(misfits.iter().map(|(place, why)| refusal(first + *place as u64, why)));
        self.request.error_budget.allows(&self.refused)?;
        let chosen = |fit: bool| {
            let rows: BooleanArray =
                (0..batch.num_rows()).map(|place| Some(misfits.contains_key(&place) != fit)).collect();
            filter_record_batch(&batch, &rows)
                .map_err(|error| Error::internal("rows could not be chosen").caused_by(&error))
        };
        self.gone.update(&chosen(false)?)?;
        chosen(true)
    }
}

pub(super) fn refusal(at: u64, (column, reason): &(String, String)) -> RefusedRow {
    RefusedRow { at, column: Some(column.clone()), reason: reason.clone(), superseded: false }
}
