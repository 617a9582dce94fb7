//! Names of datasets: what can be known about them before anything is discovered.

use super::judge::Judge;
use crate::spec::hint::nearest;
use crate::spec::node::{Entry, Node, Value};
use crate::spec::path::shorten;
use std::collections::{BTreeMap, BTreeSet};

/// The input datasets, as far as the spec itself names them.
struct Known<'a> {
    /// Source name to its datasets; `None`: only discovery can tell.
    sources: BTreeMap<&'a str, Option<BTreeSet<&'a str>>>,
    single: bool,
    /// Keys of `datasets`.
    loaded: BTreeSet<&'a str>,
}

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let known = known(root);
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| {
            if dataset.key.trim().is_empty() {
                judge.problem(dataset.key_mark, "the name of the dataset is empty", "Write its name");
            }
            for key in ["from", "to"] {
                judge.key(&dataset.node, key, Judge::not_blank);
            }
            match dataset.node.get("from").and_then(Node::text) {
                Some(from) => judge.key(&dataset.node, "from", |judge, node| exists(judge, &known, from, node.mark)),
                None => exists(judge, &known, &dataset.key, dataset.key_mark),
            }
        });
        twice(judge, datasets);
    });
    let known = Known { loaded: root.get("datasets").map(keys).unwrap_or_default(), ..known };
    work(judge, &known, root);
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| work(judge, &known, &dataset.node));
    });
}

/// Joins and references of a pipeline or a dataset.
fn work<'a>(judge: &mut Judge<'a, '_>, known: &Known<'a>, node: &'a Node) {
    for (list, tag, key) in [("steps", "join", "with"), ("checks", "references", "dataset")] {
        judge.key(node, list, |judge, items| {
            judge.each(items, |judge, item| {
                judge.key(item, tag, |judge, settings| {
                    judge.key(settings, key, |judge, name| {
                        judge.not_blank(name);
                        if let Some(text) = name.text() {
                            exists(judge, known, text, name.mark);
                        }
                    });
                });
            });
        });
    }
}

fn exists(judge: &mut Judge<'_, '_>, known: &Known<'_>, name: &str, mark: crate::spec::locate::Mark) {
    if name.trim().is_empty() || known.loaded.contains(name) || known.sources.is_empty() {
        return;
    }
    let hint = |candidates: Vec<String>, what: &str| match nearest(name, candidates.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => format!("{what} {}", candidates.join(", ")),
    };
    if known.single {
        let Some(Some(datasets)) = known.sources.values().next() else { return };
        if !datasets.contains(name) {
            let hint = hint(datasets.iter().map(|dataset| (*dataset).to_owned()).collect(), "The source has");
            judge.problem(mark, format!("the source has no dataset '{}'", shorten(name)), hint);
        }
        return;
    }
    let parts = name.split_once('.').and_then(|(source, dataset)| Some((source, dataset, known.sources.get(source)?)));
    match parts {
        Some((_, dataset, Some(datasets))) if !datasets.contains(dataset) => {
            let whole = |(source, datasets): (&&str, &Option<BTreeSet<&str>>)| {
                let names = datasets.iter().flatten().map(|dataset| format!("{source}.{dataset}"));
                names.collect::<Vec<_>>()
            };
            let hint = hint(known.sources.iter().flat_map(whole).collect(), "The sources have");
            judge.problem(mark, format!("no source has a dataset '{}'", shorten(name)), hint);
        }
        Some(_) => {}
        None => {
            let sources: Vec<&str> = known.sources.keys().copied().collect();
            let message = format!("'{}' does not begin with the name of a source", shorten(name));
            let hint = format!(
                "With several sources a dataset is called <source>.<dataset>; sources are {}",
                sources.join(", ")
            );
            judge.problem(mark, message, hint);
        }
    }
}

fn known(root: &Node) -> Known<'_> {
    let mut sources = BTreeMap::new();
    let single = root.get("source");
    if let Some(source) = single {
        sources.insert("source", datasets_of(source));
    }
    for Entry { key, node, .. } in root.get("sources").map(Node::entries).unwrap_or_default() {
        sources.insert(key, datasets_of(node));
    }
    // Both at once is a mistake of its own, and says nothing about names.
    if single.is_some() && sources.len() > 1 {
        sources.clear();
    }
    Known { sources, single: single.is_some(), loaded: BTreeSet::new() }
}

fn datasets_of(source: &Node) -> Option<BTreeSet<&str>> {
    let [tagged] = source.entries() else { return None };
    if let Some(name) = tagged.node.get("as_dataset").and_then(Node::text) {
        return Some(BTreeSet::from([name]));
    }
    let tables = tagged.node.get("tables")?.items();
    if tables.is_empty() {
        return None;
    }
    // A table is known by its own name and by the name with its schema.
    let names = tables.iter().filter_map(Node::text);
    Some(names.flat_map(|table| [Some(table), table.rsplit_once('.').map(|(_, name)| name)]).flatten().collect())
}

fn keys(node: &Node) -> BTreeSet<&str> {
    node.entries().iter().map(|entry| entry.key.as_str()).collect()
}

/// Two loaded datasets must not end in the same place.
fn twice<'a>(judge: &mut Judge<'a, '_>, datasets: &'a Node) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    judge.every(datasets, |judge, dataset| {
        if dataset.node.get("load").is_some_and(|load| matches!(load.value, Value::Boolean(false))) {
            return;
        }
        let to = dataset.node.get("to").and_then(Node::text);
        if let Some(first) = taken.insert(to.unwrap_or(&dataset.key), &dataset.key) {
            let message = format!("this loads to the same place as dataset '{}'", shorten(first));
            let hint = "Give one of them another 'to'";
            match to {
                Some(_) => judge.key(&dataset.node, "to", |judge, to| judge.problem(to.mark, message, hint)),
                None => judge.problem(dataset.key_mark, message, hint),
            }
        }
    });
}
