//! A value of any kind in a column of any type: as it is, or refused; never another one.

use super::*;
use arrow::array::Array;
use arrow::util::display::array_value_to_string;
use windvane_core::schema::{Field, Schema};

/// What stands in the column, or why the row was refused and what it held.
fn read(stored: Stored<'_>, wanted: DataType) -> Result<Option<String>, (String, String)> {
    let mut builder = BatchBuilder::new(&Schema::new(vec![Field::new("c", wanted)]), vec![is_parsed(wanted)]);
    put(stored, (wanted, Epoch::Seconds), 0, &mut builder).unwrap();
    builder.end_row();
    let batch = builder.take().unwrap().unwrap();
    if let Some(refused) = batch.rejected.first() {
        return Err((refused.reason.clone(), refused.record.get("c").map(ToString::to_string).unwrap_or_default()));
    }
    let column = batch.rows.column(0);
    Ok((!column.is_null(0)).then(|| array_value_to_string(column, 0).unwrap()))
}

fn held(stored: Stored<'_>, wanted: DataType) -> String {
    read(stored, wanted).unwrap().unwrap()
}

const FLOATS: [DataType; 2] = [DataType::Float32, DataType::Float64];
const WHOLES: [DataType; 3] = [DataType::Int16, DataType::Int32, DataType::Int64];

#[test]
fn numbers_that_stand_as_texts_are_numbers() {
    for wanted in WHOLES {
        assert_eq!(held(Stored::Text(b" 12 "), wanted), "12");
        assert!(read(Stored::Text(b"1.5"), wanted).is_err());
        assert_eq!(held(Stored::Real(12.0), wanted), "12");
        assert!(read(Stored::Real(12.5), wanted).is_err());
    }
    for wanted in FLOATS {
        assert_eq!(held(Stored::Text(b" 1.5 "), wanted), "1.5");
        assert!(read(Stored::Text(b"one"), wanted).is_err());
        assert_eq!(held(Stored::Integer(12), wanted), "12.0");
        assert_eq!(held(Stored::Real(1.5), wanted), "1.5");
    }
}

#[test]
fn a_whole_number_that_a_float_would_change_is_refused() {
    let (reason, text) = read(Stored::Integer((1 << 53) + 1), DataType::Float64).unwrap_err();
    assert!(reason.contains("it would be changed") && text.contains("9007199254740993"), "{reason} {text}");
    assert_eq!(held(Stored::Integer(1 << 53), DataType::Float64), "9007199254740992.0");
}

/// A single float keeps fewer digits than the double on the way.
#[test]
fn a_whole_number_that_a_single_float_would_change_is_refused() {
    assert!(read(Stored::Integer((1 << 24) + 1), DataType::Float32).is_err());
    assert_eq!(held(Stored::Integer(1 << 24), DataType::Float32), "16777216.0");
}

#[test]
fn what_has_no_form_in_the_type_is_refused_with_what_it_was() {
    for (stored, wanted) in [
        (Stored::Integer(7), DataType::Time),
        (Stored::Integer(7), DataType::Binary),
        (Stored::Integer(7), DataType::Uuid),
        (Stored::Real(7.5), DataType::Time),
        (Stored::Real(7.5), DataType::Binary),
        (Stored::Real(-1e300), DataType::Date),
        (Stored::Real(2_440_587.25), DataType::Date),
        (Stored::Integer(7), DataType::Date),
        (Stored::Integer(i64::MAX), DataType::Timestamp),
        (Stored::Text(b"\xff"), DataType::Text),
        (Stored::Blob(b"ab"), DataType::Uuid),
        (Stored::Blob(b"ab"), DataType::Text),
    ] {
        let (reason, text) = read(stored, wanted).unwrap_err();
        assert!(!reason.is_empty() && !text.is_empty(), "{stored:?} as {wanted}");
    }
}

#[test]
fn moments_are_texts_numbers_or_julian_days() {
    assert_eq!(held(Stored::Text(b"2024-02-29T00:00:00.000"), DataType::Date), "2024-02-29");
    assert_eq!(held(Stored::Integer(86_400), DataType::Date), "1970-01-02");
    assert_eq!(held(Stored::Real(2_440_588.5), DataType::Date), "1970-01-02");
    assert_eq!(held(Stored::Real(2_440_587.75), DataType::Timestamp), "1970-01-01T06:00:00");
    assert_eq!(held(Stored::Integer(1), DataType::TimestampTz), "1970-01-01T00:00:01Z");
}

#[test]
fn bytes_are_bytes() {
    assert_eq!(held(Stored::Text(b"\xff"), DataType::Binary), "ff");
    assert_eq!(held(Stored::Blob(b"\x00\xff"), DataType::Binary), "00ff");
    assert_eq!(held(Stored::Blob(&[0x12; 16]), DataType::Uuid), "12121212-1212-1212-1212-121212121212");
    assert_eq!(read(Stored::Null, DataType::Uuid), Ok(None));
}
