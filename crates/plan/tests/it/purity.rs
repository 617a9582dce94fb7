//! The same input gives the same bytes, and the bytes say what they are.

use super::given::{bytes, plan};
use proptest::prelude::*;
use windvane_plan::file::{parse, text};
use windvane_plan::plan_id::with_id;

/// Lines of a spec that may stand in any order.
const LINES: [&str; 7] = [
    "pipeline: shop",
    "source: {csv: {path: data}}",
    "target: {parquet: {path: lake}}",
    "owner: me",
    "checks: [{not_null: id}]",
    "guard: {rows: 0.5, quarantined: 0.1}",
    "datasets: {orders: {steps: [{filter: \"status = 'done'\"}, {derive: {net: \"amount / 2\"}}], mode: append}, customers: {mode: replace}}",
];

fn spec(lines: &[&str]) -> String {
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_order_of_keys_is_none_of_the_plans(lines in Just(LINES.to_vec()).prop_shuffle()) {
        prop_assert_eq!(bytes(&spec(&lines)), bytes(&spec(&LINES)));
    }

    /// Whatever is changed in a plan file by hand is seen.
    #[test]
    fn a_changed_byte_is_seen(at in any::<prop::sample::Index>(), letter in "[a-z0-9]") {
        let known = bytes(&spec(&LINES));
        let at = at.index(known.len());
        let mut changed = known.clone().into_bytes();
        changed[at] = letter.as_bytes()[0];
        if let Ok(changed) = String::from_utf8(changed) && let Ok(read) = parse("shop.plan.json", &changed) {
            // White space is no content.
            prop_assert_eq!(text(&read).unwrap(), known);
        }
    }
}

#[test]
fn datasets_in_another_order_are_the_same_plan() {
    let one = "datasets: {orders: {to: a}, customers: {to: b}}";
    let other = "datasets: {customers: {to: b}, orders: {to: a}}";
    assert_eq!(bytes(&spec(&[&LINES[..3], &[one]].concat())), bytes(&spec(&[&LINES[..3], &[other]].concat())));
}

#[test]
fn a_plan_reads_back_to_its_own_bytes() {
    let known = bytes(&spec(&LINES));
    let read = parse("shop.plan.json", &known).unwrap();
    assert_eq!(text(&read).unwrap(), known);
    assert_eq!(with_id(read.clone()).unwrap(), read);
}

#[test]
fn what_only_says_when_and_for_whom_is_no_other_work() {
    let known = plan(&spec(&LINES)).unwrap();
    let other = plan(&spec(&LINES).replace("owner: me", "owner: you\nretries: 3")).unwrap();
    assert_eq!((&other.id, &other.work, &other.spec_hash), (&known.id, &known.work, &known.spec_hash));
    let changed = plan(&spec(&LINES).replace("'done'", "'sent'")).unwrap();
    assert!(changed.id != known.id && changed.work != known.work && changed.spec_hash != known.spec_hash);
}
