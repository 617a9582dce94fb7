//! A shelf in the memory of the process.

use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::spec::load::{Mode, is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOURCE: SourceKind = SourceKind { word: "toy", title: "Toy", ..SourceKind::PLAIN };
pub const TARGET: TargetKind =
    TargetKind { word: "toy", title: "Toy", modes: &[Mode::Replace, Mode::Append], ..TargetKind::PLAIN };

/// Every dataset on a shelf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToySource {
    pub shelf: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToyTarget {
    pub shelf: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
}

impl SourceSettings for ToySource {
    fn connection(&self) -> Option<&str> {
        None
    }

    fn narrow(&mut self, _locator: &str) {}
}

impl TargetSettings for ToyTarget {
    fn connection(&self) -> Option<&str> {
        None
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn adopts(&self) -> bool {
        false
    }
}
