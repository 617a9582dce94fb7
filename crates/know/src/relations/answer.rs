//! What holds between datasets, as a document.

use crate::profile::{CandidateKey, ForeignKeyGuess};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What holds between the datasets of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Relations {
    pub datasets: Vec<DatasetKeys>,
    /// Declared ones first, then guesses, the surest first.
    pub foreign_keys: Vec<ForeignKeyGuess>,
    /// Columns whose values all occur in a key, most different values first, at most 1,000.
    pub inclusions: Vec<Inclusion>,
}

/// A dataset, and what may be referred to in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetKeys {
    pub dataset: String,
    /// Absent where no data was read.
    pub rows: Option<u64>,
    /// Whether all rows were read.
    pub exact: bool,
    /// Candidate keys, the likeliest first; by names alone where no data was read.
    pub keys: Vec<CandidateKey>,
}

/// All values of `column` occur in `ref_column`, which is a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inclusion {
    pub dataset: String,
    pub column: String,
    pub ref_dataset: String,
    pub ref_column: String,
    /// How many different values of `column` were compared.
    pub values: u64,
    /// Whether these are all values of all rows of both.
    pub exact: bool,
}
