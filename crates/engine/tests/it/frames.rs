//! Columns at random, and what an expression makes of them row by row.

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array};
use arrow::datatypes::Decimal128Type;
use proptest::prelude::*;
use std::sync::Arc;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_engine::expression::{Evaluated, Expression};
use windvane_engine::frame::Frame;

/// Columns called `a`, `b`, …
pub(crate) fn frame(columns: Vec<(DataType, ArrayRef)>) -> Frame {
    let rows = i64::try_from(columns[0].1.len()).unwrap();
    let fields = ["a", "b", "c", "d"].iter().zip(&columns).map(|(name, (kind, _))| Field::new(*name, *kind));
    let schema = Schema::new(fields.collect());
    Frame::new(schema, columns.into_iter().map(|(_, array)| array).collect(), (1..=rows).collect::<Vec<_>>().into())
        .unwrap()
}

/// Its type and values; nothing where it is refused before anything runs.
pub(crate) fn evaluated(text: &str, frame: &Frame) -> Option<(DataType, Evaluated)> {
    let expression = Expression::parse(text, &frame.schema).ok()?;
    let data_type = expression.field("x").data_type;
    let evaluated = expression.evaluate(frame).unwrap();
    // A row that failed has no value.
    assert!(evaluated.failures.keys().all(|row| evaluated.values.is_null(*row)));
    Some((data_type, evaluated))
}

/// A number that a decimal of these digits holds.
pub(crate) fn number(precision: u8) -> impl Strategy<Value = i128> {
    let limit = 10_i128.pow(precision.into());
    prop_oneof![
        3 => (-limit + 1)..limit,
        2 => (0_u32..u32::from(precision)).prop_map(|power| 10_i128.pow(power)),
        2 => (0_u32..=u32::from(precision)).prop_map(|power| 1 - 10_i128.pow(power)),
        1 => Just(0),
        2 => (-999_i128..1000).prop_map(move |small| small % limit),
    ]
}

/// Digits: how many in all, and how many behind the point.
pub(crate) fn digits() -> impl Strategy<Value = (u8, i8)> {
    prop_oneof![2 => 1_u8..=18, 1 => 1_u8..=38]
        .prop_flat_map(|precision| (Just(precision), 0..=precision.cast_signed()))
}

pub(crate) fn decimals(values: &[Option<i128>], (precision, scale): (u8, i8)) -> (DataType, ArrayRef) {
    let array = Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap();
    (DataType::Decimal { precision, scale }, Arc::new(array))
}

pub(crate) fn longs(values: &[Option<i64>]) -> (DataType, ArrayRef) {
    (DataType::Int64, Arc::new(Int64Array::from(values.to_vec())))
}

pub(crate) fn units(evaluated: &Evaluated) -> Vec<Option<i128>> {
    evaluated.values.as_primitive::<Decimal128Type>().iter().collect()
}
