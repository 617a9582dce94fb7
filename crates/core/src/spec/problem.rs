//! One mistake in a spec: where, what, and the way out.

use super::path::Part;
use crate::error::{Error, Kind, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A located mistake. Lines and columns count from 1, in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    pub file: String,
    pub line: u64,
    pub column: u64,
    /// The path inside the document, such as `source.postgres.tables[1]`; empty for the document itself.
    pub path: String,
    pub kind: Kind,
    pub message: String,
    pub hint: Option<String>,
}

/// A mistake that a room below found in a document, before anybody knows on which line it stands.
#[derive(Debug, Clone)]
pub struct Finding {
    pub path: Vec<Part>,
    pub error: Error,
}

impl Problem {
    /// An error as a problem of a file: where it says so, else at the file's beginning.
    pub fn of(file: &str, error: &Error) -> Self {
        let place = error.place();
        Self {
            file: place.file.clone().unwrap_or_else(|| file.to_owned()),
            line: place.line.unwrap_or(1),
            column: place.column.unwrap_or(1),
            path: place.path.clone().unwrap_or_default(),
            kind: error.kind(),
            message: error.message().to_owned(),
            hint: error.hint_text().map(str::to_owned),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let place = Place {
            file: Some(problem.file),
            line: Some(problem.line),
            column: Some(problem.column),
            path: (!problem.path.is_empty()).then_some(problem.path),
            ..Place::default()
        };
        let error = Self::new(problem.kind, problem.message).at(place);
        match problem.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
