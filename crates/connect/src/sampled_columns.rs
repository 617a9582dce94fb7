//! Columns that only the whole of a source shows: members of JSON behind the rows that were looked at.
//!
//! A reader that meets a value of one ends with an error, so that it is not lost; then all rows are looked at, and what
//! that finds counts for the rest of the run.

use crate::dataset::Found;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use windvane_core::error::Error;

const UNSAMPLED: &str = "a member that no look at the source has shown";

/// The columns that a look at a source has shown. The files of a dataset may write their names otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledColumns {
    pub names: Arc<BTreeSet<String>>,
    /// Only some rows were looked at, and others may have more: reading ends at the first value of such a column.
    pub sampled: bool,
}

impl SampledColumns {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>, sampled: bool) -> Self {
        Self { names: Arc::new(names.map(str::to_owned).collect()), sampled }
    }

    /// Whether rows of this column would be passed over.
    pub fn lacks(&self, name: &str) -> bool {
        self.sampled && !self.names.contains(name)
    }
}

pub fn unsampled(member: &str) -> Error {
    Error::internal(UNSAMPLED).at_path(member)
}

/// Whether an error says that all rows must be looked at.
pub fn is_unsampled(error: &Error) -> bool {
    error.message() == UNSAMPLED
}

/// What was found where all rows were looked at, by source and locator. Clones know together.
#[derive(Debug, Clone, Default)]
pub struct FullScans(Arc<Mutex<BTreeMap<(String, String), Found>>>);

impl FullScans {
    pub fn found(&self, source: &str, locator: &str) -> Option<Found> {
        let place = (source.to_owned(), locator.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned()
    }

    pub fn keep(&self, source: &str, found: Found) {
        let place = (source.to_owned(), found.locator.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, found);
    }
}
