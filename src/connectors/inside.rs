//! The rows of a batch inside the asked ranges, where the source itself cannot leave the others out.

use super::{Batch, Limit, Within};
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema, infer};
use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBuilder, Scalar, StringArray};
use arrow::compute::filter;
use arrow::compute::kernels::cmp;
use arrow::record_batch::RecordBatch;

/// The wanted columns, and behind them those that only the ranges need.
pub(super) fn widen(wanted: &Schema, within: &[Within]) -> Schema {
    let mut wide = wanted.clone();
    for range in within {
        if wide.field(&range.column).is_none() {
            wide.fields.push(Field::new(range.column.clone(), range.data_type));
        }
    }
    wide
}

/// The rows inside every range, in the first `columns` columns only.
pub(super) fn keep(batch: Batch, schema: &Schema, within: &[Within], columns: usize) -> Result<Batch> {
    if within.is_empty() {
        return Ok(batch);
    }
    let mut inside = BooleanArray::from(vec![true; batch.rows.num_rows()]);
    for range in within {
        let at = schema.fields.iter().position(|field| field.name == range.column);
        let at = at.ok_or_else(|| Error::internal("a range is of a column that was not read"))?;
        let mask = mask(batch.rows.column(at), schema.fields[at].data_type, range)?;
        inside = arrow::compute::and(&inside, &mask).map_err(|error| broken(&error))?;
    }
    let narrow: Vec<usize> = (0..columns).collect();
    let rows = batch.rows.project(&narrow).map_err(|error| broken(&error))?;
    let kept = rows.columns().iter().map(|column| filter(column, &inside)).collect::<Result<Vec<ArrayRef>, _>>();
    let kept = kept.map_err(|error| broken(&error))?;
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(inside.true_count()));
    let rows = RecordBatch::try_new_with_options(rows.schema(), kept, &options).map_err(|error| broken(&error))?;
    let numbers = batch.numbers.iter().zip(inside.values()).filter(|(_, inside)| *inside);
    Ok(Batch { numbers: numbers.map(|(number, _)| *number).collect(), rows, rejected: batch.rejected })
}

/// The first rows of a batch, as many as are left.
pub(super) fn cut(batch: &mut Batch, left: &mut u64) {
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

fn mask(column: &ArrayRef, data_type: DataType, range: &Within) -> Result<BooleanArray> {
    let ends = [
        range.from.as_ref().map(|end| (end, if end.inclusive { cmp::gt_eq } else { cmp::gt })),
        range.to.as_ref().map(|end| (end, if end.inclusive { cmp::lt_eq } else { cmp::lt })),
    ];
    let mut inside = BooleanBuilder::with_capacity(column.len());
    (0..column.len()).for_each(|row| inside.append_value(column.is_valid(row) || range.nulls));
    let mut inside = inside.finish();
    for (end, compare) in ends.into_iter().flatten() {
        let compared = compare(column, &Scalar::new(value(end, data_type, range)?)).map_err(|error| broken(&error))?;
        let compared: BooleanArray = compared.iter().map(|one| Some(one.unwrap_or(range.nulls))).collect();
        inside = arrow::compute::and(&inside, &compared).map_err(|error| broken(&error))?;
    }
    Ok(inside)
}

fn value(end: &Limit, data_type: DataType, range: &Within) -> Result<ArrayRef> {
    let (array, wrong) = infer::parse(&StringArray::from(vec![end.value.as_str()]), data_type);
    if wrong.is_empty() {
        return Ok(array);
    }
    Err(Error::spec(format!("'{}' is no {data_type}, which column '{}' is compared with", end.value, range.column)))
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be compared with a range").caused_by(error)
}
