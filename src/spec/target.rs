//! Where data must go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A target: each loaded dataset becomes a table or a folder of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    Parquet(FilesTarget),
    Csv(FilesTarget),
    Jsonl(FilesTarget),
    Sqlite(SqliteTarget),
    Postgres(PostgresTarget),
}

/// How a load meets what is already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The loaded rows become the whole content.
    #[default]
    Replace,
    /// The loaded rows are added, once a run.
    Append,
}

/// A folder: `<path>/<dataset>/part-<load>.<ending>` and a manifest that says which parts count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesTarget {
    /// Relative to the spec's folder.
    pub path: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Of the files: Parquet defaults to `zstd`, text to `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Snappy,
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
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default(mode: &Mode) -> bool {
    *mode == Mode::default()
}

impl Target {
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Parquet(_) | Self::Csv(_) | Self::Jsonl(_) => None,
            Self::Sqlite(sqlite) => sqlite.connection.as_deref(),
            Self::Postgres(postgres) => Some(&postgres.connection),
        }
    }

    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => Some(&files.path),
            Self::Sqlite(sqlite) => sqlite.path.as_deref(),
            Self::Postgres(_) => None,
        }
    }

    pub fn mode(&self) -> Mode {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => files.mode,
            Self::Sqlite(sqlite) => sqlite.mode,
            Self::Postgres(postgres) => postgres.mode,
        }
    }
}
