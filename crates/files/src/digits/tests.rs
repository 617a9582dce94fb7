//! The fast parsers know what the slow ones know, or nothing.

use super::*;
use proptest::prelude::*;
use windvane_core::schema::infer;

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{0,20}",
        4 => "-?[0-9]{0,12}[.][0-9]{0,12}",
        1 => "[0-9./:-]{0,24}",
        1 => "-?[0-9]{0,9}[^0-9][0-9]{0,9}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_whole_number(field in field()) {
        if let Some(number) = whole(field.as_bytes()) {
            prop_assert_eq!(infer::plain_number(&field, |text| text.parse::<i64>().ok()), Some(number));
        }
    }

    #[test]
    fn a_decimal(field in field(), precision in 1_u8..=38, part in 0_u8..=38) {
        let scale = (part % (precision + 1)).cast_signed();
        if let Some(number) = decimal(field.as_bytes(), precision, scale) {
            prop_assert_eq!(infer::plain_number(&field, |text| infer::decimal(text, precision, scale)), Some(number));
        }
    }

    #[test]
    fn a_day(field in "[0-9]{4}-[0-1][0-9]-[0-3][0-9]|[0-9:/.-]{10}") {
        prop_assert_eq!(date(field.as_bytes()), infer::date(&field));
    }

    /// Whatever is usual goes the fast way: no number is left to the slow one that need not be.
    #[test]
    fn ordinary_numbers_are_known_here(number in -999_999_999_999_999_999_i64..=999_999_999_999_999_999) {
        prop_assert_eq!(whole(number.to_string().as_bytes()), Some(number));
        let text = format!("{}{}.{:02}", if number < 0 { "-" } else { "" }, number.abs() / 100, number.abs() % 100);
        prop_assert_eq!(decimal(text.as_bytes(), 18, 2), Some(number.into()));
    }
}
