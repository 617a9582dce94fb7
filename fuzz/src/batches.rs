//! What must hold of rows, however they were read.

use arrow::array::{Array, ArrayRef, make_array};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use windvane_connect::{Batch, Rejected};
use windvane_core::schema::{Schema, arrow::to_arrow};

/// All rows of all batches.
#[derive(Debug, PartialEq)]
pub(crate) struct All {
    pub(crate) rows: RecordBatch,
    pub(crate) numbers: Vec<u64>,
    pub(crate) rejected: Vec<Rejected>,
}

/// The same values in a type that differs from theirs in what it says about them only.
pub(crate) fn typed(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    values.to_data().into_builder().data_type(data_type.clone()).build().map(make_array)
}

/// The rows together. Each has a number, and what is given and what is rejected are all numbers from 1.
pub(crate) fn all(schema: &Schema, batches: Vec<Batch>) -> All {
    for batch in &batches {
        assert_eq!(batch.rows.num_rows(), batch.numbers.len(), "a number for every row");
        for (column, field) in batch.rows.columns().iter().zip(&schema.fields) {
            assert_eq!(column.len(), batch.numbers.len(), "a value of {} for every row", field.name);
        }
    }
    let rows = concat_batches(&to_arrow(schema), batches.iter().map(|batch| &batch.rows));
    assert!(rows.is_ok(), "batches of one schema: {rows:?}");
    let numbers: Vec<u64> = batches.iter().flat_map(|batch| batch.numbers.clone()).collect();
    let mut rejected: Vec<Rejected> = batches.into_iter().flat_map(|batch| batch.rejected).collect();
    rejected.sort_by_key(|one| one.row);
    let mut given: Vec<u64> = numbers.iter().copied().chain(rejected.iter().map(|one| one.row)).collect();
    given.sort_unstable();
    assert!(given.iter().copied().eq(1..=given.len() as u64), "every row once, given or rejected: {given:?}");
    let empty = RecordBatch::new_empty(to_arrow(schema));
    All { rows: rows.unwrap_or(empty), numbers, rejected }
}
