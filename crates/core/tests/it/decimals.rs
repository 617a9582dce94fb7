//! Texts of numbers as exact digits, and back.

use super::kinds::decimal;
use arrow::array::{Decimal128Array, StringArray};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use windvane_core::schema::infer::{self, double, exact_double, single};
use windvane_core::schema::{DataType, exact};

fn digits_of(kind: DataType) -> (u8, i8) {
    let DataType::Decimal { precision, scale } = kind else { return (1, 0) };
    (precision, scale)
}

/// What the digits say, by nothing but cutting strings.
fn model(negative: bool, whole: &str, fraction: &str, precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).unwrap();
    let (kept, cut) = fraction.split_at(scale.min(fraction.len()));
    let all = format!("{whole}{kept:0<scale$}");
    let all = all.trim_start_matches('0');
    let fits = cut.chars().all(|digit| digit == '0') && all.len() <= precision.into();
    let value = fits.then(|| if all.is_empty() { 0 } else { all.parse::<i128>().unwrap() });
    value.map(|value| if negative { -value } else { value })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_decimal_is_its_digits(
        negative in any::<bool>(), whole in "[0-9]{0,40}", fraction in "[0-9]{0,6}0{0,4}[0-9]{0,30}", kind in decimal(),
    ) {
        prop_assume!(!whole.is_empty() || !fraction.is_empty());
        let (precision, scale) = digits_of(kind);
        let sign = if negative { "-" } else { "" };
        let expected = model(negative, &whole, &fraction, precision, scale);
        prop_assert_eq!(infer::decimal(&format!("{sign}{whole}.{fraction}"), precision, scale), expected);
        if fraction.is_empty() {
            prop_assert_eq!(infer::decimal(&format!("{sign}{whole}"), precision, scale), expected);
        }
    }

    #[test]
    fn a_decimal_prints_and_parses_to_itself(kind in decimal(), number in any::<i128>()) {
        let (precision, scale) = digits_of(kind);
        let value = number % 10_i128.pow(precision.into());
        let array = Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap();
        let text = array_value_to_string(&array, 0).unwrap();
        prop_assert_eq!(infer::decimal(&text, precision, scale), Some(value), "{}", text);
    }

    #[test]
    fn what_is_no_number_is_no_decimal(text in "[-+]?[0-9 ]{0,3}[a-zA-Z,_' ٣][0-9.]{0,3}|[-+]|[.]|[-+]?[0-9]*[.][0-9]*[.]|") {
        prop_assert_eq!(infer::decimal(&text, 38, 10), None);
    }

    #[test]
    fn a_float_prints_and_parses_to_itself(value in any::<f64>(), narrow in any::<f32>()) {
        for text in [value.to_string(), format!("{value:e}"), format!("{value:?}")] {
            prop_assert_eq!(double(&text).map(f64::to_bits), Some(value.to_bits()), "{}", text);
            prop_assert!(exact::parse(&StringArray::from(vec![text]), DataType::Float64).1.is_empty());
        }
        prop_assert_eq!(single(&narrow.to_string()).map(f32::to_bits), Some(narrow.to_bits()));
    }

    #[test]
    fn digits_that_a_float_does_not_give_back_are_no_value(text in "-?[1-9][0-9]{0,25}([.][0-9]{1,20})?") {
        let bare = |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
        if let Some(value) = exact_double(&text) && text.bytes().filter(u8::is_ascii_digit).count() > 17 {
            prop_assert_eq!(value.to_string(), bare(&text));
        }
    }
}

#[test]
fn what_is_too_large_or_too_small_for_a_float_is_no_value() {
    assert_eq!([double("1e309"), double("-1e309"), double("1e-330")], [None; 3]);
    assert_eq!([single("1e39"), single("1e-50")], [None; 2]);
    assert_eq!(double("Infinity"), Some(f64::INFINITY));
    assert_eq!([double("0e999"), double("-0.0").map(f64::abs)], [Some(0.0); 2]);
}
