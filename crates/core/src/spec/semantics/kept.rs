//! What a target cannot keep: a history in files, and what a table takes over only where both sides are databases.

use super::Judge;
use crate::spec::tree::{Node, Value};

const DATABASES: [&str; 3] = ["sqlite", "postgres", "mysql"];
const ASKED: [&str; 3] = ["indexes", "counters", LINKS];
const LINKS: &str = "foreign_keys";
/// The only kind of server that makes foreign keys of ours.
const LINKING: &str = "postgres";

const FILES: [&str; 3] = ["parquet", "csv", "jsonl"];

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    histories(judge, root);
    let other = |side: &str| {
        let entry = root.get(side)?.entries().first()?;
        (!DATABASES.contains(&entry.key.as_str())).then(|| entry.key.clone())
    };
    let links = ["source", "target"].into_iter().find_map(|side| {
        let entry = root.get(side)?.entries().first()?;
        (entry.key != LINKING)
            .then(|| format!("foreign keys go from PostgreSQL to PostgreSQL, and the {side} is {}", entry.key))
    });
    let (asked, why): (&'static [&'static str], _) = match (other("source"), other("target"), links) {
        (None, None, None) => return,
        (None, None, Some(links)) => (&[LINKS], links),
        (_, Some(target), _) => (&ASKED, format!("a target of {target} makes no table")),
        (Some(source), None, _) => (&ASKED, format!("a source of {source} declares none")),
    };
    judge.key(root, "keep", |judge, keep| words(judge, keep, asked, &why));
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| {
            judge.key(&dataset.node, "keep", |judge, keep| words(judge, keep, asked, &why));
        });
    });
}

fn histories<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let target = root.get("target").and_then(|target| target.entries().first());
    if target.is_none_or(|target| !FILES.contains(&target.key.as_str())) {
        return;
    }
    let mode = |judge: &mut Judge<'a, '_>, holder: &'a Node| {
        judge.key(holder, "mode", |judge, mode| {
            if mode.text() == Some("history") {
                judge.unsupported(
                    mode.mark,
                    "files do not keep a history".to_owned(),
                    "Load with mode `merge`, or keep the history in a database",
                );
            }
        });
    };
    judge.key(root, "target", |judge, target| judge.every(target, |judge, kind| mode(judge, &kind.node)));
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| mode(judge, &dataset.node));
    });
}

fn words<'a>(judge: &mut Judge<'a, '_>, keep: &'a Node, asked: &[&str], why: &str) {
    for word in asked {
        if let Some(entry) = keep.entry(word)
            && matches!(entry.node.value, Value::Boolean(true))
        {
            judge.unsupported(entry.key_mark, format!("'{word}' means nothing here: {why}"), "Leave it out");
        }
    }
}
