//! `abs`, `round`, `floor` and `ceil`.

use super::arithmetic;
use super::failing::Failing;
use super::function::Function;
use crate::convert;
use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use std::sync::Arc;
use windvane_core::schema::DataType;
use windvane_core::schema::arrow::type_to_arrow;

pub(super) fn round(
    function: &Function,
    array: &ArrayRef,
    from: DataType,
    to: DataType,
    failing: &mut Failing<'_>,
) -> ArrayRef {
    let digits = if let Function::Round(digits) = function { *digits } else { 0 };
    match (from, to) {
        (DataType::Decimal { scale, .. }, DataType::Decimal { precision, scale: kept }) => {
            let values = array.as_primitive::<Decimal128Type>();
            let rounded = values.iter().enumerate().map(|(row, value)| {
                let value = value?;
                let rounded = match function {
                    Function::Abs => value.checked_abs(),
                    Function::Floor => convert::power(scale).map(|unit| value.div_euclid(unit)),
                    Function::Ceil => convert::power(scale).map(|unit| -(-value).div_euclid(unit)),
                    _ => arithmetic::round_to(value, scale, digits).and_then(|rounded| {
                        // To tens or hundreds: the scale stays 0.
                        if digits < kept {
                            convert::rescale(rounded, digits, kept)
                        } else {
                            arithmetic::round_to(value, scale, kept)
                        }
                    }),
                };
                let rounded = rounded.filter(|value| convert::within(*value, precision));
                rounded.or_else(|| failing.out_of_range(row, format_args!("a rounded number"), to))
            });
            let rounded: Decimal128Array = rounded.collect();
            Arc::new(rounded.with_data_type(type_to_arrow(to)))
        }
        (DataType::Int64, _) => unary::<Int64Type>(array, to, |value, row| match function {
            Function::Abs => {
                value.checked_abs().or_else(|| failing.out_of_range(row, format_args!("abs({value})"), to))
            }
            Function::Round(digits) if *digits < 0 => {
                let rounded = arithmetic::round_to(i128::from(value), 0, *digits);
                let rounded = rounded.and_then(|rounded| convert::rescale(rounded, *digits, 0));
                let rounded = rounded.and_then(|rounded| i64::try_from(rounded).ok());
                rounded.or_else(|| failing.out_of_range(row, format_args!("round({value}, {digits})"), to))
            }
            _ => Some(value),
        }),
        _ => unary::<Float64Type>(array, to, |value, _| {
            Some(match function {
                Function::Abs => value.abs(),
                Function::Floor => value.floor(),
                Function::Ceil => value.ceil(),
                _ => round_float(value, digits),
            })
        }),
    }
}

/// Half away from zero, by the digits that the number shows: 2.675 to two digits is 2.68.
fn round_float(value: f64, digits: i8) -> f64 {
    if digits == 0 {
        return value.round();
    }
    if digits > 0 {
        let exact = convert::float_to_decimal(value, 38, digits);
        let text = exact.map(|exact| arithmetic::decimal_text(exact, digits));
        return text.and_then(|text| text.parse().ok()).unwrap_or(value);
    }
    let unit = 10_f64.powi(-i32::from(digits));
    (value / unit).round() * unit
}

pub(super) fn unary<P: arrow::array::ArrowPrimitiveType>(
    array: &ArrayRef,
    to: DataType,
    mut change: impl FnMut(P::Native, usize) -> Option<P::Native>,
) -> ArrayRef {
    let values = array.as_primitive::<P>().iter().enumerate();
    let changed: arrow::array::PrimitiveArray<P> = values.map(|(row, value)| change(value?, row)).collect();
    Arc::new(changed.with_data_type(type_to_arrow(to)))
}
