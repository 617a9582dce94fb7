//! Numbers of different types compare by their values, not by what a common type makes of them.

use super::big::Big;
use super::frames::{decimals, digits, evaluated, frame, longs, number};
use arrow::array::{ArrayRef, AsArray, Float64Array};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;
use windvane_core::schema::DataType;

const OPERATORS: [(&str, fn(Ordering) -> bool); 6] = [
    ("=", Ordering::is_eq),
    ("<>", Ordering::is_ne),
    ("<", Ordering::is_lt),
    ("<=", Ordering::is_le),
    (">", Ordering::is_gt),
    (">=", Ordering::is_ge),
];

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![3 => any::<f64>(), 2 => prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])]
}

/// NaN equals itself and is above all others; the two zeros are one.
fn order(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            if left < right {
                Ordering::Less
            } else if left > right {
                Ordering::Greater
            } else {
                Ordering::Equal
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn decimals_of_any_scale_compare_by_value(
        (one, left) in digits().prop_flat_map(|digits| (Just(digits), prop::option::of(number(digits.0)))),
        (other, right) in digits().prop_flat_map(|digits| (Just(digits), prop::option::of(number(digits.0)))),
    ) {
        let frame = frame(vec![decimals(&[left], one), decimals(&[right], other)]);
        let scale = one.1.max(other.1);
        let lift = |value: i128, from: i8| Big::of(value).shifted(usize::try_from(scale - from).unwrap());
        let known = left.zip(right).map(|(left, right)| lift(left, one.1).order(&lift(right, other.1)));
        for (symbol, holds) in OPERATORS {
            let (_, result) = evaluated(&format!("a {symbol} b"), &frame).unwrap();
            prop_assert_eq!(result.values.as_boolean().iter().next().flatten(), known.map(holds), "{}", symbol);
        }
    }

    #[test]
    fn whole_numbers_compare_with_decimals(left in any::<i64>(), digits in digits(), near in -2_i128..3) {
        // Beside the number itself, where it fits.
        let limit = 10_i128.pow(digits.0.into());
        let right = i128::from(left).checked_mul(10_i128.pow(digits.1.unsigned_abs().into())).map_or(near, |value| value + near) % limit;
        let frame = frame(vec![longs(&[Some(left)]), decimals(&[Some(right)], digits)]);
        let known = Big::of(left.into()).shifted(digits.1.unsigned_abs().into()).order(&Big::of(right));
        for (symbol, holds) in OPERATORS {
            let (_, result) = evaluated(&format!("a {symbol} b"), &frame).unwrap();
            prop_assert_eq!(result.values.as_boolean().value(0), holds(known), "{} {} {}", left, symbol, right);
        }
    }

    #[test]
    fn floats_have_one_order(left in prop::option::of(float()), right in prop::option::of(float())) {
        let column = |value: Option<f64>| (DataType::Float64, Arc::new(Float64Array::from(vec![value])) as ArrayRef);
        let frame = frame(vec![column(left), column(right)]);
        let known = left.zip(right).map(|(left, right)| order(left, right));
        for (symbol, holds) in OPERATORS {
            let (_, result) = evaluated(&format!("a {symbol} b"), &frame).unwrap();
            prop_assert_eq!(result.values.as_boolean().iter().next().flatten(), known.map(holds), "{}", symbol);
        }
    }

    /// `IN` is a row of `=`, `BETWEEN` two comparisons.
    #[test]
    fn in_and_between_are_what_they_are_written_for(a in prop::option::of(-4_i64..5), b in prop::option::of(-4_i64..5), c in prop::option::of(-4_i64..5)) {
        let frame = frame(vec![longs(&[a]), longs(&[b]), longs(&[c])]);
        let value = |text: &str| evaluated(text, &frame).unwrap().1.values.as_boolean().iter().next().flatten();
        prop_assert_eq!(value("a IN (b, c, 3)"), value("a = b OR a = c OR a = 3"));
        prop_assert_eq!(value("a NOT IN (b, NULL)"), value("NOT (a = b OR a = NULL)"));
        prop_assert_eq!(value("a BETWEEN b AND c"), value("a >= b AND a <= c"));
    }
}
