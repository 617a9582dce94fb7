//! Ranges of values, and the rows inside them: for sources that cannot be asked for them.

use crate::batch::{Batch, Rejected};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, Scalar, StringArray};
use arrow::compute::kernels::cmp;
use arrow::compute::{and, filter, is_null, or};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer};

/// A range of values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeFilter {
    pub column: String,
    pub data_type: DataType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RangeBound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RangeBound>,
    /// Whether rows without a value are inside too, and those with one that no type of ours holds.
    pub nulls: bool,
}

/// An end of a range: the value as the canonical text of its column's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeBound {
    pub value: String,
    pub inclusive: bool,
}

/// Which rows of a batch are inside all ranges. The batch must have the columns, in the types that the ranges name.
pub fn mask(within: &[RangeFilter], batch: &RecordBatch) -> Result<BooleanArray> {
    let mut kept = BooleanArray::from(vec![true; batch.num_rows()]);
    for range in within {
        let column = batch.column_by_name(&range.column).ok_or_else(|| absent(range))?;
        kept = and(&kept, &inside(range, column)?).map_err(|error| broken(range, &error))?;
    }
    Ok(kept)
}

/// Whether a row that was refused belongs to the ranges: it does unless a value of it is known to lie outside.
pub fn concerns(within: &[RangeFilter], rejected: &Rejected) -> Result<bool> {
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

fn inside(range: &RangeFilter, column: &ArrayRef) -> Result<BooleanArray> {
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
pub fn literal(range: &RangeFilter, limit: &RangeBound) -> Result<Scalar<ArrayRef>> {
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
pub fn overlaps(range: &RangeFilter, least: &ArrayRef, most: &ArrayRef) -> Result<bool> {
    let passes = |limit: &Option<RangeBound>, value: &ArrayRef, from: bool| -> Result<bool> {
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

fn absent(range: &RangeFilter) -> Error {
    Error::spec(format!("there is no column '{}' to limit rows by", range.column)).hint("Name a column of the dataset")
}

fn broken(range: &RangeFilter, error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("the values of '{}' could not be compared", range.column)).caused_by(error)
}

/// The wanted columns, and behind them those that only the ranges need.
pub fn with_range_columns(wanted: &Schema, within: &[RangeFilter]) -> Schema {
    let mut wide = wanted.clone();
    for range in within {
        if wide.field(&range.column).is_none() {
            wide.fields.push(Field::new(range.column.clone(), range.data_type));
        }
    }
    wide
}

/// The rows inside every range, in the first `columns` columns only.
pub fn apply(batch: Batch, ranges: &[RangeFilter], columns: usize) -> Result<Batch> {
    if ranges.is_empty() {
        return Ok(batch);
    }
    let inside = mask(ranges, &batch.rows)?;
    let narrow: Vec<usize> = (0..columns).collect();
    let rows = batch.rows.project(&narrow).map_err(|error| uncompared(&error))?;
    let kept = rows.columns().iter().map(|column| filter(column, &inside)).collect::<Result<Vec<ArrayRef>, _>>();
    let kept = kept.map_err(|error| uncompared(&error))?;
    let options = RecordBatchOptions::new().with_row_count(Some(inside.true_count()));
    let rows = RecordBatch::try_new_with_options(rows.schema(), kept, &options).map_err(|error| uncompared(&error))?;
    let numbers = batch.numbers.iter().zip(inside.values()).filter(|(_, inside)| *inside);
    Ok(Batch { numbers: numbers.map(|(number, _)| *number).collect(), rows, rejected: batch.rejected })
}

/// The first rows of a batch, as many as are left.
pub fn limit(batch: &mut Batch, left: &mut u64) {
    let mut all: Vec<u64> = batch.numbers.iter().copied().chain(batch.rejected.iter().map(|one| one.row)).collect();
    all.sort_unstable();
    if let Some(last) = usize::try_from(*left).ok().and_then(|left| all.get(left.checked_sub(1)?)) {
        let kept = batch.numbers.iter().take_while(|number| *number <= last).count();
        batch.numbers.truncate(kept);
        batch.rows = batch.rows.slice(0, kept);
        batch.rejected.retain(|refused| refused.row <= *last);
    }
    *left -= (batch.numbers.len() + batch.rejected.len()) as u64;
}

fn uncompared(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be compared with a range").caused_by(error)
}
