//! To and from Arrow.

use crate::error::Result;
use crate::schema::Schema;
use arrow::datatypes::SchemaRef;

/// The Arrow schema that batches of this schema have. Json and Uuid are Utf8 with the field metadata `windvane.type`.
pub fn to_arrow(schema: &Schema) -> SchemaRef {
    let _ = schema;
    todo!()
}

/// What an Arrow schema from elsewhere (Parquet, a data frame) is here; types we do not have are `unsupported`.
pub fn from_arrow(schema: &arrow::datatypes::Schema) -> Result<Schema> {
    let _ = schema;
    todo!()
}

/// Casts columns to exactly `to_arrow(schema)` where that loses nothing (dictionary, large and view types, units).
pub fn conform(batch: &arrow::record_batch::RecordBatch, schema: &Schema) -> Result<arrow::record_batch::RecordBatch> {
    let _ = (batch, schema);
    todo!()
}
