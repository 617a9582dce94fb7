//! What must hold of a dataset before it is loaded.

use crate::spec::columns::Columns;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One check. All but `rows` speak of single rows: a row that breaks one goes to quarantine with the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// None of these columns is null.
    NotNull(Columns),
    /// No two rows agree in all of these columns; the first row of a key is kept. Nulls never agree.
    Unique(Columns),
    /// The column holds one of these values, or null.
    Accepted(Accepted),
    /// The column lies within the bounds (inclusive), or is null.
    Range(Range),
    /// The whole text matches this regular expression, or is null.
    Matches(Matches),
    /// The SQL condition is not false.
    Expression(String),
    /// The key exists in another dataset of the pipeline, or is null.
    References(References),
    /// The dataset has this many rows; otherwise the run fails and loads nothing.
    Rows(Rows),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    pub column: String,
    pub values: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub column: String,
    /// A number, or a text that reads as the column's type (`"2024-01-01"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matches {
    pub column: String,
    pub pattern: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct References {
    pub column: String,
    /// The other input dataset.
    pub dataset: String,
    /// Its key column; by default of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}
