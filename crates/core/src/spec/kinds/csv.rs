//! Delimited text.

use super::source::{SourceKind, SourceSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOURCE: SourceKind = SourceKind { word: "csv", title: "CSV", files: true, ..SourceKind::PLAIN };

/// Delimited text; what is not given is detected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSource {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Empty: no field is quoted.
    #[schemars(length(max = 1))]
    pub quote: Option<String>,
    /// What stands before a quote, a delimiter or a line end that belongs to the field; `\\` with tabs and without quotes
    /// is how MySQL and PostgreSQL write text. Empty: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1))]
    pub escape: Option<String>,
    /// Lines that begin with it are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1))]
    pub comment: Option<String>,
    /// A WHATWG label such as `utf-8`, `windows-1252`, `utf-16le`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether the first line names the columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Texts that mean null, beside the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nulls: Vec<String>,
    /// The connection of an object store; without one its own environment speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

impl SourceSettings for CsvSource {
    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn path(&self) -> Option<&str> {
        Some(&self.path)
    }

    /// A set of files that is read as one dataset must stay a set.
    fn narrow(&mut self, locator: &str) {
        if self.as_dataset.is_none() {
            locator.clone_into(&mut self.path);
        }
    }
}
