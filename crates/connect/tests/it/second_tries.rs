//! A load that comes a second time: nothing is there twice, and nothing goes that was not its own.

use super::requests::{known, request};
use proptest::prelude::*;
use windvane_connect::Loaded;
use windvane_connect::rerun::{EarlierLoad, LedgerLoad, LoadAction, LoadEffect, OwnRows, TableRows};
use windvane_core::error::Kind;
use windvane_core::spec::target::{Absent, Mode};

fn earlier(attempt: u32, rows: u64, loads: Vec<LedgerLoad>) -> EarlierLoad {
    let loaded = Loaded {
        load_id: "mine".to_owned(),
        rows,
        bytes: 0,
        checksum: None,
        there: None,
        refused: Vec::new(),
        changes: None,
        already: false,
        earlier: None,
        notes: Vec::new(),
    };
    EarlierLoad { loaded, facts: known("mine", attempt, rows, LoadEffect::Added).facts, loads, lost: false }
}

fn own() -> impl Strategy<Value = OwnRows> {
    prop_oneof![
        3 => (0_u64..8).prop_map(OwnRows::Marked),
        3 => (0_u64..8, any::<bool>(), any::<Option<bool>>()).prop_map(|(rows, alone, same)| OwnRows::InWindow { rows, alone, same }),
        1 => Just(OwnRows::Unmarked),
    ]
}

/// Loads of others, before mine and since, that only added.
fn others() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
    (prop::collection::vec(0_u64..5, 0..3), prop::collection::vec(0_u64..5, 0..3))
}

fn ledger(mine: u64, attempt: u32, before: &[u64], since: &[u64]) -> Vec<LedgerLoad> {
    let other = |name: &'static str| {
        move |(at, rows): (usize, &u64)| known(&format!("{name}{at}"), 1, *rows, LoadEffect::Added)
    };
    let newer = since.iter().enumerate().map(other("since"));
    newer
        .chain([known("mine", attempt, mine, LoadEffect::Added)])
        .chain(before.iter().enumerate().map(other("before")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Of rows that were appended and may be there, none is appended a second time, and only told ones go.
    #[test]
    fn an_append_is_never_there_twice(
        own in own(), rows in 1_u64..30, brought in 1_u64..6, first in 1_u32..3, now in 1_u32..4, swap in any::<bool>(), others in others(),
    ) {
        let earlier = earlier(first, brought, ledger(brought, first, &others.0, &others.1));
        let mut request = request(Mode::Append, "mine", now);
        request.swap = swap;
        let again = swap && now > first;
        match earlier.action(&request, TableRows { rows: Some(rows), own }) {
            Ok(LoadAction::Load { undo: None }) => prop_assert!(false, "rows that may be there would be there twice"),
            Ok(LoadAction::Load { undo: Some(undo) }) => match own {
                OwnRows::Marked(own) => prop_assert!(undo.rows == own && own <= brought && (again || own < brought)),
                OwnRows::InWindow { rows, alone, same } => {
                    prop_assert!(again && alone && undo.rows == rows && rows == brought && same != Some(false));
                    prop_assert_eq!(undo.unseen, same.is_none());
                }
                OwnRows::Unmarked | OwnRows::Parts => prop_assert!(false, "rows would go that nobody can tell"),
            },
            Ok(LoadAction::Done(loaded)) => {
                prop_assert!(loaded.already && loaded.rows == brought);
                prop_assert!(!again, "the work was to be done again");
            }
            Err(error) => prop_assert_eq!((error.kind(), error.retryable()), (Kind::Conflict, false)),
        }
    }

    /// A retry whose rows are all there finds its work done.
    #[test]
    fn a_retry_finds_its_rows(brought in 1_u64..6, attempt in 1_u32..4, others in others(), way in 0_usize..3) {
        let own = [OwnRows::Marked(brought), OwnRows::InWindow { rows: brought, alone: true, same: Some(true) }, OwnRows::Unmarked][way];
        let rows = brought + others.0.iter().chain(&others.1).sum::<u64>();
        let earlier = earlier(attempt, brought, ledger(brought, attempt, &others.0, &others.1));
        let action = earlier.action(&request(Mode::Append, "mine", attempt), TableRows { rows: Some(rows), own }).unwrap();
        prop_assert!(matches!(action, LoadAction::Done(_)));
    }

    /// What the ledger says is believed only of rows that are there.
    #[test]
    fn a_table_that_is_gone_is_loaded_again(
        mode in prop::sample::select(vec![Mode::Append, Mode::Replace, Mode::Merge, Mode::History]), brought in 1_u64..6, first in 1_u32..3, now in 1_u32..4,
    ) {
        let there = TableRows { rows: None, own: OwnRows::Unmarked };
        let earlier = earlier(first, brought, ledger(brought, first, &[], &[]));
        let action = earlier.action(&request(mode, "mine", now), there).unwrap();
        let fresh = matches!(action, LoadAction::Load { undo: None });
        prop_assert!(fresh);
    }

    #[test]
    fn what_replaces_or_merges_is_done_again_by_a_later_attempt(
        mode in prop::sample::select(vec![Mode::Replace, Mode::Merge, Mode::History]), absent in prop::sample::select(vec![Absent::Keep, Absent::Delete]),
        brought in 1_u64..6, first in 1_u32..4, now in 1_u32..4,
    ) {
        let effect = if mode == Mode::Replace { LoadEffect::Replaced } else { LoadEffect::Changed };
        let earlier = earlier(first, brought, vec![known("mine", first, brought, effect)]);
        let mut request = request(mode, "mine", now);
        request.absent = absent;
        let action = earlier.action(&request, TableRows { rows: Some(brought), own: OwnRows::Unmarked }).unwrap();
        prop_assert_eq!(matches!(action, LoadAction::Done(_)), first >= now);
    }
}
