//! Values that a table would change without a word, and the words that tell of them.

use arrow::array::{
    ArrayRef, BinaryArray, Decimal128Array, Float32Array, Float64Array, Int16Array, RecordBatch, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use std::sync::Arc;
use windvane_connect::narrow::{Keeps, Narrow, must_fit, others};
use windvane_core::schema::{DataType, Field, Schema};

/// The rows that a column of this kind would change.
fn changed(keeps: Keeps, array: ArrayRef) -> Vec<u64> {
    let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
    let schema = Schema::new(vec![Field::new("c", DataType::Text)]);
    let narrow = Narrow::of(&schema, |_| Some(("char(3)".to_owned(), keeps.clone())));
    let rows = narrow.misfits(&batch, 100);
    assert!(
        rows.iter().all(|row| row.column.as_deref() == Some("c") && row.reason.contains("char(3) at the target: "))
    );
    rows.iter().map(|row| row.at - 100).collect()
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn digits_behind_the_point() {
    let doubles = Float64Array::from(vec![Some(1.25), Some(1.5), Some(-0.125), None, Some(1e300), Some(f64::NAN)]);
    assert_eq!(changed(Keeps::Places(2), Arc::new(doubles)), [2]);
    let floats = Float32Array::from(vec![Some(1.25), Some(0.1), Some(0.125), None, Some(16_777_216.0)]);
    assert_eq!(changed(Keeps::Places(2), Arc::new(floats.clone())), [2]);
    assert_eq!(changed(Keeps::Places(0), Arc::new(floats)), [0, 1, 2]);
    let digits =
        Decimal128Array::from(vec![Some(1250), Some(1251), Some(-5), None]).with_precision_and_scale(9, 3).unwrap();
    assert_eq!(changed(Keeps::Places(2), Arc::new(digits)), [1, 2]);
}

#[test]
fn digits_of_a_second() {
    let times = Time64MicrosecondArray::from(vec![Some(1_500_000), Some(1), None]);
    assert_eq!(changed(Keeps::Fraction(1), Arc::new(times)), [1]);
    let moments = TimestampMicrosecondArray::from(vec![Some(-1_000_000), Some(-1), None]);
    assert_eq!(changed(Keeps::Fraction(0), Arc::new(moments)), [1]);
    assert_eq!(changed(Keeps::Fraction(3), texts(&["10:00:00.1230+02", "10:00:00.1234", "10:00:00"])), [1]);
}

#[test]
fn letters_bytes_and_blanks() {
    assert_eq!(changed(Keeps::Bytes(4), texts(&["aüa", "üüa", "üü", ""])), [1]);
    assert_eq!(changed(Keeps::Letters(3), texts(&["abc", "abc  ", "abcd", "ab ", "üüü "])), [1, 4]);
    assert_eq!(changed(Keeps::Unpadded(None), texts(&["a", "a ", " a", ""])), [1]);
    assert_eq!(changed(Keeps::Unpadded(Some(3)), texts(&["a  ", "bcd"])), [0_u64; 0]);
    assert_eq!(changed(Keeps::Unpadded(Some(3)), texts(&["a  ", "b", "c    "])), [0, 2]);
    let bytes = BinaryArray::from(vec![Some(&b"ab"[..]), Some(b"abc"), None]);
    assert_eq!(changed(Keeps::Filled(3), Arc::new(bytes)), [0]);
}

#[test]
fn years_numbers_and_members() {
    assert_eq!(changed(Keeps::Years, Arc::new(Int16Array::from(vec![0, 1, 99, 100, 2024]))), [1, 2]);
    assert_eq!(
        changed(Keeps::Numbers, texts(&["7", "007", "1.10", "1.1", "12E3", "x1", ".5", " 7", "+7", "1e400"])),
        [1, 2, 4, 6, 7, 8, 9]
    );
    let members = || vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(changed(Keeps::Members(members(), false), texts(&["a", "A", "", "a,b"])), [1, 2, 3]);
    assert_eq!(changed(Keeps::Members(members(), true), texts(&["a", "a,b", "b,a", "", "a,a", "a,c"])), [2, 4, 5]);
}

#[test]
fn a_value_of_another_type_is_not_judged() {
    for keeps in [Keeps::Bytes(0), Keeps::Filled(9), Keeps::Years, Keeps::Numbers] {
        assert_eq!(changed(keeps, Arc::new(Float64Array::from(vec![1.5]))), [0_u64; 0]);
    }
    assert_eq!(changed(Keeps::Places(0), texts(&["1.5"])), [0_u64; 0]);
}

#[test]
fn the_rest_keeps_its_places_and_a_load_that_takes_all_is_told_the_row() {
    let batch = RecordBatch::try_from_iter([("c", texts(&["a", "b ", "c"]))]).unwrap();
    let schema = Schema::new(vec![Field::new("c", DataType::Text)]);
    let narrow = Narrow::of(&schema, |_| Some(("char(3)".to_owned(), Keeps::Unpadded(None))));
    let mut refused = narrow.misfits(&batch, 10);
    let (rest, places) = others(&batch, 10, &refused).unwrap();
    assert_eq!((rest.num_rows(), places), (2, vec![10, 12]));
    assert_eq!(others(&batch, 10, &[]).unwrap().1, [10, 11, 12]);
    let error = must_fit(&refused[0]);
    assert_eq!((error.place().row, error.place().path.as_deref()), (Some(12), Some("c")));
    refused[0].column = None;
    assert_eq!(must_fit(&refused[0]).place().path, None);
}
