//! The settings of the verbs that reshape, order, look at neighbours, take text apart or hand rows to someone else.

use super::columns::Columns;
use crate::schema::DataType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values of a column become columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pivot {
    /// One row for each of these.
    pub by: Columns,
    /// Whose values become columns.
    pub column: String,
    /// The values that become columns, in this order; rows with other values fill no column.
    #[schemars(length(min = 1))]
    pub values: Vec<Value>,
    /// What stands in the new columns.
    pub value: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub aggregate: PivotAggregate,
    /// Names of the new columns, one a value; by default the values themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PivotAggregate {
    #[default]
    Sum,
    Min,
    Max,
    Avg,
    /// How many values are not null.
    Count,
    /// The value of the first row, in the order of the source.
    First,
}

/// Columns become rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpivot {
    /// Columns that every new row repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Columns that become one row each; columns named in neither list are left out.
    #[schemars(length(min = 1))]
    pub columns: Vec<String>,
    /// The new column with the old column's name; `variable` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The new column with the old column's value; `value` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// New columns computed from a row and its neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Rows look only at rows with the same values here; by default at all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<Columns>,
    /// `day`, or `day desc`; nulls last, ties in the order of the source. By default the order of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Columns>,
    /// Which rows `sum`, `first_value` and the like look at: `running` (all rows up to this one; the default where there is
    /// an `order_by`) or `whole` (all rows of the partition).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<WindowFrame>,
    /// New column to function: `row_number()`, `rank()`, `dense_rank()`, `lag(x, 1)`, `lead(x, 1)`, `first_value(x)`,
    /// `last_value(x)`, `sum(x)`, `avg(x)`, `min(x)`, `max(x)`, `count(x)`, `count(*)`.
    pub columns: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowFrame {
    Running,
    Whole,
}

/// What nulls become: a value, or what is found in other rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Filling {
    From(FillFrom),
    /// One value of the column's type.
    Value(Scalar),
}

/// A value that is no list and no map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    Boolean(bool),
    Number(serde_json::Number),
    Text(String),
}

impl Scalar {
    pub fn to_json(&self) -> Value {
        match self {
            Self::Boolean(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::Text(value) => Value::String(value.clone()),
        }
    }
}

/// A null becomes what other rows of its partition say; where they say nothing it stays null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FillFrom {
    pub from: FillSource,
    /// What comes before what, as in `window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Columns>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<Columns>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FillSource {
    /// The last value before.
    Previous,
    /// The next value after.
    Next,
    /// The mean of the partition; decimals are rounded to their own digits.
    Mean,
    Min,
    Max,
}

/// Text taken apart into new columns; the column itself stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub column: String,
    /// Between the parts. The last column takes the rest; parts that are not there are null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The new columns, with `by`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub into: Vec<String>,
    /// Instead of `by` and `into`: a regular expression whose named groups `(?<year>\d{4})` become columns; null where
    /// it does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Values that nobody behind this step may read. Nulls stay null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    pub columns: BTreeMap<String, MaskHow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskHow {
    /// HMAC-SHA-256 in hex with the key in the environment variable WINDVANE_MASK_KEY: equal values stay equal.
    Hash,
    /// `***`, whatever was there.
    Redact,
    /// `****` and the last four characters; values of less than eight characters become `****`.
    Last4,
    /// First letter and domain: `a***` and what stands from the at sign on; what is no address becomes `***`.
    Email,
    /// Null; the column keeps its type.
    Clear,
}

/// Values inside a JSON object become columns; the column itself stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flatten {
    /// A json column, or text that holds JSON; a value that is no JSON sends its row to quarantine.
    pub column: String,
    /// New column to its place: `address.city`, `items.0.name`. What is not there is null.
    pub fields: BTreeMap<String, String>,
    /// Types of the new columns, text by default; a value that does not fit sends its row to quarantine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, DataType>,
}

/// One row for each element of a JSON array; a null or an empty array keeps its row with a null. The new rows count as added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explode {
    /// A json column, or text that holds JSON; a value that is no array sends its row to quarantine.
    pub column: String,
    /// Of the elements, json by default.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<DataType>,
}

/// Rows in an order; ties keep the order that they had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// `amount`, or `amount desc`. Nulls come last.
    pub by: Columns,
    /// The direction of the columns that name none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub desc: bool,
    /// Keep so many rows; the others count as filtered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A function of the user's over batches of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonStep {
    /// `package.module:function`: takes a pyarrow RecordBatch and returns one with the same rows or fewer. The batch has
    /// the column `windvane_row`; a function that leaves rows out keeps it, so that each row can be accounted for.
    pub object: String,
    /// The columns that the function returns; the next step finds them in alphabetical order.
    pub schema: BTreeMap<String, DataType>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
