//! What to read.

use crate::dataset::{FoundKind, TextFormat};
use crate::range_filter::RangeFilter;
use crate::sampled_columns::SampledColumns;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use windvane_core::schema::Schema;

#[derive(Debug, Clone)]
pub struct ReadRequest {
    pub locator: String,
    pub kind: FoundKind,
    pub format: Option<TextFormat>,
    /// The wanted columns and types. What the source lacks is given as nulls (the caller has judged drift before).
    pub schema: Schema,
    pub limit: Option<u64>,
    /// Only rows inside all of these; others are as if they were not there.
    pub within: Vec<RangeFilter>,
    /// Only this part, as [`Connector::split`] gave it.
    pub part: Option<Part>,
    /// Counts the lines of text that are no rows.
    pub skipped: Skipped,
    /// The columns that a look at the source has shown.
    pub shown: SampledColumns,
}

impl ReadRequest {
    /// The whole dataset.
    pub fn whole(locator: String, kind: FoundKind, format: Option<TextFormat>, schema: Schema) -> Self {
        let skipped = Skipped::default();
        let shown = SampledColumns::new(schema.names(), false);
        Self { locator, kind, format, schema, limit: None, within: Vec::new(), part: None, skipped, shown }
    }
}

/// Lines of text that a reader passes over: empty ones and comments. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Skipped(Arc<AtomicU64>);

impl Skipped {
    pub fn add(&self, lines: u64) {
        self.0.fetch_add(lines, Ordering::Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A part of a dataset. The parts of one split hold every row once, however the dataset changes afterwards: the ends
/// are open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Heap pages of a table; the last part has no end.
    Pages { from: u64, to: Option<u64> },
    /// A range of a key.
    Keys(RangeFilter),
    /// A file of the dataset, by its path; of Parquet perhaps some row groups only.
    File { path: String, groups: Option<(u64, u64)> },
}
