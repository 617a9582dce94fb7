//! A SQLite file.

use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::schema::sql::Dialect;
use crate::spec::load::{LoadId, Mode, is_default, is_false, is_off};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOURCE: SourceKind = SourceKind {
    word: "sqlite",
    title: "SQLite",
    words: Some(Dialect::Sqlite),
    one_file: true,
    loose: true,
    ..SourceKind::PLAIN
};

pub const TARGET: TargetKind = TargetKind {
    word: "sqlite",
    title: "SQLite",
    words: Some(Dialect::Sqlite),
    tables: true,
    one_file: true,
    ..TargetKind::PLAIN
};

/// Tables of a SQLite file. Exactly one of `path` and `connection`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteSource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Which tables; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}

/// Exactly one of `path` and `connection`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteTarget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
    /// Of appended tables: every row carries the id of its load.
    #[serde(default, skip_serializing_if = "is_off")]
    pub load_id: LoadId,
}

impl SqliteSource {
    pub(super) fn at(connection: String, tables: Vec<String>) -> Self {
        Self { path: None, connection: Some(connection), tables }
    }

    pub(super) fn file(path: String, tables: Vec<String>) -> Self {
        Self { path: Some(path), connection: None, tables }
    }
}

impl SourceSettings for SqliteSource {
    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    fn narrow(&mut self, locator: &str) {
        self.tables = vec![locator.to_owned()];
    }
}

impl TargetSettings for SqliteTarget {
    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn adopts(&self) -> bool {
        self.adopt
    }

    fn load_id(&self) -> Option<&str> {
        self.load_id.column()
    }
}
