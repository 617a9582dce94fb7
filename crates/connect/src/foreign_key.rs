//! Foreign keys: those that a source declares, and those that loads make.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::schema::declared::Reference;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub ref_dataset: String,
    pub ref_columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What stands behind, in the server's words: `ON DELETE CASCADE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest: String,
    /// Why no other table can have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
}

impl ForeignKey {
    pub fn new(columns: Vec<String>, ref_dataset: String, ref_columns: Vec<String>) -> Self {
        Self { columns, ref_dataset, ref_columns, name: None, rest: String::new(), bound: None }
    }
}

/// A foreign key that a load of either of its tables makes.
#[derive(Debug, Clone)]
pub struct ManagedForeignKey {
    /// The one that refers.
    pub table: String,
    pub reference: Reference,
    /// What it refers to is loaded by the same pipeline.
    pub awaited: bool,
}
