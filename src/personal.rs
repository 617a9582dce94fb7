//! `personal`: what in a text is somebody's business.

use super::{enter, json};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use windvane_know::personal::{Found, asked, find, formed, kinds, tokens};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    text: String,
    /// Only these, however unlikely; without it all that are likely.
    #[serde(default)]
    kinds: Option<Vec<String>>,
}

/// A value from character to character, as Python counts.
#[derive(Serialize)]
struct Value {
    kind: &'static str,
    start: usize,
    end: usize,
    confidence: f64,
}

/// Personal values of a text; the request and the answer are JSON documents.
#[pyfunction]
pub(super) fn personal(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: Request = json::request(request)?;
        let text = request.text.as_str();
        let found = match &request.kinds {
            Some(kinds) => asked(text, &kinds.iter().map(String::as_str).collect::<Vec<_>>()),
            None => find(text),
        };
        json::answer(&in_characters(text, &found))
    })
}

/// Names of all kinds.
#[pyfunction]
pub(super) fn personal_kinds() -> Vec<&'static str> {
    kinds()
}

/// For the training of the model: each word of a text as `(start, end, rows)`, in characters.
#[pyfunction]
pub(super) fn personal_tokens(py: Python<'_>, text: &str) -> PyResult<Vec<(usize, usize, Vec<u32>)>> {
    enter::compute(py, || {
        let mut at = Counted::default();
        let found = tokens(text, &formed(text));
        Ok(found.into_iter().map(|one| (at.of(text, one.start), at.of(text, one.end), one.rows)).collect())
    })
}

fn in_characters(text: &str, found: &[Found]) -> Vec<Value> {
    let mut at = Counted::default();
    let value = |one: &Found| Value {
        kind: one.kind,
        start: at.of(text, one.start),
        end: at.of(text, one.end),
        confidence: one.confidence,
    };
    found.iter().map(value).collect()
}

/// Bytes counted as characters, forward only.
#[derive(Default)]
struct Counted {
    bytes: usize,
    characters: usize,
}

impl Counted {
    fn of(&mut self, text: &str, byte: usize) -> usize {
        self.characters += text.get(self.bytes..byte).map_or(0, |part| part.chars().count());
        self.bytes = byte.max(self.bytes);
        self.characters
    }
}
