//! Rows on their way.

use arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::error::Result;

/// How many rows a batch holds at most.
pub const BATCH_ROWS: usize = 16_384;

/// A batch of rows in the requested schema, and the rows that could not be given in it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: RecordBatch,
    /// The source row number (from 1; of a file its data rows, of a table the order of reading) of each row.
    pub numbers: Vec<u64>,
    pub rejected: Vec<Rejected>,
}

/// A row that cannot be loaded, with the reason: what quarantine holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The source row number, from 1.
    pub row: u64,
    pub column: Option<String>,
    /// One line, for people: `'31/02/2024' is not a date`.
    pub reason: String,
    /// The row: column to value as text, or the raw line under the key `_raw` when it has no columns.
    pub record: serde_json::Map<String, serde_json::Value>,
}

pub type BatchStream = BoxStream<'static, Result<Batch>>;
pub type RowStream = BoxStream<'static, Result<RecordBatch>>;
