//! The settings of the verbs that reshape, order, look at neighbours, take text apart or hand rows to someone else.

use super::step::Columns;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
