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
    /// MySQL and MariaDB.
    Mysql(MysqlTarget),
    /// A Python callable that takes Arrow batches.
    Python(PythonTarget),
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
    /// By key: rows that are there are updated, others are added; `absent` says what happens to those not loaded.
    Merge,
    /// By key: every version of a row is kept, with the times from which and to which it held (slowly changing
    /// dimension, type 2).
    History,
}

/// What a merge does to rows of the target whose key the load does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    #[default]
    Keep,
    /// They are deleted; in a history their last version ends.
    Delete,
}

/// Which of several rows with one key a load by key takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// The earliest one, by the watermark or in the order of reading; the others count as filtered.
    First,
    /// The latest one; the others count as filtered.
    Last,
    /// The first one that was read; the others go to quarantine.
    #[default]
    Quarantine,
    /// None: the run fails and nothing is loaded.
    Fail,
}

/// How a load is proved before it becomes visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// `content` up to a million rows, `rows` above.
    #[default]
    Auto,
    /// Every row is read back from the target and compared by checksum.
    Content,
    /// The target's own count of the rows it took.
    Rows,
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
    /// `true`: rows that are there and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default(mode: &Mode) -> bool {
    *mode == Mode::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Target {
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => files.connection.as_deref(),
            Self::Sqlite(sqlite) => sqlite.connection.as_deref(),
            Self::Postgres(postgres) => Some(&postgres.connection),
            Self::Mysql(mysql) => Some(&mysql.connection),
            Self::Python(_) => None,
        }
    }

    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => Some(&files.path),
            Self::Sqlite(sqlite) => sqlite.path.as_deref(),
            Self::Postgres(_) | Self::Mysql(_) | Self::Python(_) => None,
        }
    }

    pub fn mode(&self) -> Mode {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => files.mode,
            Self::Sqlite(sqlite) => sqlite.mode,
            Self::Postgres(postgres) => postgres.mode,
            Self::Mysql(mysql) => mysql.mode,
            Self::Python(python) => python.mode,
        }
    }

    /// Whether rows that windvane did not load may go.
    pub fn adopts(&self) -> bool {
        match self {
            Self::Parquet(files) | Self::Csv(files) | Self::Jsonl(files) => files.adopt,
            Self::Sqlite(sqlite) => sqlite.adopt,
            Self::Postgres(postgres) => postgres.adopt,
            Self::Mysql(mysql) => mysql.adopt,
            Self::Python(python) => python.adopt,
        }
    }
}
