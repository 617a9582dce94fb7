//! What is written for the server is read back as it was: encoder and decoder share no code.

use super::super::rows::Decoder;
use super::super::wire::{Selected, Wire};
use super::*;
use arrow::array::{
    Date32Array, Decimal128Array, Float64Array, Int16Array, Int64Array, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use proptest::prelude::*;
use std::sync::Arc;
use windvane_core::schema::{Schema, arrow::to_arrow};

const DAY: i64 = 86_400_000_000;

fn kinds() -> Vec<(DataType, Wire)> {
    vec![
        (DataType::Boolean, Wire::Boolean),
        (DataType::Int16, Wire::Integer),
        (DataType::Int64, Wire::Integer),
        (DataType::Float64, Wire::Float),
        (DataType::Decimal { precision: 38, scale: 11 }, Wire::Numeric),
        (DataType::Text, Wire::Text),
        (DataType::Binary, Wire::Bytea),
        (DataType::Date, Wire::Date),
        (DataType::Time, Wire::Time),
        (DataType::TimestampTz, Wire::Timestamp),
        (DataType::Uuid, Wire::Uuid),
    ]
}

fn schema() -> Schema {
    let named = |(number, (kind, _)): (usize, (DataType, Wire))| Field::new(format!("c{number}"), kind);
    Schema::new(kinds().into_iter().enumerate().map(named).collect())
}

/// So many values of one kind, each null now and then.
fn column<T: std::fmt::Debug + Clone>(
    rows: usize,
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Vec<Option<T>>> {
    prop::collection::vec(prop::option::weighted(0.8, value), rows)
}

fn batches() -> impl Strategy<Value = RecordBatch> {
    let big = 10_i128.pow(38) - 1;
    (0_usize..20).prop_flat_map(move |rows| {
        let numbers = (
            column(rows, any::<bool>()),
            column(rows, any::<i16>()),
            column(rows, any::<i64>()),
            column(rows, any::<f64>()),
            column(rows, prop_oneof![-9999_i128..9999, -big..=big]),
        );
        let others = (
            column(rows, ".{0,9}"),
            column(rows, prop::collection::vec(any::<u8>(), 0..9)),
            column(rows, -719_162..=2_932_896_i32),
            column(rows, 0..DAY),
            column(rows, -719_162 * DAY..2_932_897 * DAY),
            column(rows, any::<u128>()),
        );
        (numbers, others).prop_map(|((a, b, c, d, e), (f, g, h, i, j, k))| {
            let ids = k.iter().map(|id| id.map(super::super::wire::uuid));
            let decimals = Decimal128Array::from(e).with_precision_and_scale(38, 11).unwrap();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(BooleanArray::from(a)),
                Arc::new(Int16Array::from(b)),
                Arc::new(Int64Array::from(c)),
                Arc::new(Float64Array::from(d)),
                Arc::new(decimals),
                Arc::new(StringArray::from(f)),
                Arc::new(g.into_iter().collect::<BinaryArray>()),
                Arc::new(Date32Array::from(h)),
                Arc::new(Time64MicrosecondArray::from(i)),
                Arc::new(TimestampMicrosecondArray::from(j).with_timezone("UTC")),
                Arc::new(ids.collect::<StringArray>()),
            ];
            RecordBatch::try_new(to_arrow(&schema()), columns).unwrap()
        })
    })
}

proptest! {
    #[test]
    fn rows_come_back_as_they_went(batch in batches()) {
        let fields = schema().fields;
        let forms: Vec<Form> = fields.iter().map(|field| staged_form(field.data_type)).collect();
        let mut bytes = Vec::new();
        header(&mut bytes);
        let encoder = RowEncoder::new(&batch, &fields, &forms, None).unwrap();
        for row in 0..batch.num_rows() {
            encoder.append(row, &mut bytes).unwrap();
        }
        trailer(&mut bytes);
        let selected = kinds().into_iter().map(|(_, wire)| Selected { sql: String::new(), wire, parsed: false });
        let mut decoder = Decoder::new(&schema(), &selected.collect::<Vec<_>>()).unwrap();
        decoder.feed(&bytes).unwrap();
        decoder.close().unwrap();
        match decoder.take().unwrap() {
            Some(read) => prop_assert_eq!(read.rows, batch),
            None => prop_assert_eq!(batch.num_rows(), 0),
        }
    }
}
