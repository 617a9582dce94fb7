//! Where data is.

pub use super::http::HttpSource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A source of datasets: a folder of files or a schema of tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Files of any kind we read, each by its ending.
    Files(FilesSource),
    /// Delimited text.
    Csv(CsvSource),
    /// One JSON object a line.
    Jsonl(FilesSource),
    Parquet(FilesSource),
    Sqlite(SqliteSource),
    Postgres(PostgresSource),
    /// MySQL and MariaDB.
    Mysql(MysqlSource),
    /// A JSON API.
    Http(HttpSource),
    /// A Python object that gives Arrow (`__arrow_c_stream__`).
    Python(PythonSource),
    /// Any Airflow connection with a `DbApiHook`.
    Hook(HookSource),
}

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

/// Delimited text; what is not given is detected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSource {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Empty: no field is quoted.
    #[schemars(length(max = 1))]
    pub quote: Option<String>,
    /// What stands before a quote, a delimiter or a line end that belongs to the field; `\\` with tabs and without quotes
    /// is how MySQL and PostgreSQL write text. Empty: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1))]
    pub escape: Option<String>,
    /// Lines that begin with it are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1))]
    pub comment: Option<String>,
    /// A WHATWG label such as `utf-8`, `windows-1252`, `utf-16le`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether the first line names the columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Texts that mean null, beside the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nulls: Vec<String>,
    /// The connection of an object store; without one its own environment speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

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

/// Tables or queries of any database that Airflow has a `DbApiHook` for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSource {
    /// The id of an Airflow connection; its own hook opens it.
    pub connection: String,
    /// Tables, as the database calls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Dataset to the query that gives it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
}

impl Source {
    /// The id of the connection it needs.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Files(files) | Self::Jsonl(files) | Self::Parquet(files) => files.connection.as_deref(),
            Self::Csv(csv) => csv.connection.as_deref(),
            Self::Sqlite(sqlite) => sqlite.connection.as_deref(),
            Self::Postgres(postgres) => Some(&postgres.connection),
            Self::Mysql(mysql) => Some(&mysql.connection),
            Self::Http(http) => Some(&http.connection),
            Self::Python(_) => None,
            Self::Hook(hook) => Some(&hook.connection),
        }
    }

    /// The id of the connection whose address the engine itself must know: a hook opens its own.
    pub fn resolved_connection(&self) -> Option<&str> {
        if let Self::Hook(_) = self { None } else { self.connection() }
    }

    /// The local path it reads, as written.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Files(files) | Self::Jsonl(files) | Self::Parquet(files) => Some(&files.path),
            Self::Csv(csv) => Some(&csv.path),
            Self::Sqlite(sqlite) => sqlite.path.as_deref(),
            Self::Postgres(_) | Self::Mysql(_) | Self::Http(_) | Self::Python(_) | Self::Hook(_) => None,
        }
    }
}
