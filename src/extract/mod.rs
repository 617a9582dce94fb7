//! Plan step -> Staged: rows leave their source and rest as Parquet on the staging folder.
//!
//! Invariants: rows read = rows staged + rows quarantined; a staged file appears whole or not at all (written beside,
//! then renamed); a second extract of the same run and dataset replaces the first.

pub mod quarantine;
pub mod staging;

use crate::schema::Schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The column that carries the source row number through transform and validate; never loaded.
pub const ROW_COLUMN: &str = "_windvane_row";

/// Rows at rest between two stages: a reference, small enough for XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    pub dataset: String,
    /// Path of the Parquet file. It holds the columns of `schema` and [`ROW_COLUMN`] (int64).
    pub uri: String,
    pub schema: Schema,
    /// Rows in the file.
    pub rows: u64,
    pub bytes: u64,
    /// Counted since the source, over all stages so far: `rows_in = rows + filtered + quarantined`.
    pub rows_in: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of quarantined rows, one file a stage that refused any.
    pub quarantine: Vec<String>,
}
