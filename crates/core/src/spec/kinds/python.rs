//! Objects of Python.

use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::spec::load::{Mode, is_default, is_false};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOURCE: SourceKind = SourceKind { word: "python", title: "Python", ..SourceKind::PLAIN };
pub const TARGET: TargetKind = TargetKind { word: "python", title: "Python", ..TargetKind::PLAIN };

/// A Python object with `__arrow_c_stream__`, or a callable that gives one. Naming it runs its module: only what is
/// importable where the pipeline runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonSource {
    /// `package.module:object`.
    pub object: String,
    /// What its dataset is called; by default the object's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_dataset: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonTarget {
    /// `package.module:callable`.
    pub object: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
}

impl SourceSettings for PythonSource {
    fn connection(&self) -> Option<&str> {
        None
    }

    /// It is one dataset.
    fn narrow(&mut self, _locator: &str) {}
}

impl TargetSettings for PythonTarget {
    fn connection(&self) -> Option<&str> {
        None
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn adopts(&self) -> bool {
        self.adopt
    }
}
