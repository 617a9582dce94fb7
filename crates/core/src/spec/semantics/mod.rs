//! What a schema cannot say: rules between keys, dates, patterns, paths, secrets, names of other datasets.
//!
//! They look at the tree, not at the typed spec, so that they also find what is wrong in a document that breaks the
//! schema elsewhere. A value of the wrong sort is none of their business: `validate` has reported it.

mod itself;
mod kept;
mod names;
mod places;
mod times;
mod words;
mod work;

pub(super) use places::normal;

use super::locate::{Mark, Problems, Segment, path_of, shorten};
use super::target::Target;
use super::tree::{Entry, Node, Value};
use crate::error::Kind;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder that relative paths mean, and the folders that a path may lie in.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) base: PathBuf,
    pub(super) roots: Vec<PathBuf>,
    /// The folder that a target's relative path means.
    pub(super) home: PathBuf,
    /// Where no target may lie.
    pub(super) read_only: Vec<PathBuf>,
}

pub(super) fn document(root: &Node, ground: &Ground, problems: &mut Problems) {
    let mut judge = Judge { problems, ground, path: Vec::new() };
    places::document(&mut judge, root);
    itself::document(&mut judge, root);
    kept::document(&mut judge, root);
    times::document(&mut judge, root);
    names::document(&mut judge, root);
    words::document(&mut judge, root);
    judge.key(root, "quarantine", |judge, quarantine| {
        let target = root.get("target").and_then(|target| target.entries().first());
        let files = target.filter(|target| Target::called(&target.key).is_none_or(|kind| !kind.tables));
        if let Some((entry, target)) = quarantine.entry("table").zip(files) {
            let message = format!("a target of {} keeps no quarantine table", target.key);
            judge.unsupported(
                entry.key_mark,
                message,
                "Leave it out: quarantined rows are JSON lines in the staging folder, whose paths the receipt names",
            );
        }
    });
    judge.key(root, "errors", |judge, errors| {
        let said = root.get("guard").and_then(|guard| guard.entry("quarantined"));
        if let Some((entry, _)) = errors.entry("max_quarantined").zip(said) {
            let message = "'errors.max_quarantined' and 'guard.quarantined' say the same twice";
            judge.problem_at(entry, message, "Keep 'guard: {quarantined: …}' and delete the older word");
        }
    });
    judge.key(root, "steps", |judge, steps| judge.each(steps, work::step));
    judge.key(root, "checks", |judge, checks| judge.each(checks, work::check));
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| {
            judge.key(&dataset.node, "steps", |judge, steps| judge.each(steps, work::step));
            judge.key(&dataset.node, "checks", |judge, checks| judge.each(checks, work::check));
        });
    });
}

/// Walks the tree and knows where it is.
struct Judge<'a, 'b> {
    problems: &'b mut Problems,
    ground: &'b Ground,
    path: Vec<Segment<'a>>,
}

impl<'a> Judge<'a, '_> {
    /// Goes to the value of a key, if it is there.
    fn key(&mut self, node: &'a Node, key: &'static str, work: impl FnOnce(&mut Self, &'a Node)) {
        if let Some(value) = node.get(key) {
            self.path.push(Segment::Key(key));
            work(self, value);
            self.path.pop();
        }
    }

    /// Goes to each item of a list.
    fn each(&mut self, node: &'a Node, mut work: impl FnMut(&mut Self, &'a Node)) {
        for (index, item) in node.items().iter().enumerate() {
            self.path.push(Segment::Index(index));
            work(self, item);
            self.path.pop();
        }
    }

    /// Goes to each value of a map.
    fn every(&mut self, node: &'a Node, mut work: impl FnMut(&mut Self, &'a Entry)) {
        for entry in node.entries() {
            self.path.push(Segment::Key(&entry.key));
            work(self, entry);
            self.path.pop();
        }
    }

    /// Reports at the place where the walk is.
    fn problem(&mut self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(mark, path_of(&self.path), message, Some(hint.into()));
    }

    /// Reports at a key below the place where the walk is.
    fn problem_at(&mut self, entry: &Entry, message: impl Into<String>, hint: impl Into<String>) {
        let mut path = self.path.clone();
        path.push(Segment::Key(&entry.key));
        self.problems.add(entry.key_mark, path_of(&path), message, Some(hint.into()));
    }

    fn unsupported(&mut self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add_kind(Kind::Unsupported, mark, path_of(&self.path), message, Some(hint.into()));
    }

    /// Exactly one of two keys.
    fn one_of(&mut self, node: &'a Node, [first, second]: [&str; 2]) {
        if !matches!(node.value, Value::Map(_)) {
            return;
        }
        match (node.entry(first), node.entry(second)) {
            (Some(one), Some(other)) => {
                let late = if one.key_mark > other.key_mark { one } else { other };
                let late = if one.key_mark.overlaid && !other.key_mark.overlaid { one } else { late };
                let late = if other.key_mark.overlaid && !one.key_mark.overlaid { other } else { late };
                let message = format!("'{first}' and '{second}' exclude each other");
                self.problem_at(late, message, "Delete one of them");
            }
            (None, None) => {
                let message = format!("one of '{first}' and '{second}' is missing");
                self.problem(node.mark, message, format!("Add '{first}' or '{second}'"));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
    }

    /// Text that is there but says nothing.
    fn not_blank(&mut self, node: &Node) {
        if node.text().is_some_and(|text| text.trim().is_empty()) {
            self.problem(node.mark, "the text is empty", "Write something, or delete it");
        }
    }

    /// A list or map that must not be empty.
    fn not_empty(&mut self, node: &Node, what: &str) {
        let counts = matches!(node.value, Value::List(_) | Value::Map(_));
        if counts && node.items().is_empty() && node.entries().is_empty() {
            self.problem(node.mark, format!("there are no {what} here"), "Add one, or delete the key");
        }
    }

    /// Names (a list, or one text) without blanks and without one that stands twice.
    fn distinct(&mut self, node: &'a Node, what: &str) {
        self.not_blank(node);
        let mut first: BTreeMap<&str, Mark> = BTreeMap::new();
        self.each(node, |judge, item| {
            judge.not_blank(item);
            let Some(text) = item.text() else { return };
            match first.get(text) {
                Some(earlier) => {
                    let message = format!(
                        "{what} '{}' stands here a second time; the first is on line {}, column {}",
                        shorten(text),
                        earlier.line,
                        earlier.column
                    );
                    judge.problem(item.mark, message, "Delete one of them");
                }
                None => {
                    first.insert(text, item.mark);
                }
            }
        });
    }

    /// Values of a list of which none stands twice.
    fn distinct_values(&mut self, node: &'a Node) {
        let mut first: BTreeMap<String, Mark> = BTreeMap::new();
        self.each(node, |judge, item| {
            if first.insert(item.to_json().to_string(), item.mark).is_some() {
                judge.problem(item.mark, "this value stands here a second time", "Delete one of them");
            }
        });
    }
}
