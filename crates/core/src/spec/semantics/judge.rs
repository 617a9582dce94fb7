//! Walks the tree, knows where it is and reports there; what several rules ask of a value.

use super::ground::Ground;
use crate::error::Kind;
use crate::spec::locate::{Mark, Problems};
use crate::spec::node::{Entry, Node, Value};
use crate::spec::path::{Segment, path_of, shorten};
use std::collections::BTreeMap;

/// Walks the tree and knows where it is.
pub(super) struct Judge<'a, 'b> {
    pub(super) problems: &'b mut Problems,
    pub(super) ground: &'b Ground,
    pub(super) path: Vec<Segment<'a>>,
}

impl<'a> Judge<'a, '_> {
    /// Goes to the value of a key, if it is there.
    pub(super) fn key(&mut self, node: &'a Node, key: &'static str, work: impl FnOnce(&mut Self, &'a Node)) {
        if let Some(value) = node.get(key) {
            self.path.push(Segment::Key(key));
            work(self, value);
            self.path.pop();
        }
    }

    /// Goes to each item of a list.
    pub(super) fn each(&mut self, node: &'a Node, mut work: impl FnMut(&mut Self, &'a Node)) {
        for (index, item) in node.items().iter().enumerate() {
            self.path.push(Segment::Index(index));
            work(self, item);
            self.path.pop();
        }
    }

    /// Goes to each value of a map.
    pub(super) fn every(&mut self, node: &'a Node, mut work: impl FnMut(&mut Self, &'a Entry)) {
        for entry in node.entries() {
            self.path.push(Segment::Key(&entry.key));
            work(self, entry);
            self.path.pop();
        }
    }

    /// Reports at the place where the walk is.
    pub(super) fn problem(&mut self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(mark, path_of(&self.path), message, Some(hint.into()));
    }

    /// Reports at a key below the place where the walk is.
    pub(super) fn problem_at(&mut self, entry: &Entry, message: impl Into<String>, hint: impl Into<String>) {
        let mut path = self.path.clone();
        path.push(Segment::Key(&entry.key));
        self.problems.add(entry.key_mark, path_of(&path), message, Some(hint.into()));
    }

    pub(super) fn unsupported(&mut self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add_kind(Kind::Unsupported, mark, path_of(&self.path), message, Some(hint.into()));
    }

    /// Exactly one of two keys.
    pub(super) fn one_of(&mut self, node: &'a Node, [first, second]: [&str; 2]) {
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
    pub(super) fn not_blank(&mut self, node: &Node) {
        if node.text().is_some_and(|text| text.trim().is_empty()) {
            self.problem(node.mark, "the text is empty", "Write something, or delete it");
        }
    }

    /// A list or map that must not be empty.
    pub(super) fn not_empty(&mut self, node: &Node, what: &str) {
        let counts = matches!(node.value, Value::List(_) | Value::Map(_));
        if counts && node.items().is_empty() && node.entries().is_empty() {
            self.problem(node.mark, format!("there are no {what} here"), "Add one, or delete the key");
        }
    }

    /// Names (a list, or one text) without blanks and without one that stands twice.
    pub(super) fn distinct(&mut self, node: &'a Node, what: &str) {
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
    pub(super) fn distinct_values(&mut self, node: &'a Node) {
        let mut first: BTreeMap<String, Mark> = BTreeMap::new();
        self.each(node, |judge, item| {
            if first.insert(item.to_json().to_string(), item.mark).is_some() {
                judge.problem(item.mark, "this value stands here a second time", "Delete one of them");
            }
        });
    }
}
