//! + - * / % without silent loss: what does not fit rejects its row.

use super::common::digits;
use super::failing::Failing;
use super::node::{Kind, Node, Operator};
use super::nodes::coerce;
use crate::convert::{self, DAY, decimals, is_float, is_integer, is_number, power};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBufferBuilder, Decimal128Array, PrimitiveArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::binary;
use arrow::datatypes::{Date32Type, Decimal128Type, DecimalType, Float64Type, Int64Type, i256};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, arrow::type_to_arrow};

/// Digits that `/` and `avg` add behind the point.
pub(super) const EXTRA_SCALE: i8 = 4;

/// A literal integer has the digits it is written with: `1 - discount` needs no 19 of them.
fn digits_of(node: &Node) -> (u8, i8) {
    match node.literal().and_then(|value| value.as_primitive_opt::<Int64Type>()) {
        Some(value) => (u8::try_from(value.value(0).unsigned_abs().to_string().len()).unwrap_or(19), 0),
        None => digits(node.data_type),
    }
}

pub(super) fn bind(operator: Operator, left: Node, right: Node) -> Result<Node> {
    let (left, right) = match (left.is_loose(), right.is_loose()) {
        (true, false) => (loose(left, &right)?, right),
        (false, true) => {
            let right = loose(right, &left)?;
            (left, right)
        }
        _ => (left, right),
    };
    let (l, r) = (left.data_type, right.data_type);
    let nullable = left.nullable || right.nullable;
    let node = |left: Node, right: Node, data_type| {
        Node::new(Kind::Arithmetic(operator, left.boxed(), right.boxed()), data_type, nullable)
    };
    if is_number(l) && is_number(r) {
        if is_float(l) || is_float(r) || (operator == Operator::Divide && is_integer(l) && is_integer(r)) {
            let data_type = DataType::Float64;
            return Ok(node(coerce(left, data_type)?, coerce(right, data_type)?, data_type));
        }
        if is_integer(l) && is_integer(r) {
            return Ok(node(coerce(left, DataType::Int64)?, coerce(right, DataType::Int64)?, DataType::Int64));
        }
        let data_type = exact_type(operator, digits_of(&left), digits_of(&right))?;
        return Ok(node(left, right, data_type));
    }
    match (operator, l, r) {
        (Operator::Add | Operator::Subtract, DataType::Date, r) if is_integer(r) => {
            Ok(node(left, coerce(right, DataType::Int64)?, DataType::Date))
        }
        (Operator::Subtract, DataType::Date, DataType::Date) => Ok(node(left, right, DataType::Int64)),
        _ => Err(Error::spec(format!("{l} {} {r} has no meaning", operator.symbol())).hint(
            "Arithmetic needs numbers on both sides, a date and a number of days, or two dates; join texts with ||",
        )),
    }
}

/// NULL or a number in quotes beside a number; days beside a date.
fn loose(node: Node, other: &Node) -> Result<Node> {
    match other.data_type {
        DataType::Date => coerce(node, DataType::Date),
        data_type if is_number(data_type) => {
            let text = node.literal().and_then(|value| convert::text_at(value, DataType::Text, 0));
            let Some(text) = text else { return coerce(node, data_type) };
            Err(Error::spec(format!("'{text}' is text where a number is needed"))
                .hint("Write the number without quotes, or cast the text to a number"))
        }
        _ => Ok(node),
    }
}

