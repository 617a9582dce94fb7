//! Loads as the other files need them.

use windvane_connect::error_budget::ErrorBudget;
use windvane_connect::rerun::{Facts, LedgerLoad, LoadEffect, Remembered, Window};
use windvane_connect::{Duplicates, Expectation, LoadRequest};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::{Absent, Mode, Verify};

pub(crate) fn request(mode: Mode, run: &str, attempt: u32) -> LoadRequest {
    LoadRequest {
        dataset: "orders".to_owned(),
        schema: Schema::new(vec![Field::new("id", DataType::Int64)]),
        mode,
        key: vec!["id".to_owned()],
        declared: None,
        foreign_keys: Vec::new(),
        adds: false,
        absent: Absent::Keep,
        duplicates: Duplicates::default(),
        load_id: run.to_owned(),
        expected: Expectation::Nobody,
        verify: Verify::Auto,
        refused: RowPolicy::Fail,
        error_budget: ErrorBudget::none(),
        facts: facts(run, attempt),
        marker: None,
        remembered: Remembered::default(),
        swap: true,
        adopt: false,
        seen: None,
        widen: false,
        compression: None,
        partition_by: Vec::new(),
    }
}

pub(crate) fn facts(run: &str, attempt: u32) -> Facts {
    Facts { pipeline: "shop".to_owned(), output: "orders".to_owned(), run: run.to_owned(), attempt, ..Facts::default() }
}

pub(crate) fn known(run: &str, attempt: u32, rows: u64, effect: LoadEffect) -> LedgerLoad {
    LedgerLoad { load_id: run.to_owned(), rows, facts: facts(run, attempt), effect }
}

/// Hours of one day as an interval.
pub(crate) fn interval(from: u32, to: u32) -> Window {
    let hour = |hour: u32| Some(format!("2024-05-01T{hour:02}:00:00"));
    Window { column: "at".to_owned(), low: hour(from), high: hour(to), interval: true }
}
