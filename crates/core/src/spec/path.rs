//! Paths inside a document: `source.postgres.tables[1]`.

use std::fmt::Write as _;

/// One step of a path inside a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Key(String),
    Index(usize),
}

/// The same, borrowed from the document.
#[derive(Debug, Clone, Copy)]
pub enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> From<&'a Part> for Segment<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Key(key) => Self::Key(key),
            Part::Index(index) => Self::Index(*index),
        }
    }
}

impl From<&Self> for Segment<'_> {
    fn from(segment: &Self) -> Self {
        *segment
    }
}

/// The parts of a path that `path_of` wrote.
pub(super) fn parts(path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let Some(inner) = rest.strip_prefix('[') else {
            let word = rest.trim_start_matches('.');
            let end = word.find(['.', '[']).unwrap_or(word.len());
            parts.push(Part::Key(word.get(..end).unwrap_or_default().to_owned()));
            rest = word.get(end..).unwrap_or_default();
            continue;
        };
        // A quoted key may hold anything, brackets too.
        let close = if inner.starts_with('"') { "\"]" } else { "]" };
        let (key, after) = inner.split_once(close).unwrap_or((inner, ""));
        let key = key.trim_start_matches('"');
        parts.push(key.parse().map_or_else(|_| Part::Key(key.to_owned()), Part::Index));
        rest = after;
    }
    parts
}

/// `source.postgres.tables[1]`; a key that is no plain word stands in brackets: `datasets["a.b"]`.
pub fn path_of<'a>(steps: impl IntoIterator<Item: Into<Segment<'a>>>) -> String {
    let mut path = String::new();
    for step in steps {
        let _ = match step.into() {
            Segment::Index(index) => write!(path, "[{index}]"),
            Segment::Key(key) if is_word(key) && path.is_empty() => write!(path, "{key}"),
            Segment::Key(key) if is_word(key) => write!(path, ".{key}"),
            Segment::Key(key) => write!(path, "[{:?}]", shorten(key)),
        };
    }
    path
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.len() <= 60 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A text of the user's, short enough for a message.
pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}
