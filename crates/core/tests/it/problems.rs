//! What people read when a spec is wrong: the kind, the place, the words and the way out.

use super::snapshot;
use proptest::prelude::*;
use std::fmt::Write;
use windvane_core::spec::problem::Problem;
use windvane_core::spec::read::{Options, hash, text};

const SOUND: &str = "pipeline: orders\nsource:\n  csv: {path: data}\ntarget:\n  parquet: {path: lake}\n";

/// Lines below a spec that is right.
const MISTAKES: [&str; 20] = [
    "scheduel: '@daily'",
    "schedule: '61 * * * *'",
    "schedule: '@daily'\ncatchup: true",
    "start_date: 2024-02-30",
    "timezone: Europe/Atlantis",
    "retries: 101",
    "retries: '3'",
    "tags: [a, b, a]",
    "owner: a\nowner: b",
    "drift: evolv",
    "errors: {max_quarantined: 1.5}",
    "sources: {a: {csv: {path: b}}}",
    "steps:\n- filtr: a",
    "steps:\n- {drop: [a], select: [b]}",
    "steps:\n- join:\n  with: b\n  on: c",
    "checks:\n- unique: [a, a]",
    "datasets: {orders: {mode: merg}}",
    "datasets: {orders: {incremental: {column: at, lag: -1}}}",
    "environments: {prod: {pipeline: other}}",
    "quarantine: [1",
];

fn base() -> Options {
    Options { base: "/pipelines".into(), ..Options::default() }
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut page, problem| {
        let Problem { file, line, column, path, kind, message, hint } = problem;
        let hint = hint.as_deref().unwrap_or("-");
        let _ = writeln!(page, "{file}:{line}:{column} {path} [{}]\n  {message}\n  {hint}", kind.as_str());
        page
    })
}

#[test]
fn mistakes_and_the_way_out() {
    let page = MISTAKES.iter().fold(String::new(), |mut page, mistake| {
        let problems = text("orders.windvane.yaml", &format!("{SOUND}{mistake}\n"), &base()).unwrap_err();
        let _ = writeln!(page, "# {}\n{}", mistake.replace('\n', "\n# "), shown(&problems));
        page
    });
    snapshot::check("mistakes.txt", &page);
}

#[test]
fn every_mistake_of_a_document_is_found_in_the_order_of_its_lines() {
    let all: Vec<&str> = ["scheduel: x", "retries: 101", "tags: [a, a]", "drift: evolv"].to_vec();
    let problems = text("a.windvane.yaml", &format!("{SOUND}{}\n", all.join("\n")), &base()).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [6, 7, 8, 9]);
}

#[test]
fn the_order_of_keys_says_nothing() {
    let lines = ["owner: me", "tags: [a, b]", "retries: 2", "datasets: {b: {to: x}, a: {to: y}}"];
    let read = |lines: &[&str]| text("a.windvane.yaml", &format!("{SOUND}{}\n", lines.join("\n")), &base()).unwrap();
    let known = read(&lines);
    let other = read(&["datasets: {a: {to: y}, b: {to: x}}", lines[2], lines[0], lines[1]]);
    assert_eq!((hash(&other), &other), (hash(&known), &known));
    let written = serde_json::to_string(&known).unwrap();
    assert_eq!(text("a.windvane.json", &written, &base()).unwrap(), known);
}

proptest! {
    #[test]
    fn any_document_is_a_spec_or_has_problems_inside_it(
        lines in prop::collection::vec("[a-z]{1,9}: ?[\\[{'\"a-z0-9@*&!|,}\\]-]{0,12}|[- ]{0,4}\\PC{0,9}", 0..8), sound in any::<bool>(),
    ) {
        let document = format!("{}{}", if sound { SOUND } else { "" }, lines.join("\n"));
        if let Err(problems) = text("a.windvane.yaml", &document, &base()) {
            prop_assert!(!problems.is_empty());
            let most = document.lines().count() as u64 + 1;
            for problem in problems {
                prop_assert!((1..=most).contains(&problem.line) && problem.column >= 1, "{:?}", problem);
                prop_assert!(!problem.message.is_empty() && !problem.message.ends_with('.'), "{:?}", problem);
            }
        }
    }
}
