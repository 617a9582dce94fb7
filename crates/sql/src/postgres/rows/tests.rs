//! Streams that lie, are cut, or come in pieces.

use super::super::wire::Selected;
use super::*;
use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Int32Type, TimestampMicrosecondType};
use proptest::prelude::*;
use windvane_core::schema::Field;

fn decoder(types: &[(DataType, Wire)]) -> Decoder {
    let fields = types.iter().enumerate().map(|(number, (kind, _))| Field::new(format!("c{number}"), *kind));
    let selected = types.iter().map(|(_, wire)| Selected { sql: String::new(), wire: *wire, parsed: false });
    Decoder::new(&Schema::new(fields.collect()), &selected.collect::<Vec<_>>()).unwrap()
}

/// A row of a COPY; nothing is a null.
fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = i16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        out.extend(length.to_be_bytes());
        out.extend(value.unwrap_or_default());
    }
    out
}

fn stream(rows: &[Vec<u8>]) -> Vec<u8> {
    [SIGNATURE, &[0; 8], &rows.concat(), &[0xff, 0xff]].concat()
}

const TWO: [(DataType, Wire); 2] = [(DataType::Int32, Wire::Integer), (DataType::Text, Wire::Text)];

fn two(number: Option<i32>, text: Option<&str>) -> Vec<u8> {
    row(&[number.map(i32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice), text.map(str::as_bytes)])
}

fn all(decoder: &mut Decoder, chunks: &[&[u8]]) -> Result<Vec<(Option<i32>, Option<String>)>> {
    for chunk in chunks {
        decoder.feed(chunk)?;
    }
    decoder.close()?;
    let Some(batch) = decoder.take()? else { return Ok(Vec::new()) };
    let (numbers, texts) = (batch.rows.column(0).as_primitive::<Int32Type>(), batch.rows.column(1).as_string::<i32>());
    Ok(numbers.iter().zip(texts.iter()).map(|(number, text)| (number, text.map(str::to_owned))).collect())
}

fn rows_of_two() -> impl Strategy<Value = Vec<(Option<i32>, Option<String>)>> {
    prop::collection::vec((any::<Option<i32>>(), prop::option::of(".{0,12}")), 0..12)
}

fn sent(rows: &[(Option<i32>, Option<String>)]) -> Vec<u8> {
    stream(&rows.iter().map(|(number, text)| two(*number, text.as_deref())).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn pieces_of_a_stream_are_the_stream(rows in rows_of_two(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let bytes = sent(&rows);
        let mut ends: Vec<usize> = at.iter().map(|at| at.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        let mut start = 0;
        let chunks: Vec<&[u8]> = ends.iter().map(|end| &bytes[std::mem::replace(&mut start, *end)..*end]).collect();
        prop_assert_eq!(all(&mut decoder(&TWO), &chunks).unwrap(), rows);
    }

    #[test]
    fn a_cut_stream_is_an_error(rows in rows_of_two(), at in any::<prop::sample::Index>()) {
        let bytes = sent(&rows);
        prop_assert!(all(&mut decoder(&TWO), &[&bytes[..at.index(bytes.len())]]).is_err());
    }

    #[test]
    fn no_change_of_bytes_makes_it_panic(
        rows in rows_of_two(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = sent(&rows);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = all(&mut decoder(&TWO), &[&bytes]);
    }
}

#[test]
fn lengths_that_lie_are_errors() {
    let lying = |length: i32| [&[0, 2][..], length.to_be_bytes().as_slice(), &[0; 4], &(-1_i32).to_be_bytes()].concat();
    assert!(all(&mut decoder(&TWO), &[&stream(&[lying(4)])]).is_ok());
    for length in [-2, i32::MIN, 0, 1, 3, 5, 8, 100, i32::MAX] {
        assert!(all(&mut decoder(&TWO), &[&stream(&[lying(length)])]).is_err(), "{length}");
    }
    for count in [-2_i16, 0, 1, 3, i16::MAX] {
        let mut row = two(Some(1), Some("a"));
        row[..2].copy_from_slice(&count.to_be_bytes());
        assert!(all(&mut decoder(&TWO), &[&stream(&[row])]).is_err(), "{count}");
    }
}

#[test]
fn a_value_that_has_no_place_rejects_its_row_alone() {
    let types = [(DataType::Date, Wire::Date), (DataType::Timestamp, Wire::Timestamp), (DataType::Text, Wire::Text)];
    let mut decoder = decoder(&types);
    let line =
        |day: i32, moment: i64, text: &[u8]| row(&[Some(&day.to_be_bytes()), Some(&moment.to_be_bytes()), Some(text)]);
    let rows =
        [line(0, 0, b"a"), line(i32::MAX, 0, b"b"), line(1, i64::MIN, b"c"), line(2, 1, b"\xff"), line(3, 2, b"d")];
    decoder.feed(&stream(&rows)).unwrap();
    let batch = decoder.take().unwrap().unwrap();
    assert_eq!(batch.numbers, [1, 5]);
    assert_eq!(batch.rows.column(0).as_primitive::<Date32Type>().values(), &[10_957, 10_960]);
    let moments = batch.rows.column(1).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(moments.values(), &[946_684_800_000_000, 946_684_800_000_002]);
    let why: Vec<(u64, &str)> = batch.rejected.iter().map(|row| (row.row, row.reason.as_str())).collect();
    assert!(why[0].1.starts_with("infinity is outside") && why[1].1.starts_with("-infinity is outside"), "{why:?}");
    assert_eq!((why[0].0, why[1].0, why[2]), (2, 3, (4, "the text is not UTF-8")));
}
