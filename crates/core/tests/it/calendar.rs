//! Texts of dates and times against chrono's calendar.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use proptest::prelude::*;
use windvane_core::schema::infer::{date, moment, time, timestamp, timestamp_tz};

const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;

fn at(micros: i64) -> NaiveDateTime {
    DateTime::from_timestamp_micros(micros).unwrap().naive_utc()
}

#[test]
fn every_day_of_the_years_1_to_9999() {
    let mut day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    let mut number = -719_162;
    while day <= NaiveDate::from_ymd_opt(9999, 12, 31).unwrap() {
        assert_eq!(date(&day.format("%Y-%m-%d").to_string()), Some(number), "{day}");
        day = day.succ_opt().unwrap();
        number += 1;
    }
}

#[test]
fn a_zone_leads_out_of_no_year_of_four_digits() {
    assert_eq!(timestamp_tz("0000-01-01T00:30:00+01:00"), None);
    assert_eq!(timestamp_tz("9999-12-31T23:30:00-01:00"), None);
}

#[test]
fn offsets_are_those_of_a_clock() {
    for offset in ["+24", "+99:00", "-01:60", "+1", "+:02", "+02:0", "+0:200", "+ 2"] {
        assert_eq!(timestamp_tz(&format!("2024-05-01T12:00:00{offset}")), None, "{offset}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn only_days_of_the_calendar_are_days(year in 0_u32..=9999, month in 0_u32..=14, day in 0_u32..=33) {
        let expected = NaiveDate::from_ymd_opt(year.cast_signed(), month, day);
        prop_assert_eq!(date(&format!("{year:04}-{month:02}-{day:02}")).is_some(), expected.is_some());
    }

    #[test]
    fn a_moment_prints_and_parses_to_itself(micros in FIRST..=LAST) {
        for format in ["%Y-%m-%dT%H:%M:%S%.6f", "%Y-%m-%d %H:%M:%S%.6f"] {
            let text = at(micros).format(format).to_string();
            prop_assert_eq!(timestamp(&text), Some(micros), "{}", text);
            prop_assert_eq!(timestamp_tz(&format!("{text}Z")), Some(micros));
        }
    }

    #[test]
    fn an_offset_is_taken_off(micros in FIRST + 86_400_000_000..=LAST - 86_400_000_000, minutes in -1439_i64..1440) {
        let clock = at(micros + minutes * 60_000_000).format("%Y-%m-%dT%H:%M:%S%.6f");
        let (sign, hours, rest) = (if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
        for text in [format!("{clock}{sign}{hours:02}:{rest:02}"), format!("{clock} {sign}{hours:02}{rest:02}")] {
            prop_assert_eq!(timestamp_tz(&text), Some(micros), "{}", text);
        }
    }

    #[test]
    fn a_time_is_what_the_clock_says(hour in 0_u32..27, minute in 0_u32..64, second in 0_u32..64, micro in 0_u32..1_000_000) {
        let known = NaiveTime::from_hms_micro_opt(hour, minute, second, micro);
        let micros = known.map(|time| i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(micro));
        prop_assert_eq!(time(&format!("{hour:02}:{minute:02}:{second:02}.{micro:06}")), micros);
        prop_assert_eq!(time(&format!("{hour:02}:{minute:02}:{second:02}.{micro:06}000")), micros);
        prop_assert_eq!(time(&format!("{hour:02}:{minute:02}:{second:02}.{micro:06}1")), None);
    }

    #[test]
    fn no_text_makes_them_panic(text in r"\PC{0,12}|[0-9:+. TZ\-é]{0,30}") {
        let _ = (date(&text), time(&text), timestamp(&text), moment(&text), timestamp_tz(&text));
    }
}
