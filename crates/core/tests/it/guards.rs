//! What a run may not do in silence: judgments over all that can be counted.

use proptest::prelude::*;
use windvane_core::error::Kind;
use windvane_core::guard::{
    Allow, Existing, Guard, Incoming, Limits, RowOwner, adopted, emptied, least, quarantined, rows,
};
use windvane_core::spec::guard::Guards;
use windvane_core::spec::target::{Absent, Mode};

fn limits() -> impl Strategy<Value = Limits> {
    let share =
        || prop_oneof![Just(0.0), Just(1.0), 0.0..1.0, (0_u8..=100).prop_map(|percent| f64::from(percent) / 100.0)];
    (share(), any::<bool>(), prop::option::of(0_u64..50), share()).prop_map(|(share, one_row, most, rows)| Limits {
        share,
        one_row,
        most,
        rows,
        ..Limits::of(&Guards::default())
    })
}

fn brings() -> impl Strategy<Value = Incoming> {
    let mode = prop::sample::select(vec![Mode::Append, Mode::Replace, Mode::Merge, Mode::History]);
    let absent = prop::sample::select(vec![Absent::Keep, Absent::Delete]);
    (mode, absent, any::<bool>(), 0_u64..300).prop_map(|(mode, absent, incremental, rows)| Incoming {
        mode,
        absent,
        incremental,
        rows,
    })
}

fn there() -> impl Strategy<Value = Existing> {
    let count = || prop::option::of(prop_oneof![Just(0_u64), 1..300_u64]);
    (count(), count()).prop_map(|(rows, last)| Existing { rows, last })
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// The budget is the most rows whose share is allowed, but for one row that is never too many by itself.
    #[test]
    fn a_budget_is_the_most_that_is_allowed(limits in limits(), rows_in in 1_u64..5_000) {
        let budget = limits.budget(rows_in);
        let free = u64::from(limits.one_row && rows_in > 1);
        prop_assert!(budget <= free || share(budget, rows_in) <= limits.share);
        prop_assert!(limits.most.is_none_or(|most| budget <= most));
        let next = budget + 1;
        let by_share = next > free && share(next, rows_in) > limits.share;
        prop_assert!(by_share || limits.most == Some(budget));
        prop_assert!(quarantined(&limits, budget, rows_in, &[]).is_none());
        prop_assert_eq!(quarantined(&limits, next, rows_in, &[]).unwrap().guard, Some(Guard::Quarantined));
    }

    #[test]
    fn fewer_rows_are_never_better(limits in limits(), brings in brings(), there in there()) {
        let least = least(&limits, &brings, &there);
        let found = |rows_left: u64| rows(&limits, &Incoming { rows: rows_left, ..brings }, &there).is_some();
        prop_assert!(!found(least));
        prop_assert!((0..least).all(found));
    }

    #[test]
    fn rows_are_missed_where_there_were_some(limits in limits(), brings in brings(), there in there()) {
        let whole = matches!(brings.mode, Mode::Replace);
        let before = if whole { there.last.unwrap_or(0).max(there.rows.unwrap_or(0)) } else { there.last.unwrap_or(0) };
        let looked = !brings.incremental && limits.rows > 0.0 && before > 0;
        let few = brings.rows == 0 || (brings.takes_away() && share(brings.rows, before) < limits.rows);
        prop_assert_eq!(rows(&limits, &brings, &there).is_some(), looked && few);
    }

    #[test]
    fn rows_of_others_go_only_when_somebody_said_so(adopt in any::<bool>(), brings in brings(), there in there()) {
        let others = [
            RowOwner::Nobody,
            RowOwner::Beside(3),
            RowOwner::Of("other".to_owned()),
            RowOwner::Lost { run: "r".to_owned(), rows: 2, at: "t".to_owned() },
        ];
        let harm = !adopt && brings.takes_away() && there.rows.is_some_and(|rows| rows > 0);
        prop_assert!(adopted(adopt, &brings, &there, &RowOwner::Ours).is_none());
        for whose in others {
            let finding = adopted(adopt, &brings, &there, &whose);
            prop_assert_eq!(finding.is_some(), harm);
            // No `--allow` lets it pass.
            let everything: Vec<String> = Guard::ALL.iter().map(|guard| guard.as_str().to_owned()).collect();
            let judged = Allow::of(&everything).unwrap().judge("orders", finding);
            prop_assert_eq!(judged.is_err(), harm);
        }
    }
}

#[test]
fn only_its_own_guard_lets_a_finding_pass() {
    let limits = Limits::of(&Guards::default());
    let columns = ["a".to_owned(), "b".to_owned()];
    let finding = || emptied(&limits, &columns);
    for guard in Guard::ALL {
        let allow = Allow::of(&[format!(" {} ", guard.as_str())]).unwrap();
        let judged = allow.judge("orders", finding());
        assert_eq!(judged.is_ok(), guard == Guard::EmptiedColumns);
        assert_eq!(allow.passed().len(), usize::from(judged.is_ok()));
        if let Err(error) = judged {
            assert_eq!((error.kind(), error.place().table.as_deref()), (Kind::Data, Some("orders")));
            assert!(error.hint_text().unwrap().contains("--allow emptied_columns"));
        }
    }
    let twice = Allow::of(&["emptied_columns".to_owned()]).unwrap();
    (0..2).for_each(|_| twice.clone().judge("orders", finding()).unwrap());
    twice.judge("customers", finding()).unwrap();
    assert_eq!(
        twice.passed().iter().map(|passed| passed.dataset.as_str()).collect::<Vec<_>>(),
        ["orders", "customers"]
    );
    assert_eq!(Allow::of(&["everything".to_owned()]).unwrap_err().kind(), Kind::Spec);
    assert!(emptied(&Limits { emptied_columns: false, ..limits.clone() }, &columns).is_none());
    assert!(emptied(&limits, &[]).is_none());
}
