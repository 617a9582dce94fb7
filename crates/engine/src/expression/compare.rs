//! = <> < <= > >= on columns of one type.

use super::column::repeat;
use super::node::Comparison;
use crate::convert::{decimals, floats, rescale};
use crate::errors::broken;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Datum, Decimal128Array, Scalar};
use arrow::compute::kernels::cmp;
use arrow::datatypes::i256;
use std::cmp::Ordering;
use windvane_core::error::Result;
use windvane_core::schema::DataType;

pub(super) fn evaluate(
    comparison: Comparison,
    (left, left_type): (&ArrayRef, DataType),
    (right, right_type): (&ArrayRef, DataType),
) -> Result<BooleanArray> {
    match (left_type, right_type) {
        (DataType::Float64 | DataType::Float32, _) => {
            let (left, right) = (floats(left)?, floats(right)?);
            let rows = left.iter().zip(right.iter());
            Ok(rows.map(|(left, right)| Some(comparison.holds(float_order(left?, right?)))).collect())
        }
        (DataType::Decimal { .. }, _) | (_, DataType::Decimal { .. }) if left_type != right_type => {
            let ((left, s1), (right, s2)) = (decimals(left, left_type)?, decimals(right, right_type)?);
            Ok(exact(comparison, (&left, s1), (&right, s2)))
        }
        _ => kernel(comparison, left, right),
    }
}

/// A column against one value, where that needs no column of the value; the value is not null.
pub(super) fn with_value(
    comparison: Comparison,
    left: (&ArrayRef, DataType),
    value: (&ArrayRef, DataType),
) -> Option<Result<BooleanArray>> {
    let same_kind = left.1 == value.1 && !matches!(left.1, DataType::Float32 | DataType::Float64);
    same_kind.then(|| kernel(comparison, left.0, &Scalar::new(value.0.clone())))
}

/// A column against one value, as `IN` needs it.
pub(super) fn equals_value(left: (&ArrayRef, DataType), value: (&ArrayRef, DataType)) -> Result<BooleanArray> {
    if let Some(equal) = with_value(Comparison::Equal, left, value) {
        return equal;
    }
    let repeated = repeat(value.0, left.0.len())?;
    evaluate(Comparison::Equal, left, (&repeated, value.1))
}

fn kernel(comparison: Comparison, left: &dyn Datum, right: &dyn Datum) -> Result<BooleanArray> {
    let compared = match comparison {
        Comparison::Equal => cmp::eq(left, right),
        Comparison::NotEqual => cmp::neq(left, right),
        Comparison::Less => cmp::lt(left, right),
        Comparison::LessOrEqual => cmp::lt_eq(left, right),
        Comparison::Greater => cmp::gt(left, right),
        Comparison::GreaterOrEqual => cmp::gt_eq(left, right),
    };
    compared.map_err(|error| broken(&error))
}

fn exact(
    comparison: Comparison,
    (left, s1): (&Decimal128Array, i8),
    (right, s2): (&Decimal128Array, i8),
) -> BooleanArray {
    let scale = s1.max(s2);
    let order = |l: i128, r: i128| match (rescale(l, s1, scale), rescale(r, s2, scale)) {
        (Some(l), Some(r)) => l.cmp(&r),
        _ => wide(l, scale - s1).cmp(&wide(r, scale - s2)),
    };
    left.iter().zip(right.iter()).map(|(left, right)| Some(comparison.holds(order(left?, right?)))).collect()
}

fn wide(value: i128, shift: i8) -> i256 {
    i256::from_i128(value).wrapping_mul(i256::from_i128(10).wrapping_pow(u32::from(shift.unsigned_abs())))
}

/// NaN equals itself and is greater than the rest; the two zeros are equal.
pub(crate) fn float_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

pub(super) fn as_boolean(array: &ArrayRef) -> &BooleanArray {
    array.as_boolean()
}
