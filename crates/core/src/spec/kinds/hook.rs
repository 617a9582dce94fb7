//! Any database that Airflow has a hook for.

use super::source::{SourceKind, SourceSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SOURCE: SourceKind =
    SourceKind { word: "hook", title: "database", opened_elsewhere: true, ..SourceKind::PLAIN };

/// Tables or queries of any database that Airflow has a `DbApiHook` for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSource {
    /// The id of an Airflow connection; its own hook opens it.
    pub connection: String,
    /// Tables, as the database calls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Dataset to the query that gives it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
}

impl SourceSettings for HookSource {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }

    fn narrow(&mut self, locator: &str) {
        self.tables.retain(|table| table == locator);
        self.queries.retain(|name, _| name == locator);
    }
}
