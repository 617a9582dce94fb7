//! Plans and refusals as people read them: what changes in one is read in the commit.
//! `WINDVANE_SNAPSHOTS=write make rust-test` writes them.

use super::given::{bytes, plan};
use std::path::PathBuf;

const TOP: &str = "pipeline: shop\nsource: {csv: {path: data}}\ntarget: {parquet: {path: lake}}\n";

fn check(name: &str, page: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/it/snapshots", name].iter().collect();
    if std::env::var_os("WINDVANE_SNAPSHOTS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == page, "{name} has changed: WINDVANE_SNAPSHOTS=write make rust-test, and look at the difference");
}

#[test]
fn a_spec_that_asks_for_nothing() {
    check("plain.plan.json", &bytes(TOP));
}

#[test]
fn steps_checks_and_a_join() {
    let work = "\
datasets:
  customers: {load: false}
  orders:
    to: sales
    mode: merge
    key: id
    steps:
    - filter: \"status = 'done'\"
    - join: {with: customers, on: id, take: [country]}
    - derive: {net: \"amount / 2\"}
    checks:
    - unique: id
    - range: {column: amount, min: 0}
";
    check("work.plan.json", &bytes(&format!("{TOP}{work}")));
}

/// Parts of a spec that read well and fit no column.
const MISTAKES: [&str; 10] = [
    "steps: [{filter: \"statsu = 'done'\"}]",
    "steps: [{derive: {net: \"amount +\"}}]",
    "steps: [{derive: {net: \"status * 2\"}}]",
    "steps: [{cast: {status: int64}}, {filter: \"status = 'done'\"}]",
    "steps: [{rename: {id: amount}}]",
    "steps: [{join: {with: clients, on: id}}]",
    "steps: [{drop: [nothing]}]",
    "checks: [{unique: nothing}]",
    "mode: merge",
    "from: nothing",
];

#[test]
fn refusals_say_where_and_the_way_out() {
    let refused = |mistake: &&str| {
        let made = plan(&format!("{TOP}datasets: {{orders: {{{mistake}}}}}\n"));
        format!("# {mistake}\n{}\n", made.map_or_else(|message| message, |plan| format!("accepted: {}", plan.id)))
    };
    check("refusals.txt", &MISTAKES.iter().map(refused).collect::<Vec<_>>().join("\n"));
}