/// The type that holds the exact result. More than 38 digits can only be seen in the values, so they are left to them.
fn exact_type(operator: Operator, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Result<DataType> {
    let [p1, s1, p2, s2] = [i16::from(p1), i16::from(s1), i16::from(p2), i16::from(s2)];
    let (precision, scale) = match operator {
        Operator::Add | Operator::Subtract => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
        Operator::Multiply => (p1 + p2, s1 + s2),
        Operator::Divide => (38, (s1.max(s2) + i16::from(EXTRA_SCALE)).min(38)),
        Operator::Remainder => ((p1 - s1).max(p2 - s2) + s1.max(s2), s1.max(s2)),
    };
    if scale > 38 {
        return Err(Error::spec(format!(
            "the product has {scale} digits behind the point, more than the 38 there are"
        ))
        .hint("Round or cast an operand to a smaller scale first"));
    }
    let small = |value: i16| u8::try_from(value.min(38)).unwrap_or(38);
    let scale = i8::try_from(scale).unwrap_or(38);
    Ok(DataType::Decimal { precision: small(precision.max(1)), scale })
}

pub(super) fn evaluate(
    operator: Operator,
    (left, left_type): (&ArrayRef, DataType),
    (right, right_type): (&ArrayRef, DataType),
    to: DataType,
    failing: &mut Failing<'_>,
) -> Result<ArrayRef> {
    let symbol = operator.symbol();
    match (left_type, right_type) {
        (DataType::Int64, DataType::Int64) => {
            let (left, right) = (left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>());
            let array = pairs::<Int64Type, Int64Type, Int64Type>(left, right, |l, r, row| {
                let value = match operator {
                    Operator::Add => l.checked_add(r),
                    Operator::Subtract => l.checked_sub(r),
                    Operator::Multiply => l.checked_mul(r),
                    Operator::Divide => None,
                    Operator::Remainder if r == 0 => return failing.by_zero(row, format_args!("{l} {symbol} {r}")),
                    Operator::Remainder => Some(l.wrapping_rem(r)),
                };
                value.or_else(|| failing.out_of_range(row, format_args!("{l} {symbol} {r}"), to))
            });
            Ok(Arc::new(array))
        }
        (DataType::Float64, DataType::Float64) => {
            let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
            let array = pairs::<Float64Type, Float64Type, Float64Type>(left, right, |l, r, row| {
                let value = match operator {
                    Operator::Add => l + r,
                    Operator::Subtract => l - r,
                    Operator::Multiply => l * r,
                    Operator::Divide | Operator::Remainder if r == 0.0 => {
                        return failing.by_zero(row, format_args!("{l:?} {symbol} {r:?}"));
                    }
                    Operator::Divide => l / r,
                    Operator::Remainder => l % r,
                };
                if value.is_infinite() && l.is_finite() && r.is_finite() {
                    return failing.out_of_range(row, format_args!("{l:?} {symbol} {r:?}"), to);
                }
                Some(value)
            });
            Ok(Arc::new(array))
        }
        (DataType::Date, DataType::Int64) => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Int64Type>());
            let array = pairs::<Date32Type, Int64Type, Date32Type>(left, right, |day, days, row| {
                let days_signed = if operator == Operator::Subtract { days.checked_neg() } else { Some(days) };
                let moved = days_signed.and_then(|days| i64::from(day).checked_add(days));
                let moved = moved.filter(|day| day.checked_mul(DAY).is_some());
                let moved = moved.and_then(|day| i32::try_from(day).ok());
                moved.or_else(|| failing.out_of_range(row, format_args!("a date {symbol} {days} days"), to))
            });
            Ok(Arc::new(array))
        }
        (DataType::Date, DataType::Date) => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Date32Type>());
            let days = |l: i32, r: i32, _| Some(i64::from(l) - i64::from(r));
            Ok(Arc::new(pairs::<Date32Type, Date32Type, Int64Type>(left, right, days)))
        }
        _ => exact(operator, (left, left_type), (right, right_type), to, failing),
    }
}

fn exact(
    operator: Operator,
    (left, left_type): (&ArrayRef, DataType),
    (right, right_type): (&ArrayRef, DataType),
    to: DataType,
    failing: &mut Failing<'_>,
) -> Result<ArrayRef> {
    let DataType::Decimal { precision, scale } = to else {
        return Err(Error::internal(format!("an exact result cannot be {to}")));
    };
    let ((left, s1), (right, s2)) = (decimals(left, left_type)?, decimals(right, right_type)?);
    let limit = 10_i128.checked_pow(u32::from(precision)).map(i128::unsigned_abs);
    // Powers of ten are looked up once and not per row.
    let (lift_left, lift_right) = (power(scale - s1), power(scale - s2));
    if let Some(array) = small(operator, (&left, lift_left), (&right, lift_right), limit) {
        return Ok(Arc::new(array.with_data_type(type_to_arrow(to))));
    }
    let lifted =
        |value: i128, by: Option<i128>| by.and_then(|by| if by == 1 { Some(value) } else { product(value, by) });
    let array: Decimal128Array = pairs::<Decimal128Type, Decimal128Type, Decimal128Type>(&left, &right, |l, r, row| {
        let shown = || format!("{} {} {}", decimal_text(l, s1), operator.symbol(), decimal_text(r, s2));
        if r == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
            return failing.by_zero(row, format_args!("{}", shown()));
        }
        let value = match operator {
            Operator::Multiply => product(l, r),
            Operator::Divide => divide(l, r, scale - s1 + s2),
            Operator::Add | Operator::Subtract | Operator::Remainder => {
                match (lifted(l, lift_left), lifted(r, lift_right)) {
                    (Some(l), Some(r)) => match operator {
                        Operator::Add => l.checked_add(r),
                        Operator::Subtract => l.checked_sub(r),
                        _ => l.checked_rem(r),
                    },
                    _ => None,
                }
            }
        };
        let value = value.filter(|value| limit.is_none_or(|limit| value.unsigned_abs() < limit));
        value.or_else(|| failing.out_of_range(row, format_args!("{}", shown()), to))
    });
    Ok(Arc::new(array.with_data_type(type_to_arrow(to))))
}

