//! Which type a column of texts has: whatever their order, and every text is a value of it.

use super::kinds::text;
use arrow::array::{Array, StringArray};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use windvane_core::schema::infer::{Inference, parse};
use windvane_core::schema::{DataType, exact};

fn of<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Inference {
    let mut inference = Inference::default();
    texts.into_iter().for_each(|text| inference.observe(text));
    inference
}

/// Columns of one look, as columns are, and mixed ones.
fn column() -> impl Strategy<Value = Vec<String>> {
    let alike = |pattern: &'static str| prop::collection::vec(pattern, 1..8).boxed();
    prop_oneof![
        prop::collection::vec(text(), 0..5),
        alike("-?[1-9][0-9]{0,19}"),
        alike(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,6})?"),
        alike(r"-?[1-9]\.[0-9]{1,18}(e-?[0-9]{1,2})?"),
        alike("(19|20)[0-9]{2}-0[1-9]-[0-2][1-9]( 1[0-9]:30)?"),
        alike("2024-02-[0-3][0-9]T0[0-9]:00:00(Z|[+]02)"),
        alike("true|false"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn order_and_repetition_say_nothing(texts in column(), seed in any::<prop::sample::Index>(), nulls in 0_usize..3) {
        let mut other: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let known = of(other.clone());
        other.extend(std::iter::repeat_n(None, nulls));
        let by = seed.index(other.len().max(1));
        other.rotate_left(by);
        other.reverse();
        let again: Vec<Option<&str>> = other.iter().chain(&other).copied().collect();
        for name in ["amount", "code", "zip", "version", "phone"] {
            prop_assert_eq!(of(again.clone()).named(name), known.named(name));
        }
        prop_assert_eq!(of(again).nullable(), nulls > 0 || texts.iter().any(|text| text.trim().is_empty()));
    }

    #[test]
    fn every_text_is_a_value_of_the_type(texts in column()) {
        let kind = of(texts.iter().map(|text| Some(text.as_str()))).data_type();
        let array: StringArray = texts.iter().map(|text| Some(text.as_str()).filter(|text| !text.trim().is_empty())).collect();
        let (_, failed) = parse(&array, kind);
        prop_assert!(failed.is_empty(), "{} but {:?}", kind, failed.iter().map(|row| array.value(*row)).collect::<Vec<_>>());
        // An exponent is a program's: it may write a double with more digits than tell it from others.
        if kind == DataType::Float64 && !texts.iter().any(|text| text.contains(['e', 'E'])) {
            prop_assert!(exact::parse(&array, kind).1.is_empty(), "digits of {:?} are lost", texts);
        }
    }

    #[test]
    fn whole_numbers_and_days_come_back_as_they_were_written(texts in column()) {
        let kind = of(texts.iter().map(|text| Some(text.as_str()))).data_type();
        if !matches!(kind, DataType::Int64 | DataType::Date | DataType::Boolean) {
            return Ok(());
        }
        let trimmed: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
        let (values, _) = parse(&StringArray::from(trimmed.clone()), kind);
        for row in 0..values.len() {
            prop_assert_eq!(array_value_to_string(&values, row).unwrap(), trimmed[row].to_ascii_lowercase());
        }
    }

    /// One text more never brings a column back to a narrower type. Not so an exponent: `1e5` alone may be a code, and
    /// beside `1.5e3` it is a number.
    #[test]
    fn one_text_more_only_widens(texts in column(), more in text().prop_map(|text| text.replace(['e', 'E'], ""))) {
        let all = texts.iter().map(|text| Some(text.as_str()));
        let (before, after) = (of(all.clone()).data_type(), of(all.chain([Some(more.as_str())])).data_type());
        if before == DataType::Text && texts.iter().any(|text| !text.trim().is_empty()) && after != DataType::Text {
            prop_assert_eq!(after, DataType::Text, "{:?} with {:?}", texts, more);
        }
    }
}

#[test]
fn a_fraction_that_a_float_cuts_off_makes_no_float() {
    for cut in ["5000000000000.0001", "9007199254740.99219"] {
        assert_ne!(of([Some("-0"), Some(cut)]).data_type(), DataType::Float64, "{cut}");
    }
    assert_eq!(of([Some("-0"), Some("0.30000000000000004")]).data_type(), DataType::Float64);
}
