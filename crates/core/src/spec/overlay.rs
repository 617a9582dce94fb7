//! An environment's overlay laid over the document: maps merge, all else replaces, null deletes.

use super::locate::Problems;
use super::node::{Entry, Node, Value};
use super::path::{Segment, path_of, shorten};

/// Keys that an environment cannot change.
const FIXED: [&str; 2] = ["pipeline", "environments"];

/// The document as this environment sees it.
pub(super) fn merged(root: &Node, environment: &str, overlay: &Node, problems: &mut Problems) -> Node {
    let mut overlay = overlay.clone();
    overlaid(&mut overlay);
    let mut allowed = Vec::new();
    for entry in overlay.entries() {
        if FIXED.contains(&entry.key.as_str()) {
            let path = path_of(&[Segment::Key(&entry.key)]);
            let message = format!("key '{}' cannot differ between environments", entry.key);
            problems.add(entry.key_mark, path, message, Some(format!("Delete it from '{}'", shorten(environment))));
        } else {
            allowed.push(entry.clone());
        }
    }
    let mut merged = root.clone();
    if let Value::Map(entries) = &mut merged.value {
        entries.retain(|entry| entry.key != "environments");
        merge_entries(entries, &allowed, Level::Document);
    }
    merged
}

/// What the keys of a map are: tags exclude each other, so another tag replaces instead of standing beside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Document,
    /// Of `sources`: each value is a tagged map.
    Named,
    Tagged,
    Plain,
}

impl Level {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Document, "source" | "target") | (Self::Named, _) => Self::Tagged,
            (Self::Document, "sources") => Self::Named,
            (Self::Document | Self::Tagged | Self::Plain, _) => Self::Plain,
        }
    }
}

fn merge_entries(into: &mut Vec<Entry>, from: &[Entry], level: Level) {
    for entry in from {
        let position = into.iter().position(|known| known.key == entry.key);
        match position.and_then(|position| into.get_mut(position).map(|known| (position, known))) {
            None => into.push(entry.clone()),
            Some((position, _)) if matches!(entry.node.value, Value::Null { written: true }) => {
                into.remove(position);
            }
            Some((_, known)) => merge(known, entry, level.below(&entry.key)),
        }
    }
}

fn merge(known: &mut Entry, entry: &Entry, level: Level) {
    match (&mut known.node.value, &entry.node.value) {
        (Value::Map(into), Value::Map(from)) => {
            let shared = from.iter().any(|entry| into.iter().any(|known| known.key == entry.key));
            if level == Level::Tagged && !shared && !from.is_empty() {
                *known = entry.clone();
            } else {
                merge_entries(into, from, level);
            }
        }
        _ => *known = entry.clone(),
    }
}

fn overlaid(node: &mut Node) {
    node.mark.overlaid = true;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(overlaid),
        Value::Map(entries) => {
            for entry in entries {
                entry.key_mark.overlaid = true;
                overlaid(&mut entry.node);
            }
        }
        Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
    }
}
