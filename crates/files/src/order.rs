//! Rows in the columns of a schema, so that their hashes can be compared.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, arrow::to_arrow};

/// The columns of a schema, by name; those that the rows lack are null.
pub(super) fn in_order(rows: &RecordBatch, schema: &Schema) -> Result<RecordBatch> {
    let target = to_arrow(schema);
    let column = |field: &Arc<arrow::datatypes::Field>| -> ArrayRef {
        let found = rows.column_by_name(field.name()).cloned();
        found.unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
    };
    let columns = target.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(target.clone(), columns, &options).map_err(|error| broken(&error))
}

pub(super) fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be compared").caused_by(error)
}
