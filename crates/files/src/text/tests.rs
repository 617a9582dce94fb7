//! Values as texts that read back equal.

use super::*;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;
use windvane_core::schema::infer;

fn comes_back(array: &ArrayRef, data_type: DataType) -> Result<(), TestCaseError> {
    let texts = texts(array, data_type).unwrap();
    let (read, failed) = infer::parse(&texts, data_type);
    prop_assert!(failed.is_empty(), "{:?}", texts);
    prop_assert_eq!(&read, array, "{:?}", texts);
    Ok(())
}

macro_rules! some {
    ($array:ty, $values:expr) => {
        std::sync::Arc::new(<$array>::from($values)) as ArrayRef
    };
}

proptest! {
    #[test]
    fn numbers(
        whole in prop::collection::vec(any::<Option<i64>>(), 0..9),
        double in prop::collection::vec(prop_oneof![any::<f64>().prop_map(Some), Just(Some(f64::INFINITY)), Just(Some(f64::NEG_INFINITY)), Just(Some(-0.0)), Just(None)], 0..9),
        single in prop::collection::vec(any::<Option<f32>>(), 0..9),
    ) {
        comes_back(&some!(Int64Array, whole), DataType::Int64)?;
        comes_back(&some!(Float64Array, double), DataType::Float64)?;
        comes_back(&some!(Float32Array, single), DataType::Float32)?;
    }

    #[test]
    fn decimals(values in prop::collection::vec(prop::option::of(prop_oneof![-999_i128..999, any::<i128>()]), 0..9), precision in 3_u8..=38, part in 0_u8..=38) {
        let scale = (part % (precision + 1)).cast_signed();
        let fitting = values.into_iter().map(|value| value.map(|value| value % 10_i128.pow(precision.into())));
        let array = fitting.collect::<Decimal128Array>().with_precision_and_scale(precision, scale).unwrap();
        comes_back(&(std::sync::Arc::new(array) as ArrayRef), DataType::Decimal { precision, scale })?;
    }

    #[test]
    fn days_and_times(
        days in prop::collection::vec(prop::option::of(-719_162..=2_932_896_i32), 0..9),
        times in prop::collection::vec(prop::option::of(0..DAY), 0..9),
        moments in prop::collection::vec(prop::option::of(-719_162 * DAY..2_932_897 * DAY), 0..9),
    ) {
        comes_back(&some!(Date32Array, days), DataType::Date)?;
        comes_back(&some!(Time64MicrosecondArray, times), DataType::Time)?;
        comes_back(&some!(TimestampMicrosecondArray, moments.clone()), DataType::Timestamp)?;
        let zoned = TimestampMicrosecondArray::from(moments).with_timezone("UTC");
        comes_back(&(std::sync::Arc::new(zoned) as ArrayRef), DataType::TimestampTz)?;
    }

    #[test]
    fn bytes_and_truths(bytes in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..9), truths in prop::collection::vec(any::<Option<bool>>(), 0..9)) {
        comes_back(&(std::sync::Arc::new(bytes.into_iter().collect::<BinaryArray>()) as ArrayRef), DataType::Binary)?;
        comes_back(&some!(BooleanArray, truths), DataType::Boolean)?;
    }
}

#[test]
fn days_outside_the_calendar_are_errors() {
    for day in [i32::MIN, i32::MAX] {
        assert!(texts(&Date32Array::from(vec![day]), DataType::Date).is_err());
    }
    for moment in [i64::MIN, i64::MAX] {
        assert!(texts(&TimestampMicrosecondArray::from(vec![moment]), DataType::Timestamp).is_err());
    }
}
