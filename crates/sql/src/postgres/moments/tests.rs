//! Days and moments at the ends of what we hold, against chrono's calendar.

use super::*;
use chrono::{DateTime, Datelike, NaiveDate};
use proptest::prelude::*;

fn day_of(ours: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(ours + 719_163).unwrap()
}

/// As the server writes a day of its calendar, which counts no year 0.
fn shown(day: NaiveDate) -> String {
    let (year, end) = if day.year() > 0 { (day.year(), "") } else { (1 - day.year(), " BC") };
    format!("{year:04}-{:02}-{:02}{end}", day.month(), day.day())
}

#[test]
fn the_ends_of_what_we_hold() {
    let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
    assert_eq!((day_of(FIRST_DAY), day_of(LAST_DAY)), (first, last));
    for (sent, held) in [(FIRST_DAY, true), (FIRST_DAY - 1, false), (LAST_DAY, true), (LAST_DAY + 1, false)] {
        assert_eq!(days(sent - EPOCH_DAYS), held.then_some(sent));
    }
    for (sent, held) in [(FIRST_MOMENT, true), (FIRST_MOMENT - 1, false), (LAST_MOMENT, true), (LAST_MOMENT + 1, false)]
    {
        assert_eq!(microseconds(sent - EPOCH_MICROSECONDS), held.then_some(sent));
    }
    assert_eq!((time(0), time(DAY_MICROSECONDS - 1)), (Some(0), Some(DAY_MICROSECONDS - 1)));
    assert_eq!((time(-1), time(DAY_MICROSECONDS)), (None, None));
}

#[test]
fn infinities_are_refused_by_name() {
    assert_eq!(
        (days(i32::MAX), days(i32::MIN), microseconds(i64::MAX), microseconds(i64::MIN)),
        (None, None, None, None)
    );
    let names = [day(i32::MAX).text, day(i32::MIN).text, moment(i64::MAX).text, moment(i64::MIN).text];
    assert_eq!(names, ["infinity", "-infinity", "infinity", "-infinity"]);
}

proptest! {
    #[test]
    fn every_day_is_held_or_shown(sent in -2_000_000_i32..=5_000_000) {
        let ours = sent + EPOCH_DAYS;
        prop_assert_eq!(days(sent).is_some(), (1..=9999).contains(&day_of(ours).year()));
        prop_assert_eq!(day(sent).text, shown(day_of(ours)));
    }

    #[test]
    fn a_moment_is_shown_with_its_digits(sent in -200_000_000_000_000_000_i64..=200_000_000_000_000_000) {
        let known = DateTime::from_timestamp_micros(sent + EPOCH_MICROSECONDS).unwrap().naive_utc();
        let clock = known.format(" %H:%M:%S%.6f").to_string();
        let clock = clock.trim_end_matches('0').trim_end_matches('.');
        let clock = if clock.len() < 9 { known.format(" %H:%M:%S").to_string() } else { clock.to_owned() };
        let day = shown(known.date());
        let expected = day.strip_suffix(" BC").map_or(format!("{day}{clock}"), |day| format!("{day}{clock} BC"));
        prop_assert_eq!(moment(sent).text, expected);
    }

    #[test]
    fn nothing_overflows(sent in any::<i64>(), days_sent in any::<i32>()) {
        let _ = (microseconds(sent), moment(sent), days(days_sent), day(days_sent));
    }
}
