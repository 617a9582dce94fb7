//! Values of the binary protocol against what their bytes mean.

use super::*;
use arrow::array::AsArray;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};
use proptest::prelude::*;
use windvane_connect::Batch;
use windvane_core::schema::{Field, Schema};

/// One value as a batch of one row; nothing where it was garbled.
fn read(kind: DataType, wire: Wire, bytes: &[u8]) -> Option<Batch> {
    let mut builder = BatchBuilder::new(&Schema::new(vec![Field::new("c", kind)]), vec![false]);
    put(wire, bytes, 0, &mut builder).ok()?;
    builder.end_row();
    builder.take().unwrap()
}

fn refused(kind: DataType, wire: Wire, bytes: &[u8]) -> String {
    let batch = read(kind, wire, bytes).unwrap();
    assert_eq!(batch.rows.num_rows(), 0);
    batch.rejected[0].reason.clone()
}

const fn digits(precision: u8, scale: i8) -> DataType {
    DataType::Decimal { precision, scale }
}

fn decimal_of(batch: &Batch) -> Option<i128> {
    (batch.rows.num_rows() == 1).then(|| batch.rows.column(0).as_primitive::<Decimal128Type>().value(0))
}

fn date_bytes(day: NaiveDate) -> Vec<u8> {
    let [low, high] = u16::try_from(day.year()).unwrap().to_le_bytes();
    vec![4, low, high, u8::try_from(day.month()).unwrap(), u8::try_from(day.day()).unwrap()]
}

proptest! {
    #[test]
    fn an_integer_is_kept_or_refused_as_a_whole(value in any::<i64>(), unsigned in any::<bool>(), width in 0_u32..4) {
        let bytes = &value.to_le_bytes()[..1 << width];
        let shift = 64 - 8 * (1 << width);
        let meant = if unsigned { i128::from((value.cast_unsigned() << shift) >> shift) } else { i128::from((value << shift) >> shift) };
        let wire = Wire::Integer { unsigned };
        let one = |kind| read(kind, wire, bytes).unwrap();
        let (long, int, short) = (one(DataType::Int64), one(DataType::Int32), one(DataType::Int16));
        prop_assert_eq!(long.rows.column(0).as_primitive::<Int64Type>().iter().next().flatten(), i64::try_from(meant).ok());
        prop_assert_eq!(int.rows.column(0).as_primitive::<Int32Type>().iter().next().flatten(), i32::try_from(meant).ok());
        prop_assert_eq!(short.rows.column(0).as_primitive::<Int16Type>().iter().next().flatten(), i16::try_from(meant).ok());
        let wire = Wire::IntegerDecimal { unsigned, precision: 20, scale: 0 };
        prop_assert_eq!(decimal_of(&read(digits(20, 0), wire, bytes).unwrap()), Some(meant));
    }

    #[test]
    fn bits_are_big_endian(value in any::<u64>(), width in 1_usize..=8) {
        let bytes = &value.to_be_bytes()[8 - width..];
        let meant = i128::from(value & (u64::MAX >> (64 - 8 * width)));
        let wire = Wire::BitDecimal { precision: 20, scale: 0 };
        prop_assert_eq!(decimal_of(&read(digits(20, 0), wire, bytes).unwrap()), Some(meant));
        let kept = read(DataType::Int64, Wire::Bit, bytes).unwrap().rows.num_rows() == 1;
        prop_assert_eq!(kept, i64::try_from(meant).is_ok());
    }

    #[test]
    fn a_decimal_is_its_digits(
        negative in any::<bool>(), whole in "0|[1-9][0-9]{0,40}", fraction in "[0-9]{0,6}0{0,4}[0-9]{0,20}", precision in 1_u8..=38, part in 0_u8..=38,
    ) {
        let scale = usize::from(part % (precision + 1));
        let (kept, cut) = fraction.split_at(scale.min(fraction.len()));
        let all = format!("{whole}{kept:0<scale$}");
        let all = all.trim_start_matches('0');
        let fits = cut.bytes().all(|digit| digit == b'0') && all.len() <= precision.into();
        let value = fits.then(|| if all.is_empty() { 0 } else { all.parse::<i128>().unwrap() });
        let meant = value.map(|value| if negative { -value } else { value });
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{}{whole}{point}{fraction}", if negative { "-" } else { "" });
        let scale = i8::try_from(scale).unwrap();
        prop_assert_eq!(decimal_of(&read(digits(precision, scale), Wire::Decimal { precision, scale }, text.as_bytes()).unwrap()), meant);
    }

    #[test]
    fn what_is_no_number_is_none(text in "[-.]?|-?[.]-?|[0-9]{0,3}[a-z+ ][0-9]{0,3}|[0-9]*[.][0-9]*[.]|[.]") {
        prop_assert_eq!(decimal_of(&read(digits(38, 4), Wire::Decimal { precision: 38, scale: 4 }, text.as_bytes()).unwrap()), None);
    }

    #[test]
    fn days_of_the_calendar(number in -719_162_i32..=2_932_896, micros in 0_i64..DAY_MICROSECONDS) {
        let day = NaiveDate::from_num_days_from_ce_opt(number + 719_163).unwrap();
        let bytes = date_bytes(day);
        let read_back = read(DataType::Date, Wire::Date, &bytes).unwrap();
        prop_assert_eq!(read_back.rows.column(0).as_primitive::<Date32Type>().values(), &[number]);
        let clock = NaiveTime::from_num_seconds_from_midnight_opt(u32::try_from(micros / 1_000_000).unwrap(), 0).unwrap();
        let three = [clock.hour(), clock.minute(), clock.second()].map(|part| u8::try_from(part).unwrap());
        let rest = u32::try_from(micros % 1_000_000).unwrap().to_le_bytes();
        let moment = [&[11][..], &bytes[1..], &three, &rest].concat();
        let read_back = read(DataType::Timestamp, Wire::Timestamp, &moment).unwrap();
        let meant = i64::from(number) * DAY_MICROSECONDS + micros;
        prop_assert_eq!(read_back.rows.column(0).as_primitive::<TimestampMicrosecondType>().values(), &[meant]);
        let time = [&[12, 0, 0, 0, 0, 0][..], &three, &rest].concat();
        let read_back = read(DataType::Time, Wire::Time, &time).unwrap();
        prop_assert_eq!(read_back.rows.column(0).as_primitive::<Time64MicrosecondType>().values(), &[micros]);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..20), which in 0_usize..8) {
        let decimal = Wire::Decimal { precision: 38, scale: 9 };
        let (kind, wire) = [
            (DataType::Date, Wire::Date),
            (DataType::Time, Wire::Time),
            (DataType::Timestamp, Wire::Timestamp),
            (digits(38, 9), decimal),
            (digits(38, 38), Wire::BitDecimal { precision: 38, scale: 38 }),
            (DataType::Boolean, Wire::BitBoolean),
            (DataType::Float32, Wire::Float),
            (DataType::Text, Wire::Text),
        ][which];
        let _ = read(kind, wire, &bytes);
    }
}