/// Where all values are so small that no result can be too large, none is looked at by itself. A lift is what brings a
/// term to the scale of the result.
fn small(
    operator: Operator,
    (left, lift_left): (&Decimal128Array, Option<i128>),
    (right, lift_right): (&Decimal128Array, Option<i128>),
    limit: Option<u128>,
) -> Option<Decimal128Array> {
    /// No value is beyond two to this power.
    fn bits(values: &[i128]) -> u32 {
        128 - values.iter().fold(0, |all, value| all | (value ^ (value >> 127))).leading_zeros()
    }
    let (l, r) = (bits(left.values()), bits(right.values()));
    let fits = |bits: u32| bits < 127 && limit.is_none_or(|limit| 1 << bits < limit);
    let done = match operator {
        Operator::Multiply if fits(l + r) => binary(left, right, i128::wrapping_mul),
        Operator::Add | Operator::Subtract => {
            let (by_left, by_right) = (lift_left?, lift_right?);
            if !fits((l + bits(&[by_left])).max(r + bits(&[by_right])) + 1) {
                return None;
            }
            let sign = if operator == Operator::Add { by_right } else { -by_right };
            binary(left, right, |l, r| (l * by_left).wrapping_add(r * sign))
        }
        _ => return None,
    };
    done.ok()
}

/// `left * 10^shift / right`, rounded half away from zero, through 256 bits.
pub(super) fn divide(left: i128, right: i128, shift: i8) -> Option<i128> {
    let (mut top, mut bottom) = (i256::from_i128(left), i256::from_i128(right));
    let factor = i256::from_i128(10).checked_pow(u32::from(shift.unsigned_abs()))?;
    if shift >= 0 {
        top = top.checked_mul(factor)?;
    } else {
        bottom = bottom.checked_mul(factor)?;
    }
    let quotient = top.checked_div(bottom)?;
    let rest = top.checked_rem(bottom)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from_i128(2))?;
    let away = if (left < 0) == (right < 0) { i256::ONE } else { i256::MINUS_ONE };
    let rounded = if twice >= bottom.wrapping_abs() { quotient.checked_add(away)? } else { quotient };
    rounded.to_i128()
}

/// Rounds to a smaller scale, half away from zero.
pub(super) fn round_to(value: i128, from: i8, to: i8) -> Option<i128> {
    if to >= from {
        return convert::rescale(value, from, to);
    }
    let divisor = power(from.checked_sub(to)?)?;
    let (quotient, rest) = (value / divisor, value % divisor);
    let up = rest.unsigned_abs() * 2 >= divisor.unsigned_abs();
    Some(if up { quotient + value.signum() } else { quotient })
}

pub(super) fn decimal_text(value: i128, scale: i8) -> String {
    Decimal128Type::format_decimal(value, 38, scale)
}

/// Row by row; null when one side is.
fn pairs<L: ArrowPrimitiveType, R: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    left: &PrimitiveArray<L>,
    right: &PrimitiveArray<R>,
    mut compute: impl FnMut(L::Native, R::Native, usize) -> Option<O::Native>,
) -> PrimitiveArray<O> {
    let mut nulls = NullBuffer::union(left.nulls(), right.nulls());
    let mut values: Vec<O::Native> = Vec::with_capacity(left.len());
    let mut failed = Vec::new();
    let both = left.values().iter().zip(right.values()).enumerate();
    let mut one = |row: usize, left: L::Native, right: R::Native| {
        compute(left, right, row).unwrap_or_else(|| {
            failed.push(row);
            O::Native::default()
        })
    };
    if let Some(nulls) = nulls.as_ref().filter(|nulls| nulls.null_count() > 0) {
        values.extend(both.map(
            |(row, (left, right))| {
                if nulls.is_valid(row) { one(row, *left, *right) } else { O::Native::default() }
            },
        ));
    } else {
        values.extend(both.map(|(row, (left, right))| one(row, *left, *right)));
    }
    if !failed.is_empty() {
        let mut valid = BooleanBufferBuilder::new(values.len());
        match &nulls {
            None => valid.append_n(values.len(), true),
            Some(nulls) => valid.append_buffer(nulls.inner()),
        }
        for row in failed {
            valid.set_bit(row, false);
        }
        nulls = Some(NullBuffer::new(valid.finish()));
    }
    PrimitiveArray::new(values.into(), nulls)
}

/// Checked, and without a 128-bit multiplication where the factors are small, as they nearly always are.
fn product(left: i128, right: i128) -> Option<i128> {
    match (i64::try_from(left), i64::try_from(right)) {
        (Ok(left), Ok(right)) => Some(i128::from(left) * i128::from(right)),
        _ => left.checked_mul(right),
    }
}
