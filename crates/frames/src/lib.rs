//! Frames in memory: Arrow to polars and back, one column at a time through the C data interface: buffers are shared, not copied (polars
//! turns text into its own view type, which copies).
//!
//! Polars was built without int16 and time zones: int16 goes in as int32 and timestamptz without its zone; what comes
//! back is narrowed to the declared schema. The only unsafe island of the workspace, and the only crate that names polars:
//! nothing that moves rows is built on it, so nothing else waits for it.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, make_array};
use arrow::datatypes::{self as a, TimestampMicrosecondType};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use polars::prelude::{Column, CompatLevel, DataFrame, PlSmallStr, Series};
use polars_arrow::ffi as polars_ffi;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema, arrow::conform};
use windvane_engine::{broken, convert};

/// The columns of a batch, in order, as polars'.
pub fn to_polars(schema: &Schema, batch: &RecordBatch) -> Result<DataFrame> {
    let columns = batch.columns().iter().zip(&schema.fields);
    let columns = columns.map(|(column, field)| column_to_polars(&field.name, field.data_type, column));
    let columns = columns.collect::<Result<Vec<Column>>>()?;
    DataFrame::new(batch.num_rows(), columns).map_err(|error| broken(&error))
}

/// The columns of a frame, in order, in the Arrow types of the schema.
pub fn from_polars(schema: &Schema, frame: &DataFrame) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(schema.fields.len());
    for (column, field) in frame.columns().iter().zip(&schema.fields) {
        let array = column_from_polars(column)?;
        // Polars counts time in nanoseconds and knows no zone here.
        let array = match field.data_type {
            DataType::TimestampTz => {
                convert::retyped(array.as_primitive::<TimestampMicrosecondType>(), field.data_type)
            }
            _ => array,
        };
        columns.push(array);
    }
    let fields: Vec<a::Field> = columns
        .iter()
        .zip(schema.names())
        .map(|(column, name)| a::Field::new(name, column.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(frame.height()));
    let batch = RecordBatch::try_new_with_options(Arc::new(a::Schema::new(fields)), columns, &options);
    conform(&batch.map_err(|error| broken(&error))?, schema)
}

fn column_to_polars(name: &str, data_type: DataType, array: &ArrayRef) -> Result<Column> {
    let array = match data_type {
        DataType::Int16 => convert::convert(array, data_type, DataType::Int32)?.0,
        DataType::TimestampTz => {
            convert::retyped(array.as_primitive::<TimestampMicrosecondType>(), DataType::Timestamp)
        }
        _ => array.clone(),
    };
    let series = import(name, &array)?;
    Ok(Column::from(series))
}

#[expect(
    unsafe_code,
    reason = "the C data interface: both sides implement the same layout and own what they are given"
)]
fn import(name: &str, array: &ArrayRef) -> Result<Series> {
    let (data, schema) = to_ffi(&array.to_data()).map_err(|error| broken(&error))?;
    // SAFETY: both structs are the C data interface's, with the same layout; ownership moves with the value, and the
    // release callback travels inside, so nothing is freed twice.
    let imported = unsafe {
        let schema: polars_ffi::ArrowSchema = std::mem::transmute::<FFI_ArrowSchema, _>(schema);
        let data: polars_ffi::ArrowArray = std::mem::transmute::<FFI_ArrowArray, _>(data);
        polars_ffi::import_field_from_c(&schema).and_then(|field| polars_ffi::import_array_from_c(data, field.dtype))
    };
    let imported = imported.map_err(|error| broken(&error))?;
    Series::from_arrow(PlSmallStr::from_str(name), imported).map_err(|error| broken(&error))
}

#[expect(
    unsafe_code,
    reason = "the C data interface: both sides implement the same layout and own what they are given"
)]
fn column_from_polars(column: &Column) -> Result<ArrayRef> {
    let series = column.as_materialized_series().rechunk();
    let field = series.dtype().to_arrow_field(series.name().clone(), CompatLevel::oldest());
    let array = series.to_arrow(0, CompatLevel::oldest());
    let (schema, data) = (polars_ffi::export_field_to_c(&field), polars_ffi::export_array_to_c(array));
    // SAFETY: as in `import`, the other way round.
    let data = unsafe {
        let schema: FFI_ArrowSchema = std::mem::transmute::<polars_ffi::ArrowSchema, _>(schema);
        let data: FFI_ArrowArray = std::mem::transmute::<polars_ffi::ArrowArray, _>(data);
        from_ffi(data, &schema)
    };
    let data =
        data.map_err(|error| Error::internal("polars gave a column that Arrow cannot read").caused_by(&error))?;
    Ok(make_array(data))
}
