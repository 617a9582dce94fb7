//! + - * / % on exact numbers: every result is the exact one, or its row is rejected.

use super::big::Big;
use super::frames::{decimals, digits, evaluated, frame, longs, number, units};
use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use proptest::prelude::*;
use windvane_core::schema::DataType;

/// Two columns of decimals, with nulls.
type Columns = ((u8, i8), (u8, i8), Vec<(Option<i128>, Option<i128>)>);

fn columns() -> impl Strategy<Value = Columns> {
    (digits(), digits()).prop_flat_map(|(one, other)| {
        let value = |precision| prop::option::weighted(0.9, number(precision));
        (Just(one), Just(other), prop::collection::vec((value(one.0), value(other.0)), 1..12))
    })
}

/// What the rows of a result of this scale must be.
fn exactly(operator: &str, (left, s1): (i128, i8), (right, s2): (i128, i8), scale: i8) -> Option<Big> {
    let lift = |value: i128, from: i8| Big::of(value).shifted(usize::try_from(scale - from).unwrap());
    match operator {
        "*" => Some(Big::of(left).times(&Big::of(right))),
        "+" => Some(lift(left, s1).plus(&lift(right, s2))),
        "-" => Some(lift(left, s1).plus(&lift(right, s2).negated())),
        _ if right == 0 => None,
        "%" => Some(lift(left, s1).divided(&lift(right, s2)).1),
        _ => {
            let shift = scale - s1 + s2;
            let zeros = |wanted: bool| if wanted { usize::from(shift.unsigned_abs()) } else { 0 };
            let (top, bottom) = (Big::of(left).shifted(zeros(shift > 0)), Big::of(right).shifted(zeros(shift < 0)));
            let (quotient, rest) = top.divided(&bottom);
            let positive = |big: &Big| if big.order(&Big::of(0)).is_lt() { big.negated() } else { big.clone() };
            let twice = positive(&rest.plus(&rest));
            let away = if twice.order(&positive(&bottom)).is_ge() { Big::of(1) } else { Big::of(0) };
            let value = quotient.plus(&away);
            Some(if (left < 0) == (right < 0) { value } else { value.negated() })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn decimals_are_exact_or_rejected((one, other, rows) in columns(), operator in prop::sample::select(vec!["+", "-", "*", "/", "%"])) {
        let (left, right): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        let frame = frame(vec![decimals(&left, one), decimals(&right, other)]);
        let Some((DataType::Decimal { precision, scale }, result)) = evaluated(&format!("a {operator} b"), &frame) else {
            // Only a product can need more digits behind the point than there are.
            prop_assert!(operator == "*" && one.1 + other.1 > 38);
            return Ok(());
        };
        for (row, ((left, right), value)) in rows.iter().zip(units(&result)).enumerate() {
            let (Some(left), Some(right)) = (left, right) else {
                prop_assert!(value.is_none() && !result.failures.contains_key(&row));
                continue;
            };
            let exact = exactly(operator, (*left, one.1), (*right, other.1), scale);
            let fitting = exact.filter(|exact| exact.len() <= usize::from(precision));
            // A term that must be lifted beyond 38 digits on the way may be refused, never wrong.
            let expected = fitting.and_then(|exact| exact.value());
            if operator == "*" || operator == "/" || value.is_some() {
                prop_assert_eq!(value, expected, "{} {} {}", left, operator, right);
            }
            prop_assert_eq!(result.failures.contains_key(&row), value.is_none());
        }
    }

    #[test]
    fn sums_that_fit_are_not_rejected(rows in prop::collection::vec((number(17), number(17)), 1..9), scale in 0_i8..=17) {
        let (left, right): (Vec<_>, Vec<_>) = rows.iter().map(|(left, right)| (Some(*left), Some(*right))).unzip();
        let frame = frame(vec![decimals(&left, (17, scale)), decimals(&right, (17, 17 - scale))]);
        for operator in ["+", "-"] {
            let (_, result) = evaluated(&format!("a {operator} b"), &frame).unwrap();
            prop_assert!(result.failures.is_empty(), "{:?}", result.failures);
        }
    }

    #[test]
    fn whole_numbers_never_wrap(rows in prop::collection::vec((any::<Option<i64>>(), prop_oneof![any::<Option<i64>>(), (-2_i64..3).prop_map(Some)]), 1..12)) {
        let (left, right): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        let frame = frame(vec![longs(&left), longs(&right)]);
        for operator in ["+", "-", "*", "%"] {
            let (data_type, result) = evaluated(&format!("a {operator} b"), &frame).unwrap();
            prop_assert_eq!(data_type, DataType::Int64);
            for (row, value) in result.values.as_primitive::<Int64Type>().iter().enumerate() {
                let both = rows[row].0.zip(rows[row].1).map(|(left, right)| (i128::from(left), i128::from(right)));
                let exact = both.and_then(|(left, right)| match operator {
                    "+" => Some(left + right),
                    "-" => Some(left - right),
                    "*" => Some(left * right),
                    _ => left.checked_rem(right),
                });
                let expected = exact.and_then(|exact| i64::try_from(exact).ok());
                prop_assert_eq!(value, expected);
                prop_assert_eq!(result.failures.contains_key(&row), both.is_some() && expected.is_none());
            }
        }
        let (data_type, result) = evaluated("a / b", &frame).unwrap();
        prop_assert_eq!(data_type, DataType::Float64);
        for (row, value) in result.values.as_primitive::<Float64Type>().iter().enumerate() {
            let expected = rows[row].0.zip(rows[row].1.filter(|right| *right != 0)).map(|(left, right)| left as f64 / right as f64);
            // A number that no float holds is rejected, not rounded.
            let held = [rows[row].0, rows[row].1].into_iter().flatten().all(|number| number.unsigned_abs() < 1 << 53);
            if value.is_some() || held {
                prop_assert_eq!(value, expected);
            }
        }
    }
}
