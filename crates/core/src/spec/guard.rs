//! What a run may not do in silence, as the spec says it. What is not said has a default (`crate::guard`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits that are judged before anything becomes visible. One of them can be let pass once: `--allow NAME` at the
/// shell, `allow` among the parameters of a run in Airflow; the names are those of the keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// The share of rows (0 to 1) that may go to quarantine; 0.1 by default, and then a single row is never too many
    /// while others are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub quarantined: Option<f64>,
    /// How many rows may go to quarantine, whatever their share; no limit by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined_rows: Option<u64>,
    /// The share (0 to 1) of the rows that were there before that a load of the whole dataset must bring at least; 0.5
    /// by default, 0 lets all pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub rows: Option<f64>,
    /// Whether a column that had values must have one again; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emptied_columns: Option<bool>,
    /// Whether a source without any of the planned columns is refused; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_columns: Option<bool>,
    /// Whether a file whose format is no longer the planned one is refused; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<bool>,
}

/// Where quarantined rows are kept beside the JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// A table at the target, which is made when it is not there: dataset, run, stage, row, column, reason, raw, time.
    #[schemars(length(min = 1))]
    pub table: String,
}

impl Guards {
    /// These words, and for what they do not say those of `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            quarantined: self.quarantined.or(other.quarantined),
            quarantined_rows: self.quarantined_rows.or(other.quarantined_rows),
            rows: self.rows.or(other.rows),
            emptied_columns: self.emptied_columns.or(other.emptied_columns),
            lost_columns: self.lost_columns.or(other.lost_columns),
            format: self.format.or(other.format),
        }
    }

    /// Nothing is refused: of rows that a person moves by hand.
    pub fn off() -> Self {
        Self {
            quarantined: Some(1.0),
            quarantined_rows: None,
            rows: Some(0.0),
            emptied_columns: Some(false),
            lost_columns: Some(false),
            format: Some(false),
        }
    }
}
