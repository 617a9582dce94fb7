//! What exists: a spec's sources become a catalog of datasets.
//!
//! Deliberately absent: statistics (profile), opinions (agents).
//!
//! Invariants: the catalog is sorted by dataset name; names are unique across the sources of a spec.

use crate::schema::Schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What exists at the sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Catalog {
    pub datasets: Vec<Dataset>,
}

/// One table or file (or set of files read as one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// The name that specs and plans use: the table, the file's stem, with several sources `source.name`.
    pub name: String,
    pub source: String,
    #[serde(flatten)]
    pub found: crate::connectors::Found,
}

impl Catalog {
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

impl Dataset {
    pub fn schema(&self) -> &Schema {
        &self.found.fields
    }
}