#[test]
fn days_that_no_calendar_has_are_refused_by_what_they_are() {
    let zero = "is not a date of the years 1 to 9999";
    assert_eq!(refused(DataType::Date, Wire::Date, &[0]), format!("0000-00-00 {zero}"));
    assert_eq!(refused(DataType::Date, Wire::Date, &[4, 232, 7, 2, 30]), format!("2024-02-30 {zero}"));
    assert_eq!(refused(DataType::Date, Wire::Date, &[4, 232, 7, 0, 1]), format!("2024-00-01 {zero}"));
    assert_eq!(refused(DataType::Timestamp, Wire::Timestamp, &[0]), format!("0000-00-00 00:00:00 {zero}"));
    let long = [8, 0, 34, 0, 0, 0, 22, 59, 59];
    assert_eq!(refused(DataType::Time, Wire::Time, &long), "838:59:59 is not a time of the day");
    assert_eq!(refused(DataType::Time, Wire::Time, &[8, 1, 0, 0, 0, 0, 1, 0, 0]), "-01:00:00 is not a time of the day");
    assert_eq!(refused(DataType::Boolean, Wire::Boolean, &[2]), "2 is neither true (1) nor false (0)");
    let midnight = read(DataType::Time, Wire::Time, &[0]).unwrap();
    assert_eq!(midnight.rows.column(0).as_primitive::<Time64MicrosecondType>().values(), &[0]);
    let day_alone = read(DataType::Timestamp, Wire::Timestamp, &[4, 178, 7, 1, 1]).unwrap();
    assert_eq!(day_alone.rows.column(0).as_primitive::<TimestampMicrosecondType>().values(), &[0]);
}

/// No server sends these: what is between us has changed the stream.
#[test]
fn clocks_that_no_day_has_are_refused() {
    for clock in [[24, 0, 0], [0, 60, 0], [0, 0, 60]] {
        let moment = [[7, 232, 7, 1, 1].as_slice(), &clock].concat();
        assert_eq!(
            read(DataType::Timestamp, Wire::Timestamp, &moment).map_or(0, |batch| batch.rows.num_rows()),
            0,
            "{clock:?}"
        );
        let time = [[8, 0, 0, 0, 0, 0].as_slice(), &clock].concat();
        assert_eq!(read(DataType::Time, Wire::Time, &time).map_or(0, |batch| batch.rows.num_rows()), 0, "{clock:?}");
    }
}
