//! The last look before a commit, and what a target that gives back other rows is told.

use super::requests::request;
use arrow::array::{Int64Array, RecordBatch};
use std::sync::Arc;
use windvane_connect::read_back::ReadBack;
use windvane_connect::read_back::{counted, others_there};
use windvane_connect::rerun::Counts;
use windvane_connect::{Batch, Expectation, Expected, ExpectedLoad, Loaded, RefusedRow, Rejected};
use windvane_core::error::{Error, Kind};
use windvane_core::spec::target::Mode;

fn refused(at: u64) -> RefusedRow {
    RefusedRow { at, column: None, reason: "no".to_owned(), superseded: false }
}

fn promised(rows: u64, counts: Option<Counts>) -> ExpectedLoad {
    ExpectedLoad { expected: Expected { rows, checksum: Some("sum".to_owned()) }, counts }
}

fn closed(expected: Expectation, rows: u64, gone: u64, checksum: &str) -> Result<(), Error> {
    let mut request = request(Mode::Append, "mine", 1);
    request.expected = expected;
    request.error_budget = windvane_connect::error_budget::ErrorBudget::of(9);
    let loaded = Loaded {
        refused: (0..gone).map(refused).collect(),
        checksum: Some(checksum.to_owned()),
        ..counted(&request, rows, 0)
    };
    request.close(&loaded)
}

fn known(rows: u64, counts: Option<Counts>) -> Expectation {
    Expectation::Known(Box::new(promised(rows, counts)))
}

#[test]
fn every_row_is_at_the_target_or_told_of() {
    let counts = |filtered, quarantined| Some(Counts { rows_in: 10, added: 2, filtered, quarantined });
    assert!(closed(known(7, counts(3, 2)), 7, 0, "sum").is_ok());
    assert!(closed(known(7, counts(3, 2)), 5, 2, "other").is_ok());
    assert!(closed(Expectation::Nobody, 5, 0, "sum").is_ok());
    for (expectation, rows, gone, words) in [
        (known(7, counts(3, 2)), 6, 0, "7 rows were to be loaded, the target has 6 and refused 0"),
        (known(7, counts(3, 2)), 7, 1, "the target has 7 and refused 1"),
        (
            known(7, counts(3, 1)),
            7,
            0,
            "10 rows came in and 2 were added, but 7 at the target + 0 refused there + 3 filtered + 1",
        ),
        (known(7, counts(4, 2)), 7, 0, "+ 4 filtered + 2 quarantined come out"),
        (Expectation::at_the_end(), 7, 0, "came to no end"),
    ] {
        let error = closed(expectation, rows, gone, "sum").unwrap_err();
        assert!(error.kind() == Kind::Internal && error.message().contains(words), "{error}");
        assert!(error.message().contains("nothing was loaded"), "{error}");
    }
    let error = closed(known(7, None), 7, 0, "other").unwrap_err();
    assert!(error.kind() == Kind::Data && error.message().contains("not the ones that were sent"), "{error}");
}

/// Whoever knows the rows says it once.
#[test]
fn the_first_word_stands() {
    let at_the_end = Expectation::at_the_end();
    for rows in [7, 8] {
        at_the_end.say(promised(rows, None));
        assert_eq!(at_the_end.expected().map(|expected| expected.rows), Some(7));
    }
    let settled = known(3, None);
    settled.say(promised(9, None));
    assert_eq!(settled.expected().map(|expected| expected.rows), Some(3));
    Expectation::Nobody.say(promised(9, None));
}

#[test]
fn rows_that_come_back_otherwise_are_told() {
    let batch = |values: Vec<i64>, rejected: Option<&str>| Batch {
        numbers: (1..=values.len() as u64).collect(),
        rows: RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(values)) as arrow::array::ArrayRef)])
            .unwrap(),
        rejected: rejected
            .map(|column| Rejected {
                row: 4,
                column: Some(column.to_owned()),
                reason: "odd".to_owned(),
                record: serde_json::Map::new(),
            })
            .into_iter()
            .collect(),
    };
    let back = |batch: Batch| {
        let seen = ReadBack::default();
        seen.look(batch).unwrap();
        seen
    };
    let sent = back(batch(vec![1, 2], None)).sum().unwrap();
    let request = request(Mode::Append, "mine", 1);
    assert_eq!(back(batch(vec![2, 1], None)).agrees(&request, &sent, 5).unwrap().rows, 2);
    let error = back(batch(vec![1], None)).agrees(&request, &sent, 5).unwrap_err();
    assert!(error.message().contains("2 rows were expected at the target, 1 are there"), "{error}");
    let error = back(batch(vec![1, 3], None)).agrees(&request, &sent, 5).unwrap_err();
    assert!(error.message().contains("not the ones that were sent"), "{error}");
    let error = back(batch(vec![1, 2], Some("price"))).agrees(&request, &sent, 5).unwrap_err();
    assert!(error.message().contains("'price' does not come back") && error.place().row == Some(4), "{error}");
    assert!(!back(batch(vec![1, 2], Some("price"))).is(sent.checksum.as_deref().unwrap()));
}

#[test]
fn too_many_rows_of_a_key_and_lost_ones_have_hints_of_their_own() {
    let hint = |mode, there| others_there(mode, 5, there).hint_text().unwrap_or_default().to_owned();
    assert!(hint(Mode::Merge, 6).contains("several rows with one key"));
    for (mode, there) in [(Mode::Merge, 4), (Mode::Append, 6), (Mode::Replace, 4)] {
        assert!(hint(mode, there).contains("lost or added on the way"), "{mode:?}");
    }
}
