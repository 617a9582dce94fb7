//! Intervals of appends: two that share a moment are found, whoever came first.

use super::requests::{facts, interval, known, request};
use proptest::prelude::*;
use windvane_connect::rerun::{LedgerLoad, LoadEffect, OwnRows, TableRows, Window, overlap};
use windvane_core::spec::target::Mode;

fn of(run: &str, window: Window) -> LedgerLoad {
    let mut load = known(run, 1, 3, LoadEffect::Added);
    load.facts.window = Some(window);
    load
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn sharing_is_mutual(a in 0_u32..12, b in 1_u32..12, c in 0_u32..12, d in 1_u32..12) {
        let (b, d) = (a + b, c + d);
        let (one, other) = (of("one", interval(a, b)), of("other", interval(c, d)));
        let shared = a < d && c < b;
        prop_assert_eq!(overlap::taken(&one.facts, [&other]).is_some(), shared);
        prop_assert_eq!(overlap::taken(&other.facts, [&one]).is_some(), shared);
        // Its own second try shares all of it, and takes nobody's place.
        prop_assert!(overlap::taken(&one.facts, [&one]).is_none());
    }

    #[test]
    fn a_zone_is_the_same_moment(from in 3_u32..19, hours in 1_u32..3) {
        let zoned = |hour: u32| Some(format!("2024-05-01T{:02}:00:00+02:00", hour + 2));
        let mine = of("mine", interval(from, from + hours));
        let meets = Window { low: zoned(from + hours), high: zoned(from + hours + 1), ..interval(0, 1) };
        let shares = Window { low: zoned(from + hours - 1), ..meets.clone() };
        prop_assert!(overlap::taken(&mine.facts, [&of("other", meets)]).is_none());
        prop_assert!(overlap::taken(&mine.facts, [&of("other", shares)]).is_some());
    }

    /// Refused while rows of the other are there; not when they were replaced since, taken away, or somebody else's.
    #[test]
    fn only_rows_that_are_there_stand_in_the_way(gone in any::<bool>(), replaced in any::<bool>(), rows in 0_u64..5, foreign in any::<bool>()) {
        let mut other = of("other", interval(2, 6));
        if gone {
            other.effect = LoadEffect::Gone;
        }
        if foreign {
            other.facts.pipeline = "another".to_owned();
        }
        let mut loads = vec![other];
        if replaced {
            loads.insert(0, known("all", 1, 9, LoadEffect::Replaced));
        }
        let mut request = request(Mode::Append, "mine", 1);
        request.facts.window = Some(interval(5, 8));
        let judged = overlap::judge(&request, &loads, TableRows { rows: Some(rows), own: OwnRows::Unmarked });
        prop_assert_eq!(judged.is_err(), !gone && !replaced && !foreign && rows > 0);
    }
}

#[test]
fn the_refusal_says_whose_rows_and_the_way_out() {
    let mut mine = facts("mine", 1);
    mine.window = Some(interval(5, 8));
    let error = overlap::refused(&mine, &of("other", interval(2, 6)));
    assert_eq!(
        error.message(),
        "run 'other' has loaded the rows from 2024-05-01T02:00:00 to 2024-05-01T06:00:00 already (3 rows), and this run's \
         are those from 2024-05-01T05:00:00 to 2024-05-01T08:00:00: what lies in both would be there twice"
    );
    assert!(error.hint_text().unwrap().contains("run (in Airflow: clear) run 'other'"));
}
