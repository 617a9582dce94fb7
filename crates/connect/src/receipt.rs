//! What a load has done.

use crate::rerun::Facts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is at the target after a load, as read back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {
    pub load_id: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the rows as read back; nothing when they were only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// The same in the target's own words, where it writes values in forms of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
    /// Rows that the target refused, by their place in the stream (from 0). They are not in `rows`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRow>,
    /// What a merge or a history did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// True when an earlier attempt had done it: nothing was written now.
    pub already: bool,
    /// Then: what it was about.
    #[serde(skip)]
    pub earlier: Option<Box<Facts>>,
    /// What people should know of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Loaded {
    /// Of rows that were counted, and nothing more is known of them.
    pub fn counted(load_id: &str, rows: u64, bytes: u64) -> Self {
        Self {
            load_id: load_id.to_owned(),
            rows,
            bytes,
            checksum: None,
            there: None,
            refused: Vec::new(),
            changes: None,
            already: false,
            earlier: None,
            notes: Vec::new(),
        }
    }

    /// How many of the rows that were not loaded gave way to others of their key.
    pub fn superseded(&self) -> u64 {
        self.refused.iter().filter(|row| row.superseded).count() as u64
    }
}

/// A row that the target did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedRow {
    pub at: u64,
    pub column: Option<String>,
    pub reason: String,
    /// It is not wrong: another row with its key was taken. It counts as filtered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

/// Rows of the target that a load by key touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Loaded rows that were there already, value for value.
    pub unchanged: u64,
}
