//! SQL of a model: what writes, calls or looks elsewhere does not pass, wherever it stands in what is harmless.

use proptest::prelude::*;
use std::collections::BTreeSet;
use windvane_agents::guard::{expression, statement};

fn tables() -> BTreeSet<&'static str> {
    BTreeSet::from(["orders", "customers"])
}

fn columns() -> BTreeSet<&'static str> {
    BTreeSet::from(["a", "b"])
}

/// Harmless expressions of any depth.
fn harmless() -> impl Strategy<Value = String> {
    let leaf = prop_oneof!["[ab]", "[0-9]{1,3}", "'[a-z ]{0,4}'", Just("NULL".to_owned())];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "=", "AND", "||", "<"]), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (prop::sample::select(vec!["upper", "abs", "coalesce", "count"]), inner.clone())
                .prop_map(|(name, of)| format!("{name}({of})")),
            (inner.clone(), inner).prop_map(|(when, then)| format!("CASE WHEN {when} = 1 THEN {then} END")),
        ]
    })
}

const HARMFUL: [&str; 8] = [
    "pg_sleep(9)",
    "(SELECT 1)",
    "c",
    "orders.a",
    "EXISTS (SELECT 1 FROM orders)",
    "a IN (SELECT b FROM orders)",
    "lo_import('/etc/passwd')",
    "pg_catalog.pg_read_file('x')",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn harmless_expressions_pass_and_harm_does_not(outer in harmless(), harm in prop::sample::select(&HARMFUL[..])) {
        prop_assert!(expression(&outer, &columns()).is_ok(), "{}", outer);
        for text in [harm.to_owned(), format!("({outer} = {harm})"), format!("upper({harm})"), format!("CASE WHEN {harm} = 1 THEN {outer} END")] {
            prop_assert!(expression(&text, &columns()).is_err(), "{}", text);
        }
    }

    #[test]
    fn a_select_over_known_tables_passes_and_nothing_else(what in harmless(), condition in harmless()) {
        let sound = format!("SELECT {what} FROM orders WHERE {condition} = 1");
        prop_assert!(statement(&sound, &tables()).is_ok(), "{}", sound);
        for text in [
            format!("{sound}; DROP TABLE orders"),
            format!("{sound} FOR UPDATE"),
            format!("SELECT {what} INTO other FROM orders"),
            format!("SELECT {what} FROM secrets WHERE {condition} = 1"),
            format!("SELECT {what} FROM (SELECT * FROM secrets) s"),
            format!("SELECT {what} FROM orders WHERE a IN (SELECT a FROM secrets)"),
            format!("WITH x AS (DELETE FROM orders RETURNING *) SELECT {what} FROM orders"),
            format!("SELECT {what} FROM orders UNION SELECT password FROM secrets"),
            format!("SELECT {what} FROM generate_series(1, 1000000000)"),
            format!("INSERT INTO orders SELECT {what}"),
            format!("EXPLAIN {sound}"),
        ] {
            prop_assert!(statement(&text, &tables()).is_err(), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|[a-z()'\";,.* =-]{0,60}") {
        let _ = (expression(&text, &columns()), statement(&text, &tables()));
    }
}
