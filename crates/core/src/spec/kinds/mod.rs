//! The kinds of sources and targets: the one place where all of them are named.
//!
//! A kind is a file here (its words in the spec, what it is called and promises), a line in `Source` or `Target` below, and
//! a line where it is opened (`windvane-connectors`). Whoever asks what a kind can do asks its [`SourceKind`] or
//! [`TargetKind`], and never which one it is.

pub mod csv;
pub mod files;
pub mod hook;
pub mod http;
pub mod mysql;
pub mod postgres;
pub mod python;
pub mod source;
pub mod sqlite;
pub mod target;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source::{SourceKind, SourceSettings};
use std::ops::{Deref, DerefMut};
use target::{TargetKind, TargetSettings};

/// An enum of kinds, each with its settings and its description, and the matches from it to both.
macro_rules! kinds {
    ($(#[$about:meta])* $name:ident: $settings:ident, $kind:ident {
        $($(#[$doc:meta])* $variant:ident($inner:ty) = $described:expr,)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum $name {
            $($(#[$doc])* $variant($inner),)+
        }

        impl $name {
            /// In the order in which the spec's schema names them.
            pub const KINDS: &[&$kind] = &[$(&$described),+];

            /// What its kind is called and promises.
            pub fn kind(&self) -> &'static $kind {
                match self {
                    $(Self::$variant(_) => &$described,)+
                }
            }

            /// The kind of this word.
            pub fn called(word: &str) -> Option<&'static $kind> {
                Self::KINDS.iter().copied().find(|kind| kind.word == word)
            }
        }

        /// Asked of its settings, whatever kind they are of.
        impl Deref for $name {
            type Target = dyn $settings;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$variant(settings) => settings,)+
                }
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$variant(settings) => settings,)+
                }
            }
        }
    };
}

kinds! {
    /// A source of datasets: a folder of files or a schema of tables.
    Source: SourceSettings, SourceKind {
        /// Files of any kind we read, each by its ending.
        Files(files::FilesSource) = files::ANY,
        /// Delimited text.
        Csv(csv::CsvSource) = csv::SOURCE,
        /// One JSON object a line.
        Jsonl(files::FilesSource) = files::JSONL,
        Parquet(files::FilesSource) = files::PARQUET,
        Sqlite(sqlite::SqliteSource) = sqlite::SOURCE,
        Postgres(postgres::PostgresSource) = postgres::SOURCE,
        /// MySQL and MariaDB.
        Mysql(mysql::MysqlSource) = mysql::SOURCE,
        /// A JSON API.
        Http(http::HttpSource) = http::SOURCE,
        /// A Python object that gives Arrow (`__arrow_c_stream__`).
        Python(python::PythonSource) = python::SOURCE,
        /// Any Airflow connection with a `DbApiHook`.
        Hook(hook::HookSource) = hook::SOURCE,
    }
}

kinds! {
    /// A target: each loaded dataset becomes a table or a folder of files.
    Target: TargetSettings, TargetKind {
        Parquet(files::FilesTarget) = files::TO_PARQUET,
        Csv(files::FilesTarget) = files::TO_CSV,
        Jsonl(files::FilesTarget) = files::TO_JSONL,
        Sqlite(sqlite::SqliteTarget) = sqlite::TARGET,
        Postgres(postgres::PostgresTarget) = postgres::TARGET,
        /// MySQL and MariaDB.
        Mysql(mysql::MysqlTarget) = mysql::TARGET,
        /// A Python callable that takes Arrow batches.
        Python(python::PythonTarget) = python::TARGET,
    }
}

impl Source {
    /// The id of the connection whose address the engine itself must know: a hook opens its own.
    pub fn resolved_connection(&self) -> Option<&str> {
        self.connection().filter(|_| !self.kind().opened_elsewhere)
    }

    /// The same source, with one of its datasets.
    #[must_use]
    pub fn narrowed(&self, locator: &str) -> Self {
        let mut narrowed = self.clone();
        narrowed.narrow(locator);
        narrowed
    }
}

/// A source as people write it at a shell.
pub struct Addressed {
    pub schemes: &'static [&'static str],
    pub example: &'static str,
    /// Of the id of a connection and some of its tables; none: all.
    pub source: fn(String, Vec<String>) -> Source,
    /// Where a path leads to one as well.
    pub file: Option<AddressedFile>,
}

/// A file that is a source of its own, known by its content, whatever it is called.
pub struct AddressedFile {
    /// Its first bytes.
    pub begins: &'static [u8],
    /// Of the path and some of its tables; none: all.
    pub source: fn(String, Vec<String>) -> Source,
}

/// What a URL or a path at a shell may lead to; any other path leads to files by their endings.
pub const ADDRESSED: &[Addressed] = &[
    Addressed {
        schemes: &["postgresql", "postgres"],
        example: "postgresql://…",
        source: |id, tables| Source::Postgres(postgres::PostgresSource::at(id, tables)),
        file: None,
    },
    Addressed {
        schemes: &["mysql", "mariadb"],
        example: "mysql://…",
        source: |id, tables| Source::Mysql(mysql::MysqlSource::at(id, tables)),
        file: None,
    },
    Addressed {
        schemes: &["sqlite"],
        example: "sqlite:///…",
        source: |id, tables| Source::Sqlite(sqlite::SqliteSource::at(id, tables)),
        file: Some(AddressedFile {
            begins: b"SQLite format 3\0",
            source: |path, tables| Source::Sqlite(sqlite::SqliteSource::file(path, tables)),
        }),
    },
    Addressed {
        schemes: &["https", "http"],
        example: "https://…",
        source: |id, tables| Source::Http(http::HttpSource::at(id, tables)),
        file: None,
    },
];

#[cfg(test)]
mod tests {
    use super::{Source, Target};
    use serde_json::Value;

    /// The words of an enum's JSON Schema, in its order.
    fn words(schema: &schemars::Schema) -> Vec<String> {
        let variants = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let word = |variant: &Value| Some(variant.get("required")?.get(0)?.as_str()?.to_owned());
        variants.iter().filter_map(word).collect()
    }

    #[test]
    fn every_kind_is_described_under_the_word_that_the_spec_has_for_it() {
        let sources: Vec<&str> = Source::KINDS.iter().map(|kind| kind.word).collect();
        assert_eq!(words(&schemars::schema_for!(Source)), sources);
        let targets: Vec<&str> = Target::KINDS.iter().map(|kind| kind.word).collect();
        assert_eq!(words(&schemars::schema_for!(Target)), targets);
    }
}
