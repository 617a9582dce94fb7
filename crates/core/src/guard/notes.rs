//! What people should know of a run although it is well: columns that were matched, types that widened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The dataset that is read.
    pub dataset: String,
    pub what: String,
}

/// The notes of this process. Clones note together.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    /// Once, however often it is seen.
    pub fn add(&self, dataset: &str, what: &str) {
        let note = Note { dataset: dataset.to_owned(), what: what.to_owned() };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&note) {
            all.push(note);
        }
    }

    pub fn all(&self) -> Vec<Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
