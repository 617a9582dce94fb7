//! Ranges of values, and the rows inside them: for sources that cannot be asked for them.

use crate::batch::Rejected;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, Scalar, StringArray};
use arrow::compute::kernels::cmp;
use arrow::compute::{and, is_null, or};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, infer};

/// A range of values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Within {
    pub column: String,
    pub data_type: DataType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Limit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Limit>,
    /// Whether rows without a value are inside too, and those with one that no type of ours holds.
    pub nulls: bool,
}

/// An end of a range: the value as the canonical text of its column's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub value: String,
    pub inclusive: bool,
}

/// Which rows of a batch are inside all ranges. The batch must have the columns, in the types that the ranges name.
pub fn keep(within: &[Within], batch: &RecordBatch) -> Result<BooleanArray> {
    let mut kept = BooleanArray::from(vec![true; batch.num_rows()]);
    for range in within {
        let column = batch.column_by_name(&range.column).ok_or_else(|| absent(range))?;
        kept = and(&kept, &inside(range, column)?).map_err(|error| broken(range, &error))?;
    }
    Ok(kept)
}

/// Whether a row that was refused belongs to the ranges: it does unless a value of it is known to lie outside.
pub fn concerns(within: &[Within], rejected: &Rejected) -> Result<bool> {
    for range in within {
        // What was refused itself lies nowhere.
        let known = rejected.record.get(&range.column).filter(|_| rejected.column.as_ref() != Some(&range.column));
        let Some(value) = known else { continue };
        let texts = StringArray::from(vec![value.as_str()]);
        let (column, wrong) = infer::parse(&texts, range.data_type);
        if wrong.is_empty() && !inside(range, &column)?.value(0) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn inside(range: &Within, column: &ArrayRef) -> Result<BooleanArray> {
    let nulls = is_null(column).map_err(|error| broken(range, &error))?;
    let mut kept = BooleanArray::from(vec![true; column.len()]);
    for (limit, from) in [(&range.from, true), (&range.to, false)] {
        let Some(limit) = limit else { continue };
        let literal = literal(range, limit)?;
        let compared = match (from, limit.inclusive) {
            (true, true) => cmp::gt_eq(column, &literal),
            (true, false) => cmp::gt(column, &literal),
            (false, true) => cmp::lt_eq(column, &literal),
            (false, false) => cmp::lt(column, &literal),
        };
        kept = and(&kept, &compared.map_err(|error| broken(range, &error))?).map_err(|error| broken(range, &error))?;
    }
    // What compares with null is null: neither inside nor outside, until the range says which.
    let sure = |row: usize| kept.is_valid(row) && kept.value(row) && !nulls.value(row);
    let known: BooleanArray = (0..kept.len()).map(|row| Some(sure(row))).collect();
    if range.nulls { or(&known, &nulls).map_err(|error| broken(range, &error)) } else { Ok(known) }
}

/// An end of a range as a value of its type.
pub fn literal(range: &Within, limit: &Limit) -> Result<Scalar<ArrayRef>> {
    let texts = StringArray::from(vec![limit.value.as_str()]);
    let (value, wrong) = infer::parse(&texts, range.data_type);
    if wrong.is_empty() {
        return Ok(Scalar::new(value));
    }
    Err(Error::spec(format!(
        "'{}' is not {}: '{}' cannot be limited by it",
        limit.value,
        range.data_type.with_article(),
        range.column
    ))
    .hint("An end of a range is written as a value of its column"))
}

/// An end of a range of floats as the double that it is: the shortest digits of a single float are another double's, and
/// servers compare the two as doubles.
pub fn double(value: &str, data_type: DataType) -> Option<f64> {
    match data_type {
        DataType::Float32 => value.parse::<f32>().ok().map(f64::from),
        DataType::Float64 => value.parse().ok(),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => None,
    }
}

/// Whether rows whose values of the column are all between two can be inside.
pub fn touches(range: &Within, least: &ArrayRef, most: &ArrayRef) -> Result<bool> {
    let passes = |limit: &Option<Limit>, value: &ArrayRef, from: bool| -> Result<bool> {
        let Some(limit) = limit else { return Ok(true) };
        let literal = literal(range, limit)?;
        let compared = if from { cmp::gt_eq(value, &literal) } else { cmp::lt_eq(value, &literal) };
        let compared = compared.map_err(|error| broken(range, &error))?;
        // Unknown ends say nothing.
        Ok(compared.is_empty() || compared.is_null(0) || compared.value(0))
    };
    Ok(passes(&range.from, most, true)? && passes(&range.to, least, false)?)
}

/// Whether the order of a type's values is the one that file formats keep statistics in.
pub fn is_plainly_ordered(data_type: DataType) -> bool {
    match data_type {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Date
        | DataType::Timestamp
        | DataType::TimestampTz => true,
        DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Json
        | DataType::Uuid => false,
    }
}

fn absent(range: &Within) -> Error {
    Error::spec(format!("there is no column '{}' to limit rows by", range.column)).hint("Name a column of the dataset")
}

fn broken(range: &Within, error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("the values of '{}' could not be compared", range.column)).caused_by(error)
}
