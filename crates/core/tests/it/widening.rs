//! What a type becomes when values outgrow it: a join, so that the order in which batches come says nothing.

use super::kinds::{any_type, text};
use arrow::array::StringArray;
use proptest::prelude::*;
use windvane_core::schema::widen::{holds, outgrown, widened};
use windvane_core::schema::{DataType, infer};

fn join(one: Option<DataType>, other: Option<DataType>) -> Option<DataType> {
    widened(one?, other?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn widening_is_commutative(a in any_type(), b in any_type()) {
        prop_assert_eq!(widened(a, b), widened(b, a));
    }

    #[test]
    fn widening_is_idempotent_and_holds_both(a in any_type(), b in any_type()) {
        prop_assert_eq!(widened(a, a), Some(a));
        if let Some(both) = widened(a, b) {
            prop_assert!(holds(both, a) && holds(both, b));
            prop_assert_eq!(widened(both, a), Some(both));
        }
    }

    #[test]
    fn widening_is_associative(a in any_type(), b in any_type(), c in any_type()) {
        prop_assert_eq!(join(widened(a, b), Some(c)), join(Some(a), widened(b, c)), "{} {} {}", a, b, c);
    }

    /// What holds both the others cannot be narrower than their join.
    #[test]
    fn widening_gives_the_least(a in any_type(), b in any_type(), c in any_type()) {
        if holds(c, a) && holds(c, b) {
            prop_assert!(widened(a, b).is_some_and(|least| holds(c, least)), "{} {} {}", a, b, c);
        }
    }

    #[test]
    fn what_a_column_becomes_holds_the_text_that_outgrew_it(known in any_type(), text in text()) {
        if let Some(grown) = outgrown(known, &text) {
            prop_assert!(grown == DataType::Text || holds(grown, known), "{} by {:?} to {}", known, text, grown);
            let (_, failed) = infer::parse(&StringArray::from(vec![text.as_str()]), grown);
            prop_assert!(failed.is_empty(), "{:?} is no {}", text, grown);
        }
    }

    #[test]
    fn a_type_prints_and_parses_to_itself(a in any_type()) {
        prop_assert_eq!(a.to_string().parse::<DataType>().unwrap(), a);
    }
}
