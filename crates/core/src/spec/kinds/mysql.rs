//! A MySQL or MariaDB database.

use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::schema::sql::Dialect;
use crate::spec::load::{LoadId, Mode, is_default, is_false, is_off};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOURCE: SourceKind =
    SourceKind { word: "mysql", title: "MySQL", words: Some(Dialect::Mysql), own_text: true, ..SourceKind::PLAIN };

pub const TARGET: TargetKind =
    TargetKind { word: "mysql", title: "MySQL", words: Some(Dialect::Mysql), tables: true, ..TargetKind::PLAIN };

/// Tables of a MySQL or MariaDB database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlSource {
    pub connection: String,
    /// The database (schema); the connection's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Which tables; empty: all of the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlTarget {
    pub connection: String,
    /// The database (schema); the connection's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
    /// Of appended tables: every row carries the id of its load.
    #[serde(default, skip_serializing_if = "is_off")]
    pub load_id: LoadId,
}

impl MysqlSource {
    pub(super) fn at(connection: String, tables: Vec<String>) -> Self {
        Self { connection, database: None, tables }
    }
}

impl SourceSettings for MysqlSource {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }

    fn narrow(&mut self, locator: &str) {
        self.tables = vec![locator.to_owned()];
    }
}

impl TargetSettings for MysqlTarget {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
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
