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

/// The column of an appended table that holds the id of the load that brought a row: `true`, or the column's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadId(Option<String>);

impl LoadId {
    /// What `true` means.
    pub const NAME: &str = "load_id";

    /// The column, where there is one.
    pub fn column(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl Serialize for LoadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.column() {
            None => false.serialize(serializer),
            Some(Self::NAME) => true.serialize(serializer),
            Some(name) => name.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LoadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        match value.as_bool() {
            Some(asked) => Ok(Self(asked.then(|| Self::NAME.to_owned()))),
            None => serde_json::from_value(value).map(|name| Self(Some(name))).map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for LoadId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LoadId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A column of an appended table that holds the id of the load that brought a row: `true` (it is \
                            called `load_id`), or its name. A run that is done again replaces its own rows by it.",
            "anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 1, "maxLength": 63}]
        })
    }
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
    /// Of appended tables: every row carries the id of its load.
    #[serde(default, skip_serializing_if = "is_off")]
    pub load_id: LoadId,
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

fn is_off(load_id: &LoadId) -> bool {
    load_id.column().is_none()
}

impl Target {
    /// The column of appended tables that holds the id of a row's load.
    pub fn load_id(&self) -> Option<&str> {
        match self {
            Self::Sqlite(sqlite) => sqlite.load_id.column(),
            Self::Postgres(postgres) => postgres.load_id.column(),
            Self::Mysql(mysql) => mysql.load_id.column(),
            Self::Parquet(_) | Self::Csv(_) | Self::Jsonl(_) | Self::Python(_) => None,
        }
    }

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
