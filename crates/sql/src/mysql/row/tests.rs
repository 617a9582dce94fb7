//! Rows as the server frames them, cut short and lied about.

use super::*;
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use proptest::prelude::*;
use windvane_core::schema::{DataType, Field, Schema};

const SHAPES: [Shape; 3] = [Shape::Fixed(4), Shape::Counted, Shape::Moment];
const WIRES: [Wire; 3] = [Wire::Integer { unsigned: false }, Wire::Text, Wire::Date];

fn builder() -> BatchBuilder {
    let kinds = [DataType::Int32, DataType::Text, DataType::Date];
    let fields = kinds.into_iter().enumerate().map(|(number, kind)| Field::new(format!("c{number}"), kind));
    BatchBuilder::new(&Schema::new(fields.collect()), vec![false; 3])
}

/// A length before the bytes, as short as it goes or wider.
fn counted_text(text: &[u8], wide: usize) -> Vec<u8> {
    let length = text.len() as u64;
    let mut out = match wide {
        0 if text.len() < 0xfb => vec![u8::try_from(length).unwrap()],
        0 | 1 => [&[0xfc][..], &length.to_le_bytes()[..2]].concat(),
        2 => [&[0xfd][..], &length.to_le_bytes()[..3]].concat(),
        _ => [&[0xfe][..], &length.to_le_bytes()].concat(),
    };
    out.extend(text);
    out
}

type Row = (Option<i32>, Option<String>, bool);

fn packet((number, text, day): &Row, wide: usize) -> Vec<u8> {
    let nulls = u8::from(number.is_none()) << 2 | u8::from(text.is_none()) << 3 | u8::from(!day) << 4;
    let mut out = vec![0, nulls];
    out.extend(number.iter().flat_map(|number| number.to_le_bytes()));
    out.extend(text.iter().flat_map(|text| counted_text(text.as_bytes(), wide)));
    out.extend(day.then_some([4, 232, 7, 2, 29]).into_iter().flatten());
    out
}

fn row() -> impl Strategy<Value = Row> {
    (any::<Option<i32>>(), prop::option::of("\\PC{0,300}"), any::<bool>())
}

proptest! {
    #[test]
    fn a_row_is_what_it_says(row in row(), wide in 0_usize..4) {
        let mut builder = builder();
        add(&packet(&row, wide), &SHAPES, &WIRES, &mut builder).unwrap();
        let batch = builder.take().unwrap().unwrap();
        prop_assert_eq!(batch.rows.column(0).as_primitive::<Int32Type>().iter().next(), Some(row.0));
        prop_assert_eq!(batch.rows.column(1).as_string::<i32>().iter().next(), Some(row.1.as_deref()));
        prop_assert_eq!(batch.rows.column(2).null_count(), usize::from(!row.2));
    }

    #[test]
    fn a_cut_row_is_an_error(row in row(), at in any::<prop::sample::Index>()) {
        let packet = packet(&row, 0);
        prop_assert!(add(&packet[..at.index(packet.len())], &SHAPES, &WIRES, &mut builder()).is_err());
    }

    #[test]
    fn a_row_with_something_behind_it_is_an_error(row in row(), more in prop::collection::vec(any::<u8>(), 1..5)) {
        prop_assert!(add(&[packet(&row, 0), more].concat(), &SHAPES, &WIRES, &mut builder()).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(packet in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut builder = builder();
        if add(&packet, &SHAPES, &WIRES, &mut builder).is_ok() {
            builder.take().unwrap();
        }
        let _ = Shape::of(&packet);
    }
}

#[test]
fn lengths_that_lie_are_errors() {
    for length in [&[5_u8][..], &[0xfc, 9, 0], &[0xfd, 0, 0, 1], &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]] {
        let packet = [&[0, 0b1_0100][..], length, b"four"].concat();
        assert!(add(&packet, &SHAPES, &WIRES, &mut builder()).is_err(), "{length:?}");
    }
}

#[test]
fn a_column_is_framed_as_its_type_says() {
    let described = |kind: u8| [&[3][..], b"def", &[0; 5], &[12, 33, 0, 0, 0, 0, 0], &[kind, 0, 0]].concat();
    for (kind, shape) in
        [(1, Shape::Fixed(1)), (8, Shape::Fixed(8)), (9, Shape::Fixed(4)), (7, Shape::Moment), (0xfd, Shape::Counted)]
    {
        assert_eq!(Shape::of(&described(kind)), Some(shape), "{kind}");
    }
    assert_eq!(Shape::of(&described(1)[..10]), None);
}
