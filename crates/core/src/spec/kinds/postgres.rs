//! A PostgreSQL database.

use super::source::{SourceKind, SourceSettings};
use super::target::{TargetKind, TargetSettings};
use crate::schema::sql::Dialect;
use crate::spec::load::{LoadId, Mode, is_default, is_false, is_off};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In the place of a schema: all that may be read.
pub const EVERY: &str = "*";

pub const SOURCE: SourceKind = SourceKind {
    word: "postgres",
    title: "PostgreSQL",
    words: Some(Dialect::Postgres),
    foreign_keys: true,
    own_text: true,
    unmeasured: Some("numeric"),
    ..SourceKind::PLAIN
};

pub const TARGET: TargetKind = TargetKind {
    word: "postgres",
    title: "PostgreSQL",
    words: Some(Dialect::Postgres),
    tables: true,
    foreign_keys: true,
    pushdown: true,
    ..TargetKind::PLAIN
};

/// Tables of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// The id of an Airflow connection, or of `AIRFLOW_CONN_<ID>` / `WINDVANE_CONN_<ID>` in the environment.
    pub connection: String,
    /// The schema whose tables are meant; `public` by default. Tables may also be written `schema.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Which tables; empty: all of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTarget {
    pub connection: String,
    /// `public` by default; created when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
    /// Of appended tables: every row carries the id of its load.
    #[serde(default, skip_serializing_if = "is_off")]
    pub load_id: LoadId,
}

impl PostgresSource {
    /// These tables; none: whoever asks what there is at a database means all of it.
    pub(super) fn at(connection: String, tables: Vec<String>) -> Self {
        let schema = tables.is_empty().then(|| EVERY.to_owned());
        Self { connection, schema, tables }
    }
}

impl SourceSettings for PostgresSource {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }

    fn narrow(&mut self, locator: &str) {
        self.tables = vec![locator.to_owned()];
    }
}

impl TargetSettings for PostgresTarget {
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
