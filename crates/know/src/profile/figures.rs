//! The figures of a dataset and of its columns: the profile as a document.

use super::dates::Spelling;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_core::schema::DataType;

/// The figures of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    pub dataset: String,
    pub rows: u64,
    pub bytes: Option<u64>,
    /// Whether every row was read (false: a sample of the first rows).
    pub exact: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<windvane_connectors::TextFormat>,
    /// Rows that the connector could not read.
    pub rejected: u64,
    pub columns: Vec<ColumnProfile>,
    /// Candidate keys: sets of columns whose values are all present and all different. What the source declares comes
    /// first, then what a person would most likely declare.
    pub keys: Vec<Vec<String>>,
    /// The same keys, with how sure each is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidate_keys: Vec<CandidateKey>,
    /// Minimal functional dependencies; null is a value and equals null. Absent unless they were asked for.
    pub dependencies: Vec<Dependency>,
    /// Minimal sets of columns in which no two rows agree; null is a value and equals null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<Vec<String>>,
    /// Whether `dependencies` and `unique` are all there are, and hold in every row.
    #[serde(default)]
    pub dependencies_exact: bool,
    /// Why they are not exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies_limit: Option<String>,
    pub foreign_keys: Vec<ForeignKeyGuess>,
}

/// A set of columns that may be the dataset's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateKey {
    pub columns: Vec<String>,
    /// 0 to 1, 1 for a declared one: an order, no measured probability.
    pub confidence: f64,
    /// Whether the source declares it.
    pub declared: bool,
    /// Whether no smaller set of its columns is a key of these rows.
    pub minimal: bool,
}

/// Rows that agree in `columns` agree in `determines`; without `columns` all rows do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    pub columns: Vec<String>,
    pub determines: String,
}

/// Columns whose values are those of another dataset's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignKeyGuess {
    /// The dataset that refers.
    #[serde(default)]
    pub dataset: String,
    pub columns: Vec<String>,
    pub ref_dataset: String,
    pub ref_columns: Vec<String>,
    /// 0 to 1, 1 for a declared one: an order, no measured probability.
    pub confidence: f64,
    /// Whether the source declares it.
    #[serde(default)]
    pub declared: bool,
    /// The share of the different values that occur in the key; absent where there was nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Whether `coverage` was counted over all values of all rows.
    #[serde(default)]
    pub exact: bool,
}

impl ForeignKeyGuess {
    /// One that the source declares.
    pub fn declared(dataset: &str, key: &windvane_connectors::ForeignKey) -> Self {
        Self {
            dataset: dataset.to_owned(),
            columns: key.columns.clone(),
            ref_dataset: key.ref_dataset.clone(),
            ref_columns: key.ref_columns.clone(),
            confidence: 1.0,
            declared: true,
            coverage: None,
            exact: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnProfile {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// What it is to somebody who counts or learns: `numeric`, `categorical`, `datetime`, `sentence`, `url`,
    /// `embedded-number`, `list`, `identifier`, `constant`, `not-generalizable`, `context-specific`, `boolean`, `empty` or
    /// `other`.
    pub feature_type: String,
    /// The probability of that answer, 0 to 1; 1 where the type of storage settles it.
    #[serde(default)]
    pub feature_confidence: f64,
    /// `email`, `url`, `country_code`, `phone`, …; absent when nothing fits.
    pub semantic_type: Option<String>,
    pub semantic_confidence: f64,
    /// Whether the values look like personal data.
    pub pii: bool,
    pub nulls: u64,
    pub distinct: u64,
    pub distinct_exact: bool,
    /// As text, in the type's canonical form.
    pub min: Option<String>,
    pub max: Option<String>,
    /// Of numbers.
    pub mean: Option<f64>,
    pub std: Option<f64>,
    /// Keys `0.05`, `0.25`, `0.5`, `0.75`, `0.95`.
    pub quantiles: BTreeMap<String, f64>,
    /// The most frequent values, most frequent first, at most 10.
    pub top: Vec<TopValue>,
    pub histogram: Option<Histogram>,
    pub lengths: Option<Lengths>,
    /// Shapes of text: letters become `A` or `a`, digits `9`, runs are folded to `+`.
    pub patterns: Vec<PatternCount>,
    pub suspects: Vec<Suspect>,
    /// Of text that reads as dates or times: strftime formats that together fit the values and contradict none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub date_formats: Vec<String>,
    /// Of text that is dates while nothing says which of day and month stands first (or values contradict each other): the
    /// two formats between which somebody who knows must choose, day first. `date_formats` is empty then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub date_orders: Vec<String>,
    /// Of text that is numbers: how they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_format: Option<NumberFormat>,
    /// Of days and times, and of text that may be: kept for the plan that is made of this profile.
    #[serde(skip)]
    #[schemars(skip)]
    pub spelling: Spelling,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopValue {
    pub value: String,
    pub count: u64,
}

/// How numbers are written that are kept as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberFormat {
    /// `.` or `,`; absent where no value has a mark that says.
    pub decimal: Option<String>,
    /// What divides thousands, if anything does.
    pub grouping: Option<String>,
    /// The currency sign, where it is one and the same.
    pub currency: Option<String>,
    /// Whether they are percentages (nine in ten at least).
    pub percent: bool,
    /// Whether some are shortened: `$3.2k`.
    pub scaled: bool,
    /// Spellings of what is not there that stand among them, at most 10.
    pub missing: Vec<String>,
    /// Whether all would be numbers by the other decimal mark as well, and other ones: `5,179`.
    pub ambiguous: bool,
    /// The share of the different values (of those looked at) that are read so; four fifths of it where `ambiguous`.
    pub confidence: f64,
}

/// `edges` has one entry more than `counts`; a value on an inner edge counts to the right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    pub edges: Vec<f64>,
    pub counts: Vec<u64>,
}

/// Of text, in characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lengths {
    pub min: u64,
    pub max: u64,
    pub mean: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PatternCount {
    pub pattern: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    pub row: u64,
    pub value: String,
    pub reason: String,
}
