//! What a table can take over only where both sides are databases.

use super::Judge;
use crate::spec::tree::{Node, Value};

const DATABASES: [&str; 3] = ["sqlite", "postgres", "mysql"];
const ASKED: [&str; 2] = ["indexes", "counters"];

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let other = |side: &str| {
        let entry = root.get(side)?.entries().first()?;
        (!DATABASES.contains(&entry.key.as_str())).then(|| entry.key.clone())
    };
    let why = match (other("source"), other("target")) {
        (None, None) => return,
        (_, Some(target)) => format!("a target of {target} makes no table"),
        (Some(source), None) => format!("a source of {source} declares none"),
    };
    judge.key(root, "keep", |judge, keep| words(judge, keep, &why));
    judge.key(root, "datasets", |judge, datasets| {
        judge
            .every(datasets, |judge, dataset| judge.key(&dataset.node, "keep", |judge, keep| words(judge, keep, &why)));
    });
}

fn words<'a>(judge: &mut Judge<'a, '_>, keep: &'a Node, why: &str) {
    for word in ASKED {
        if let Some(entry) = keep.entry(word)
            && matches!(entry.node.value, Value::Boolean(true))
        {
            judge.unsupported(entry.key_mark, format!("'{word}' means nothing here: {why}"), "Leave it out");
        }
    }
}
