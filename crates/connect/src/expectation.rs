//! What a load must hold and account for, as whoever gives its rows has counted them.

use crate::rerun::Counts;
use std::sync::{Arc, OnceLock};

/// The content a load must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub rows: u64,
    /// Of `schema::checksum`; nothing when there are too many rows to read them back.
    pub checksum: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ExpectedLoad {
    pub expected: Expected,
    /// What became of the rows on their way to the load.
    pub counts: Option<Counts>,
}

/// Who says what a load must hold.
#[derive(Debug, Clone, Default)]
pub enum Expectation {
    /// Nobody: what comes is what must be found.
    #[default]
    Nobody,
    Known(Box<ExpectedLoad>),
    /// Whoever lets the rows flow, when they have come to their end.
    AtTheEnd(Arc<OnceLock<ExpectedLoad>>),
}

impl Expectation {
    pub fn at_the_end() -> Self {
        Self::AtTheEnd(Arc::default())
    }

    /// What was said so far.
    pub fn given(&self) -> Option<&ExpectedLoad> {
        match self {
            Self::Nobody => None,
            Self::Known(promised) => Some(promised),
            Self::AtTheEnd(promised) => promised.get(),
        }
    }

    pub fn expected(&self) -> Option<&Expected> {
        self.given().map(|promised| &promised.expected)
    }

    /// Says it; the first word stands.
    pub fn say(&self, promised: ExpectedLoad) {
        match self {
            Self::Nobody | Self::Known(_) => {}
            Self::AtTheEnd(said) => drop(said.set(promised)),
        }
    }
}
