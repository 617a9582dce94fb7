//! The content of rows as one number: whatever their order, and different when anything of them is.

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use proptest::prelude::*;
use std::sync::Arc;
use windvane_core::schema::arrow::to_arrow;
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::{DataType, Field, Schema};

type Row = (Option<i64>, Option<String>, Option<f64>, Option<i128>);

fn batch(rows: &[Row]) -> RecordBatch {
    let kinds = [DataType::Int64, DataType::Text, DataType::Float64, DataType::Decimal { precision: 38, scale: 3 }];
    let fields = kinds.into_iter().enumerate().map(|(number, kind)| Field::new(format!("c{number}"), kind));
    let digits: Decimal128Array = rows.iter().map(|row| row.3).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()),
        Arc::new(digits.with_precision_and_scale(38, 3).unwrap()),
    ];
    RecordBatch::try_new(to_arrow(&Schema::new(fields.collect())), columns).unwrap()
}

fn of(batches: &[RecordBatch]) -> String {
    let mut checksum = Checksum::default();
    batches.iter().for_each(|batch| checksum.update(batch).unwrap());
    checksum.finish()
}

fn one(kind: DataType, values: ArrayRef) -> String {
    of(&[RecordBatch::try_new(to_arrow(&Schema::new(vec![Field::new("c", kind)])), vec![values]).unwrap()])
}

fn row() -> impl Strategy<Value = Row> {
    let big = 10_i128.pow(37);
    // Few values, so that equal ones meet.
    (
        prop::option::of(prop_oneof![-2_i64..3, any::<i64>()]),
        prop::option::of("[ab]{0,2}|\\PC{0,3}"),
        prop::option::of(prop_oneof![Just(0.0), Just(1.0), any::<f64>()]),
        prop::option::of(prop_oneof![-2_i128..3, -big..big]),
    )
}

proptest! {
    #[test]
    fn neither_order_nor_batches_matter(rows in prop::collection::vec(row(), 1..30), cut in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let all = batch(&rows);
        let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap()).collect();
        order.sort_by_key(|row| (u64::from(*row) ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mixed = take_record_batch(&all, &UInt32Array::from(order)).unwrap();
        let at = cut.index(rows.len() + 1);
        let (front, back) = (mixed.slice(0, at), mixed.slice(at, rows.len() - at));
        prop_assert_eq!(of(std::slice::from_ref(&all)), of(&[back.clone(), front.clone()]));
        let mut merged = Checksum::default();
        for part in [&front, &back] {
            let mut alone = Checksum::default();
            alone.update(part).unwrap();
            merged.merge(&alone);
        }
        prop_assert_eq!((merged.finish(), merged.rows()), (of(&[all]), rows.len() as u64));
        let parts = [of(&[front]), of(&[back])];
        prop_assert_eq!(Checksum::sum(parts.iter().map(String::as_str)), merged.finish());
    }

    #[test]
    fn a_changed_value_changes_it(rows in prop::collection::vec(row(), 1..20), other in row(), at in any::<prop::sample::Index>(), column in 0_usize..4) {
        let at = at.index(rows.len());
        let mut changed = rows.clone();
        match column {
            0 => changed[at].0 = other.0,
            1 => changed[at].1 = other.1,
            2 => changed[at].2 = other.2.map(|value| value + 0.0),
            _ => changed[at].3 = other.3,
        }
        // 0.0 and -0.0 are one number.
        let same = changed == rows;
        prop_assert_eq!(of(&[batch(&changed)]) == of(&[batch(&rows)]), same);
    }

    #[test]
    fn a_row_more_or_twice_changes_it(rows in prop::collection::vec(row(), 0..20), more in row(), again in any::<prop::sample::Index>()) {
        let all = batch(&rows);
        prop_assert_ne!(of(&[all.clone(), batch(&[more])]), of(&[all.clone()]));
        if !rows.is_empty() {
            let twice = all.slice(again.index(rows.len()), 1);
            let both = concat_batches(&all.schema(), [&all, &twice]).unwrap();
            prop_assert_ne!(of(&[both]), of(&[all]));
        }
    }

    #[test]
    fn values_that_change_places_change_it(one in row(), other in row()) {
        let (mut first, mut second) = (one.clone(), other.clone());
        std::mem::swap(&mut first.0, &mut second.0);
        let expected = one.0 == other.0 || (&one.1, one.2, one.3) == (&other.1, other.2, other.3);
        prop_assert_eq!(of(&[batch(&[first, second])]) == of(&[batch(&[one, other])]), expected);
    }

    /// Two columns of one type: which value stands in which counts.
    #[test]
    fn the_order_of_columns_matters(one in any::<i64>(), other in any::<i64>()) {
        let schema = to_arrow(&Schema::new(vec![Field::new("a", DataType::Int64), Field::new("b", DataType::Int64)]));
        let row = |a: i64, b: i64| {
            let columns = [a, b].map(|value| Arc::new(Int64Array::from(vec![value])) as ArrayRef);
            of(&[RecordBatch::try_new(Arc::clone(&schema), columns.to_vec()).unwrap()])
        };
        prop_assert_eq!(row(one, other) == row(other, one), one == other);
    }

    #[test]
    fn a_number_counts_the_same_in_every_exact_type(value in any::<i16>()) {
        let wide = one(DataType::Int64, Arc::new(Int64Array::from(vec![i64::from(value)])));
        prop_assert_eq!(&one(DataType::Int16, Arc::new(Int16Array::from(vec![value]))), &wide);
        for scale in [0_i8, 1, 7] {
            let units = i128::from(value) * 10_i128.pow(scale.unsigned_abs().into());
            let array = Decimal128Array::from(vec![units]).with_precision_and_scale(30, scale).unwrap();
            prop_assert_eq!(&one(DataType::Decimal { precision: 30, scale }, Arc::new(array)), &wide);
        }
    }
}

#[test]
fn json_counts_by_its_value() {
    let of = |text: &str| one(DataType::Json, Arc::new(StringArray::from(vec![text])));
    for (one, other) in [
        (r#"{"a":1,"b":[1.50,null]}"#, r#" { "b" : [ 15e-1 , null ] , "a" : 1.0 } "#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#""\u00e9""#, "\"é\""),
        ("1e2", "100"),
    ] {
        assert_eq!(of(one), of(other), "{one} {other}");
    }
    for (one, other) in
        [("1", "\"1\""), ("[1,2]", "[2,1]"), ("[[]]", "[]"), ("{}", "[]"), ("1", "-1"), ("0.1", "0.10000000000000001")]
    {
        assert_ne!(of(one), of(other), "{one} {other}");
    }
    let null = one(DataType::Json, Arc::new(StringArray::from(vec![None::<&str>])));
    assert_eq!(of(" null "), null);
}
