//! What is said to hold between columns: held against a naive search over all sets.

use proptest::prelude::*;
use windvane_know::dependencies::{Encoder, search};

fn rows(columns: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0..3_u8, columns), 0..14)
}

fn subsets(columns: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> =
        (0..1_usize << columns).map(|bits| (0..columns).filter(|at| bits >> at & 1 == 1).collect()).collect();
    all.sort_by_key(Vec::len);
    all
}

fn contains(set: &[usize], part: &[usize]) -> bool {
    part.iter().all(|at| set.contains(at))
}

/// Whether no two rows that agree in `set` are told apart by `differ`.
fn holds(rows: &[Vec<u8>], set: &[usize], differ: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    let agree = |a: &[u8], b: &[u8]| set.iter().all(|&at| a[at] == b[at]);
    rows.iter().enumerate().all(|(at, a)| rows[..at].iter().all(|b| !agree(a, b) || !differ(a, b)))
}

proptest! {
    /// Zero stands for null here, which is a value and equals itself.
    #[test]
    fn the_search_finds_exactly_what_a_naive_one_does(rows in rows(5)) {
        let mut encoder = Encoder::new(5);
        prop_assert_eq!(encoder.wanted(rows.len()), rows.len());
        for (at, column) in encoder.columns().enumerate() {
            rows.iter().for_each(|row| column.push((row[at] > 0).then(|| u128::from(row[at]))));
        }
        let found = search(&encoder.finish(), &[0, 1, 2, 3, 4], true);
        let (mut unique, mut functional): (Vec<Vec<usize>>, Vec<(Vec<usize>, usize)>) = (Vec::new(), Vec::new());
        for set in subsets(5) {
            if !unique.iter().any(|key| contains(&set, key)) && holds(&rows, &set, |_, _| true) {
                unique.push(set.clone());
            }
            for of in (0..5).filter(|of| !set.contains(of)) {
                let known = functional.iter().any(|(key, known)| *known == of && contains(&set, key));
                if !known && holds(&rows, &set, |a, b| a[of] != b[of]) {
                    functional.push((set.clone(), of));
                }
            }
        }
        let sorted = |mut all: Vec<Vec<usize>>| { all.sort(); all };
        prop_assert!(found.finished);
        prop_assert_eq!(sorted(found.unique), sorted(unique));
        let mut answered = found.functional;
        answered.sort();
        functional.sort();
        prop_assert_eq!(answered, functional);
    }
}

#[test]
fn what_does_not_fit_is_cut_and_said() {
    let mut encoder = Encoder::within(2, 100);
    assert_eq!(encoder.wanted(40), 40);
    for column in encoder.columns() {
        (0..40).for_each(|row| column.push(Some(row)));
    }
    let more = encoder.wanted(40);
    for column in encoder.columns() {
        (0..more).for_each(|row| column.push(Some(row as u128)));
    }
    assert_eq!(encoder.wanted(1), 0);
    let table = encoder.finish();
    assert!(!table.complete);
    assert!(table.columns.iter().all(|column| column.len() == table.rows));
}
