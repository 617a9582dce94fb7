//! Columns that only the whole of a source shows: members of JSON behind the rows that were looked at.
//!
//! A reader that meets a value of one ends with an error, so that it is not lost; then all rows are looked at, and what
//! that finds counts for the rest of the run.

use super::Found;
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

const UNSHOWN: &str = "a member that no look at the source has shown";

/// The names of the columns that a look has shown.
pub type Shown = Arc<BTreeSet<String>>;

pub(super) fn unshown(member: &str) -> Error {
    Error::internal(UNSHOWN).at_path(member)
}

/// Whether an error says that all rows must be looked at.
pub fn told(error: &Error) -> bool {
    error.message() == UNSHOWN
}

/// What was found where all rows were looked at, by source and locator. Clones know together.
#[derive(Debug, Clone, Default)]
pub struct Looked(Arc<Mutex<BTreeMap<(String, String), Found>>>);

impl Looked {
    pub fn found(&self, source: &str, locator: &str) -> Option<Found> {
        let place = (source.to_owned(), locator.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned()
    }

    pub fn keep(&self, source: &str, found: Found) {
        let place = (source.to_owned(), found.locator.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, found);
    }
}
