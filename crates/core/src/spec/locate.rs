//! Where a mistake is, and the list that collects all of them.

use super::path::{Segment, path_of};
use super::problem::Problem;
use crate::error::Kind;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A place in a document: line and column from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: u64,
    pub(super) column: u64,
    /// Whether the value came out of the overlay that is being checked.
    pub(super) overlaid: bool,
}

impl Mark {
    /// From the scanner's line (from 1) and column (from 0).
    pub(super) fn at(line: usize, column: usize) -> Self {
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        Self { line: number(line).max(1), column: number(column).saturating_add(1), overlaid: false }
    }

    /// Right behind a text, whatever its lines end with.
    pub(super) fn behind(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let last = text.rsplit(['\n', '\r']).next().unwrap_or_default();
        Self::at(text.matches(['\n', '\r']).count() + 1, last.chars().count())
    }
}

/// All mistakes found so far; each once.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    found: Vec<Problem>,
    seen: BTreeSet<(Mark, String, String)>,
    environment: Option<String>,
    /// Places of values that could not be read: nothing more is said about them.
    settled: BTreeSet<(u64, u64)>,
}

impl Problems {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
            seen: BTreeSet::new(),
            environment: None,
            settled: BTreeSet::new(),
        }
    }

    /// From now on, what is found concerns the document with this environment's overlay.
    pub(super) fn in_environment(&mut self, name: Option<&str>) {
        self.environment = name.map(str::to_owned);
    }

    /// Nothing more is to be said about the value at this place.
    pub(super) fn settle(&mut self, mark: Mark) {
        self.settled.insert((mark.line, mark.column));
    }

    /// A mistake in the words of the spec.
    pub(super) fn add(&mut self, mark: Mark, path: String, message: impl Into<String>, hint: Option<String>) {
        self.add_kind(Kind::Spec, mark, path, message, hint);
    }

    pub(super) fn add_kind(
        &mut self,
        kind: Kind,
        mark: Mark,
        path: String,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if self.settled.contains(&(mark.line, mark.column)) {
            return;
        }
        let mut message = message.into();
        let key = (Mark { overlaid: false, ..mark }, path.clone(), message.clone());
        if !self.seen.insert(key) {
            return;
        }
        let path = match (&self.environment, mark.overlaid) {
            (Some(environment), true) => {
                let prefix = path_of(&[Segment::Key("environments"), Segment::Key(environment)]);
                let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                format!("{prefix}{dot}{path}")
            }
            (Some(environment), false) => {
                // What is written outside the overlay is right on its own, and wrong together with it.
                let _ = write!(message, " (with the overlay of environment '{environment}')");
                path
            }
            (None, _) => path,
        };
        let Mark { line, column, .. } = mark;
        self.found.push(Problem { file: self.file.clone(), line, column, path, kind, message, hint });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of the document.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.found
            .sort_by(|a, b| (a.line, a.column, &a.path, &a.message).cmp(&(b.line, b.column, &b.path, &b.message)));
        self.found
    }
}
