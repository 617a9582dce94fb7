//! What is done to a dataset between source and target, one verb a step.
//!
//! Expressions are SQL scalar expressions over the columns at that point (`"status = 'complete' AND amount > 0"`).

use super::columns::Columns;
use super::verb::{Explode, Filling, Flatten, Mask, Pivot, PythonStep, Sort, Split, Unpivot, Window};
use crate::schema::DataType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One transformation. Steps run in the written order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Keep these columns, in this order.
    Select(Vec<String>),
    /// Leave these columns out.
    Drop(Vec<String>),
    /// Old name to new name.
    Rename(BTreeMap<String, String>),
    /// Column to type; a value that does not fit sends its row to quarantine.
    Cast(BTreeMap<String, DataType>),
    /// Text to date, time or timestamp by the first format that fits, or to a float that gives the number back as it was
    /// (`cast` takes the nearest one); a value that is none sends its row to quarantine.
    Parse(Parse),
    /// Keep the rows where this holds; the others count as filtered.
    Filter(String),
    /// New or replaced columns; each expression sees the columns before the step.
    Derive(BTreeMap<String, String>),
    /// Set columns only in the rows where the condition holds.
    Set(Set),
    /// Nulls of a column become this value, or what is found in other rows.
    Fill(BTreeMap<String, Filling>),
    /// Add the columns of another dataset.
    Join(Join),
    /// One row a key; the others count as filtered.
    Deduplicate(Deduplicate),
    /// One row a group. The rows folded into a group count as filtered.
    Aggregate(Aggregate),
    /// Values of a column become columns, one row a group. The rows folded into a group count as filtered.
    Pivot(Pivot),
    /// Columns become rows: a column with the name, a column with the value. The new rows count as added.
    Unpivot(Unpivot),
    /// New columns computed from a row and its neighbours: ranks, running totals, the value before.
    Window(Window),
    /// Rows in an order, all or the first of them.
    Sort(Sort),
    /// Text taken apart into columns.
    Split(Split),
    /// Values that nobody behind this step may read.
    Mask(Mask),
    /// Values inside a JSON object become columns.
    Flatten(Flatten),
    /// One row for each element of a JSON array. The new rows count as added.
    Explode(Explode),
    /// One SELECT over the dataset, which is called `input`, and the datasets that it joins. It is done by the other
    /// verbs, with their meaning.
    Sql(String),
    /// A function of the user's over batches of rows.
    Python(PythonStep),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parse {
    pub columns: Vec<String>,
    /// `date`, `time`, `timestamp` or `timestamptz`; `float64` or `float32`, without formats.
    pub to: DataType,
    /// strftime formats, tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub formats: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    #[serde(rename = "where")]
    pub condition: String,
    /// Column to expression.
    pub values: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The other dataset.
    pub with: String,
    /// Columns of the same name on both sides.
    pub on: Columns,
    #[serde(default, skip_serializing_if = "is_default")]
    pub how: JoinKind,
    /// Columns to take from the other side; empty: all but the keys. A name that exists already gets the suffix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub take: Vec<String>,
    /// Of a taken column whose name exists already; `_right` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// Rows without a partner keep nulls.
    #[default]
    Left,
    /// Rows without a partner count as filtered.
    Inner,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deduplicate {
    pub on: Columns,
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: Keep,
    /// Which row is first: ascending in these columns; by default the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    #[default]
    First,
    Last,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    pub by: Columns,
    /// New column to an aggregate expression: `count(*)`, `sum(amount)`, `min(x)`, `max(x)`, `avg(x)`.
    pub measures: BTreeMap<String, String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
