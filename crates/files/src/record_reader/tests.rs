//! Rows of a text that several readers read are those of one.

use super::*;
use crate::fields::Dialect;
use arrow::array::AsArray;
use proptest::prelude::*;
use windvane_core::schema::{DataType, Field};

const DIALECT: Dialect =
    Dialect { delimiter: Some(b','), quote: Some(b'"'), escape: None, comment: None, strict: true, blank_rows: false };

fn shape(capacity: usize) -> Arc<Shape> {
    Arc::new(Shape {
        path: PathBuf::new(),
        schema: Schema::new(vec![Field::new("a", DataType::Text), Field::new("b", DataType::Int64)]),
        nulls: vec!["NULL".to_owned()],
        capacity,
        places: vec![Some(0), Some(1)],
        width: 2,
        header: vec![b"a".to_vec(), b"b".to_vec()],
        skipped: Skipped::default(),
    })
}

/// Each row by its number: its values, or why it is none.
type Rows = Vec<(u64, Result<(Option<String>, Option<i64>), String>)>;

/// What a reader gives until it ends, and where the next record starts.
fn read(reader: &mut RecordReader<&[u8]>, rows: &mut Rows) -> u64 {
    while let Some(batch) = reader.batch().unwrap() {
        let texts = batch.rows.column(0).as_string::<i32>();
        let numbers = batch.rows.column(1).as_primitive::<arrow::datatypes::Int64Type>();
        let values = texts.iter().map(|text| text.map(str::to_owned)).zip(numbers.iter());
        rows.extend(batch.numbers.iter().copied().zip(values.map(Ok)));
        rows.extend(batch.rejected.into_iter().map(|row| (row.row, Err(row.reason))));
    }
    rows.sort_by_key(|row| row.0);
    reader.place().unwrap()
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => "[a-c]{0,4},-?[0-9]{1,4}",
        2 => "\"([a,\n]|\"\"){0,6}\",[0-9]{0,3}",
        1 => "NULL,|a,b|,",
        1 => "[a\",\n]{0,6}",
    ];
    let end = prop::sample::select(vec!["\n", "\r\n", "\n\n"]);
    prop::collection::vec((line, end), 0..14)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_text_in_two_parts_has_the_rows_of_the_whole(text in text(), cut in any::<prop::sample::Index>(), capacity in 1_usize..9) {
        let bytes = text.as_bytes();
        let (mut whole, mut parts) = (Rows::new(), Rows::new());
        read(&mut RecordReader::new(&shape(100), Tokenizer::new(bytes, DIALECT), u64::MAX), &mut whole);
        let until = cut.index(bytes.len() + 1) as u64;
        let shape = shape(capacity);
        let mut first = RecordReader::new(&shape, Tokenizer::new(bytes, DIALECT), until);
        let next = read(&mut first, &mut parts);
        prop_assert!(next >= until.min(bytes.len() as u64));
        let rest = &bytes[usize::try_from(next).unwrap()..];
        read(&mut RecordReader::new(&shape, Tokenizer::new(rest, DIALECT), u64::MAX).after(first.rows()), &mut parts);
        prop_assert_eq!(parts, whole);
    }

    /// Every row met has a number of its own and is given once, as a row or with a reason.
    #[test]
    fn no_row_is_lost(text in text()) {
        let mut rows = Rows::new();
        let shape = shape(5);
        let mut reader = RecordReader::new(&shape, Tokenizer::new(text.as_bytes(), DIALECT), u64::MAX);
        read(&mut reader, &mut rows);
        let numbers: Vec<u64> = rows.iter().map(|row| row.0).collect();
        prop_assert_eq!(numbers, (1..=reader.rows()).collect::<Vec<_>>());
    }
}
