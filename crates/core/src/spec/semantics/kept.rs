//! What a target cannot keep: a mode that is not its own, and what a table takes over only where both sides are databases.

use super::judge::Judge;
use crate::spec::node::{Node, Value};
use crate::spec::source::Source;
use crate::spec::target::{Mode, Target};

const ASKED: [&str; 3] = ["indexes", "counters", LINKS];
const LINKS: &str = "foreign_keys";

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    modes(judge, root);
    let named = |side: &str| Some(root.get(side)?.entries().first()?.key.as_str());
    let (source, target) = (named("source"), named("target"));
    let (from, to) = (source.and_then(Source::called), target.and_then(Target::called));
    // Of `sources` nothing is said here.
    let no_source = source.filter(|_| from.is_none_or(|kind| kind.words.is_none()));
    let no_target = target.filter(|_| to.is_none_or(|kind| kind.words.is_none()));
    let links = [
        ("source", source, from.is_some_and(|kind| kind.foreign_keys)),
        ("target", target, to.is_some_and(|kind| kind.foreign_keys)),
    ];
    let links = links.into_iter().find_map(|(side, word, links)| {
        let word = word.filter(|_| !links)?;
        Some(format!("foreign keys go from PostgreSQL to PostgreSQL, and the {side} is {word}"))
    });
    let (asked, why): (&'static [&'static str], _) = match (no_source, no_target, links) {
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

/// Modes in which the target does not load.
fn modes<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let target = root.get("target").and_then(|target| target.entries().first());
    let Some(kind) = target.and_then(|target| Target::called(&target.key)) else { return };
    let mode = |judge: &mut Judge<'a, '_>, holder: &'a Node| {
        judge.key(holder, "mode", |judge, mode| {
            let asked = mode.text().and_then(|text| serde_json::from_value::<Mode>(text.into()).ok());
            match asked.filter(|asked| !kind.modes.contains(asked)) {
                None => {}
                Some(Mode::History) if kind.files => judge.unsupported(
                    mode.mark,
                    "files do not keep a history",
                    "Load with mode `merge`, or keep the history in a database",
                ),
                Some(_) => judge.unsupported(
                    mode.mark,
                    format!("a target of {} is not loaded in this mode", kind.word),
                    "Load in another mode, or into another kind of target",
                ),
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
