//! The rows of a batch inside the asked ranges, where the source itself cannot leave the others out.

use super::{Batch, Within, within};
use arrow::array::ArrayRef;
use arrow::compute::filter;
use arrow::record_batch::RecordBatch;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema};

/// The wanted columns, and behind them those that only the ranges need.
pub fn widen(wanted: &Schema, within: &[Within]) -> Schema {
    let mut wide = wanted.clone();
    for range in within {
        if wide.field(&range.column).is_none() {
            wide.fields.push(Field::new(range.column.clone(), range.data_type));
        }
    }
    wide
}

/// The rows inside every range, in the first `columns` columns only.
pub fn keep(batch: Batch, ranges: &[Within], columns: usize) -> Result<Batch> {
    if ranges.is_empty() {
        return Ok(batch);
    }
    let inside = within::keep(ranges, &batch.rows)?;
    let narrow: Vec<usize> = (0..columns).collect();
    let rows = batch.rows.project(&narrow).map_err(|error| broken(&error))?;
    let kept = rows.columns().iter().map(|column| filter(column, &inside)).collect::<Result<Vec<ArrayRef>, _>>();
    let kept = kept.map_err(|error| broken(&error))?;
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(inside.true_count()));
    let rows = RecordBatch::try_new_with_options(rows.schema(), kept, &options).map_err(|error| broken(&error))?;
    let numbers = batch.numbers.iter().zip(inside.values()).filter(|(_, inside)| *inside);
    Ok(Batch { numbers: numbers.map(|(number, _)| *number).collect(), rows, rejected: batch.rejected })
}

/// The first rows of a batch, as many as are left.
pub fn cut(batch: &mut Batch, left: &mut u64) {
    let mut all: Vec<u64> = batch.numbers.iter().copied().chain(batch.rejected.iter().map(|one| one.row)).collect();
    all.sort_unstable();
    if let Some(last) = usize::try_from(*left).ok().and_then(|left| all.get(left.checked_sub(1)?)) {
        let kept = batch.numbers.iter().take_while(|number| *number <= last).count();
        batch.numbers.truncate(kept);
        batch.rows = batch.rows.slice(0, kept);
        batch.rejected.retain(|refused| refused.row <= *last);
    }
    *left -= (batch.numbers.len() + batch.rejected.len()) as u64;
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be compared with a range").caused_by(error)
}
