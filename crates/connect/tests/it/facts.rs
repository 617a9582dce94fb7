//! What a ledger keeps of a load: written and read again, by this version and from earlier ones.

use super::requests::{interval, request};
use proptest::prelude::*;
use serde_json::json;
use windvane_connect::rerun::{Counts, EarlierLoad, Facts, LoadEffect, Replays, Window};
use windvane_connect::{Changes, Loaded, RefusedRow, ledger};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::target::Mode;

fn window() -> impl Strategy<Value = Window> {
    (prop::option::of("\\PC{0,9}"), prop::option::of("\\PC{0,9}"), any::<bool>())
        .prop_map(|(low, high, interval)| Window { column: "at".to_owned(), low, high, interval })
}

fn facts() -> impl Strategy<Value = Facts> {
    let texts = ("\\PC{0,9}", "\\PC{0,9}", "\\PC{0,9}", "[0-9a-f]{0,16}");
    let replays = (any::<u32>(), prop::collection::vec("\\PC{0,6}", 0..3)).prop_map(|(attempt, rows)| Replays {
        run: "r".to_owned(),
        attempt,
        load_id: "l".to_owned(),
        rows,
        ..Replays::default()
    });
    let counts = any::<[u64; 4]>().prop_map(|[rows_in, added, filtered, quarantined]| Counts {
        rows_in,
        added,
        filtered,
        quarantined,
    });
    (
        texts,
        any::<u32>(),
        prop::option::of(window()),
        prop::option::of(counts),
        prop::option::of(replays),
        any::<Option<u64>>(),
    )
        .prop_map(|((pipeline, output, run, plan), attempt, window, counts, replays, beside)| Facts {
            pipeline,
            output,
            run,
            attempt,
            plan,
            window,
            columns: Schema::new(vec![Field::new("é", DataType::Decimal { precision: 38, scale: 2 })]),
            inputs: vec![json!({"a": [1, null, "x"]})],
            parsed: Vec::new(),
            counts,
            load_id: Some("id".to_owned()),
            fitted: vec!["b".to_owned()],
            beside,
            replays,
        })
}

fn loaded(refused: Vec<RefusedRow>, changes: Option<Changes>) -> Loaded {
    let counted = EarlierLoad::lost(&request(Mode::Append, "mine", 1), Vec::new()).loaded;
    Loaded { refused, changes, ..counted }
}

proptest! {
    #[test]
    fn facts_come_back_as_they_went(facts in facts()) {
        let mut request = request(Mode::Append, "mine", 1);
        request.facts = facts.clone();
        let written = ledger::facts(&request).unwrap();
        prop_assert_eq!(ledger::known(&written), facts);
        prop_assert_eq!(ledger::facts(&request).unwrap(), written);
    }

    #[test]
    fn a_receipt_comes_back_as_it_went(
        rows in 0_i64..i64::MAX, bytes in 0_i64..i64::MAX, refused in prop::collection::vec((any::<u64>(), any::<bool>()), 0..4), counts in any::<Option<[u64; 4]>>(),
    ) {
        let refused: Vec<RefusedRow> = refused
            .into_iter()
            .map(|(at, superseded)| RefusedRow { at, column: Some("é\"".to_owned()), reason: "no\n".to_owned(), superseded })
            .collect();
        let changes = counts.map(|[inserted, updated, deleted, unchanged]| Changes { inserted, updated, deleted, unchanged });
        let request = request(Mode::Append, "mine", 7);
        let (refused_text, changes_text, facts) = ledger::written(&request, &loaded(refused.clone(), changes)).unwrap();
        let mode = "append".to_owned();
        let row = ("mine".to_owned(), rows, bytes, "ab".to_owned(), refused_text, changes_text, facts, mode);
        let listed = ledger::listed(&row);
        let (loaded, facts) = ledger::answered(row).unwrap();
        prop_assert_eq!((loaded.rows, loaded.bytes), (rows.cast_unsigned(), bytes.cast_unsigned()));
        prop_assert_eq!((loaded.refused, loaded.changes), (refused, changes));
        prop_assert_eq!((facts, listed.effect), (request.facts, LoadEffect::Added));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,30}|[{}\\[\\]\":,a-z0-9]{0,30}") {
        let _ = ledger::known(&text);
    }
}

#[test]
fn facts_of_earlier_versions_are_read() {
    let old = ledger::known(r#"{"pipeline":"p","attempt":2,"window":{"column":"at","low":null,"high":"9"}}"#);
    assert_eq!((old.pipeline.as_str(), old.attempt, old.columns.fields.len()), ("p", 2, 0));
    assert_eq!(old.window, Some(Window { low: None, high: Some("9".to_owned()), interval: false, ..interval(0, 1) }));
    assert_eq!(ledger::known(""), Facts::default());
}
