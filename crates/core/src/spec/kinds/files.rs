//! Files of one kind, or of all.

use super::csv::CsvSource;
use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::spec::load::{Compression, Mode, is_default, is_false};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const ANY: SourceKind = SourceKind { word: "files", title: "files", files: true, ..SourceKind::PLAIN };
pub const JSONL: SourceKind = SourceKind { word: "jsonl", title: "JSON lines", files: true, ..SourceKind::PLAIN };
pub const PARQUET: SourceKind = SourceKind { word: "parquet", title: "Parquet", files: true, ..SourceKind::PLAIN };

/// What all folders of files promise.
const FOLDERS: TargetKind =
    TargetKind { files: true, modes: &[Mode::Replace, Mode::Append, Mode::Merge], ..TargetKind::PLAIN };
pub const TO_PARQUET: TargetKind = TargetKind { word: "parquet", title: "Parquet", any_day: true, ..FOLDERS };
pub const TO_CSV: TargetKind = TargetKind { word: "csv", title: "CSV", text: true, ..FOLDERS };
pub const TO_JSONL: TargetKind = TargetKind { word: "jsonl", title: "JSON lines", text: true, ..FOLDERS };

/// Files: a path, a folder or a glob. Each file is a dataset named after its stem.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSource {
    /// Relative to the spec's folder, or `s3://…`, `gs://…`, `az://…`. `*.csv.gz` and `*.zst` are read as they are.
    pub path: String,
    /// All matching files as one dataset of this name, instead of one dataset a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_dataset: Option<String>,
    /// The connection of an object store; without one its own environment speaks (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

/// A folder: `<path>/<dataset>/part-<load>.<ending>` and a manifest that says which parts count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesTarget {
    /// Relative to the spec's folder, or `s3://…`, `gs://…`, `az://…`.
    pub path: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Of the files: Parquet defaults to `zstd`, text to `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// The connection of an object store; without one its own environment speaks (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Columns whose values become folders: `day=2026-11-21/part-….parquet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
}

/// Nothing is said about how text is written.
impl From<&FilesSource> for CsvSource {
    fn from(files: &FilesSource) -> Self {
        Self {
            path: files.path.clone(),
            as_dataset: files.as_dataset.clone(),
            connection: files.connection.clone(),
            ..Self::default()
        }
    }
}

impl SourceSettings for FilesSource {
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

impl TargetSettings for FilesTarget {
    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn path(&self) -> Option<&str> {
        Some(&self.path)
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn adopts(&self) -> bool {
        self.adopt
    }

    fn compression(&self) -> Option<Compression> {
        self.compression
    }

    fn partition_by(&self) -> &[String] {
        &self.partition_by
    }
}
