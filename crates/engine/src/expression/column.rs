//! Columns of one value, and the rows for which a condition holds.

use crate::errors::broken;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_core::error::Result;

/// One value as a column.
pub(super) fn repeat(value: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    if value.is_null(0) {
        return Ok(arrow::array::new_null_array(value.data_type(), rows));
    }
    if let Some(one) = value.as_primitive_opt::<Int64Type>() {
        return Ok(Arc::new(Int64Array::from_value(one.value(0), rows)));
    }
    take(value, &UInt32Array::from(vec![0; rows]), None).map_err(|error| broken(&error))
}

/// A null is not true.
pub(crate) fn is_true(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        None => array.values().clone(),
        Some(nulls) => array.values() & nulls.inner(),
    }
}

pub(super) fn is_false(array: &BooleanArray) -> BooleanBuffer {
    let off = !array.values();
    match array.nulls() {
        None => off,
        Some(nulls) => &off & nulls.inner(),
    }
}

pub(super) fn narrowed(active: Option<&BooleanBuffer>, by: &BooleanBuffer) -> BooleanBuffer {
    match active {
        None => by.clone(),
        Some(active) => active & by,
    }
}
