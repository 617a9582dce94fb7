//! Deduplicate: one row a key, in the order of the source. Null keys are alike here, as in SQL's DISTINCT.

use crate::engine::frame::Frame;
use crate::engine::step::{Outcome, position, unique};
use crate::engine::{bridge, broken};
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema};
use crate::spec::step::{Deduplicate as Step, Keep};
use arrow::array::{ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::SortOptions;
use arrow::datatypes::Int64Type;
use arrow::row::{RowConverter, SortField};
use polars::prelude::{Column, DataFrame, SortMultipleOptions, UniqueKeepStrategy};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Deduplicate {
    on: Vec<usize>,
    order_by: Vec<usize>,
    keep: Keep,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<Deduplicate> {
    if step.on.0.is_empty() {
        return Err(Error::spec("deduplicate needs a key").at_path("on").hint("Write on: column, or on: [a, b]"));
    }
    unique(step.on.0.iter().map(String::as_str))?;
    let positions = |names: &[String], path: &str| -> Result<Vec<usize>> {
        names.iter().map(|name| position(name, schema).map_err(|error| error.at_path(path))).collect()
    };
    let on = positions(&step.on.0, "on")?;
    Ok(Deduplicate { on, order_by: positions(&step.order_by, "order_by")?, keep: step.keep })
}

/// The keys as polars columns `k0`, `k1`, ...: names of the data could collide with each other in other roles.
pub(super) fn keys(frame: &Frame, positions: &[usize], prefix: &str) -> Result<(Vec<Column>, Vec<String>)> {
    let mut columns = Vec::new();
    let mut names = Vec::new();
    for (order, index) in positions.iter().enumerate() {
        let (Some(array), Some(field)) = (frame.rows.columns().get(*index), frame.schema.fields.get(*index)) else {
            return Err(Error::internal("a key outlived its column"));
        };
        let name = format!("{prefix}{order}");
        let (array, data_type) = orderly(array, field.data_type)?;
        columns.push(bridge::column_to_polars(&name, data_type, &array)?);
        names.push(name);
    }
    Ok((columns, names))
}

/// Polars as it is built here cannot group decimals: they go as bytes that compare as the numbers do, nulls last.
fn orderly(array: &ArrayRef, data_type: DataType) -> Result<(ArrayRef, DataType)> {
    if !matches!(data_type, DataType::Decimal { .. }) {
        return Ok((array.clone(), data_type));
    }
    let options = SortOptions { descending: false, nulls_first: false };
    let field = SortField::new_with_options(array.data_type().clone(), options);
    let converter = RowConverter::new(vec![field]).map_err(|error| broken(&error))?;
    let rows = converter.convert_columns(std::slice::from_ref(array)).map_err(|error| broken(&error))?;
    let bytes = rows.try_into_binary().map_err(|error| broken(&error))?;
    Ok((Arc::new(bytes), DataType::Binary))
}

impl Deduplicate {
    pub(super) fn run(&self, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        if frame.is_empty() {
            return Ok(frame.clone());
        }
        let (mut columns, on) = keys(frame, &self.on, "k")?;
        let (order_columns, order_by) = keys(frame, &self.order_by, "o")?;
        columns.extend(order_columns);
        let rows = Schema::new(vec![Field { nullable: false, ..Field::new("row", DataType::Int64) }]);
        let all: Int64Array = (0..frame.len()).map(|row| i64::try_from(row).ok()).collect();
        columns.push(bridge::column_to_polars("row", DataType::Int64, &(Arc::new(all) as _))?);
        let mut table = DataFrame::new(frame.len(), columns).map_err(|error| broken(&error))?;
        if !order_by.is_empty() {
            let options = SortMultipleOptions::default().with_maintain_order(true).with_nulls_last(true);
            table = table.sort(order_by, options).map_err(|error| broken(&error))?;
        }
        let keep = match self.keep {
            Keep::First => UniqueKeepStrategy::First,
            Keep::Last => UniqueKeepStrategy::Last,
        };
        let kept = table.unique_stable(Some(&on), keep, None).map_err(|error| broken(&error))?;
        let kept = kept.select(["row"]).map_err(|error| broken(&error))?;
        let kept = bridge::from_polars(&rows, &kept)?;
        let mut positions: Vec<u32> = Vec::with_capacity(kept.num_rows());
        for row in kept.column(0).as_primitive::<Int64Type>().values() {
            positions.push(u32::try_from(*row).map_err(|error| broken(&error))?);
        }
        positions.sort_unstable();
        outcome.filtered += (frame.len() - positions.len()) as u64;
        frame.take(&UInt32Array::from(positions))
    }
}
