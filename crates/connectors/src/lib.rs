//! Where data lives: every kind of source and target behind one door.
//!
//! Doors: [`Connection::open_source`] and [`Connection::open_target`], then `datasets`, `read`, `load`, `loads`,
//! `test` on what they give; `load_pushed` for rows that the target makes itself. One crate a family of kinds.

mod fitting;
mod own_text;
pub mod guest;
mod holds;
mod home;
mod listing;

pub use windvane_connect::*;
pub use windvane_files as files;
pub use windvane_http as http;
pub use windvane_sql::{mysql, postgres, sqlite};

use again::Known;
use windvane_core::error::{Error, Result};
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;

/// An open connection to one source or target.
#[derive(Debug, Clone)]
pub enum Connection {
    Files(files::Files),
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
    Http(http::Http),
    Guest(guest::Guest),
    Mysql(mysql::Mysql),
}

impl Connection {
    pub fn open_source(source: &Source, context: &Context) -> Result<Self> {
        match source {
            Source::Files(_) | Source::Csv(_) | Source::Jsonl(_) | Source::Parquet(_) => {
                files::Files::open_source(source, context).map(Self::Files)
            }
            Source::Sqlite(source) => sqlite::Sqlite::open_source(source, context).map(Self::Sqlite),
            Source::Postgres(source) => postgres::Postgres::open_source(source, context).map(Self::Postgres),
            Source::Http(source) => http::Http::open_source(source, context).map(Self::Http),
            Source::Python(source) => guest::Guest::open_object(source, context).map(Self::Guest),
            Source::Hook(source) => guest::Guest::open_hook(source, context).map(Self::Guest),
            Source::Mysql(source) => mysql::Mysql::open_source(source, context).map(Self::Mysql),
        }
    }

    pub fn open_target(target: &Target, context: &Context) -> Result<Self> {
        let context = &home::of_target(target, context)?;
        match target {
            Target::Parquet(_) | Target::Csv(_) | Target::Jsonl(_) => {
                files::Files::open_target(target, context).map(Self::Files)
            }
            Target::Sqlite(target) => sqlite::Sqlite::open_target(target, context).map(Self::Sqlite),
            Target::Postgres(target) => postgres::Postgres::open_target(target, context).map(Self::Postgres),
            Target::Python(target) => guest::Guest::open_target(target, context).map(Self::Guest),
            Target::Mysql(target) => mysql::Mysql::open_target(target, context).map(Self::Mysql),
        }
    }

    pub async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        match self {
            Self::Files(files) => files.read(request).await,
            Self::Sqlite(sqlite) => sqlite.read(request).await,
            Self::Postgres(postgres) => postgres.read(request).await,
            Self::Http(http) => http.read(request).await,
            Self::Guest(guest) => guest.read(request).await,
            Self::Mysql(mysql) => mysql.read(request).await,
        }
    }

    /// Whether the first part of each text file is ASCII, which reads alike in all encodings.
    pub async fn ascii(&self, locator: &str, kind: FoundKind) -> Result<bool> {
        match self {
            Self::Files(files) => files.ascii(locator, kind).await,
            Self::Sqlite(_) | Self::Postgres(_) | Self::Http(_) | Self::Guest(_) | Self::Mysql(_) => Ok(true),
        }
    }

    /// At most so many parts that together are the dataset, or nothing where it cannot be split.
    pub async fn split(&self, request: &ReadRequest, parts: usize) -> Result<Vec<Part>> {
        match self {
            Self::Files(files) => files.split(request, parts).await,
            Self::Sqlite(sqlite) => sqlite.split(request, parts).await,
            Self::Postgres(postgres) => postgres.split(request, parts).await,
            Self::Http(http) => http.split(request, parts).await,
            Self::Guest(guest) => guest.split(request, parts).await,
            Self::Mysql(mysql) => mysql.split(request, parts).await,
        }
    }

    /// Loads all rows or none, once; returns what was read back from the target before it became visible.
    pub async fn load(&self, request: LoadRequest, rows: Rows) -> Result<Loaded> {
        match self {
            Self::Files(files) => files.load(request, rows).await,
            Self::Sqlite(sqlite) => sqlite.load(request, rows).await,
            Self::Postgres(postgres) => postgres.load(request, rows).await,
            Self::Mysql(mysql) => mysql.load(request, rows).await,
            Self::Guest(guest) => guest.load(request, rows).await,
            Self::Http(_) => Err(Error::internal("an API is no target")),
        }
    }

    /// As `load`, of rows that the target makes itself. In the same way all or nothing, and once.
    pub async fn load_pushed(&self, request: LoadRequest, pushed: pushed::Pushed) -> Result<pushed::PushedLoad> {
        match self {
            Self::Postgres(postgres) => postgres.load_pushed(request, pushed).await,
            Self::Files(_) | Self::Sqlite(_) | Self::Mysql(_) | Self::Http(_) | Self::Guest(_) => {
                Err(Error::unsupported("only a postgres target runs steps as SQL")
                    .hint("Leave `strategy: pushdown` out: the engine runs the steps on the way"))
            }
        }
    }

    /// The loads of a dataset, as the target's own ledger remembers them: the newest ones, the last first.
    pub async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<Known>> {
        match self {
            Self::Files(files) => files.loads(dataset, most).await,
            Self::Sqlite(sqlite) => sqlite.loads(dataset, most).await,
            Self::Postgres(postgres) => postgres.loads(dataset, most).await,
            Self::Mysql(mysql) => mysql.loads(dataset, most).await,
            Self::Guest(_) | Self::Http(_) => Ok(Vec::new()),
        }
    }

    /// Joins the small files of a dataset of a target.
    pub async fn compact(&self, dataset: &str) -> Result<files::Compacted> {
        match self {
            Self::Files(files) => files.compact(dataset).await,
            Self::Sqlite(_) | Self::Postgres(_) | Self::Mysql(_) | Self::Http(_) | Self::Guest(_) => {
                Err(Error::unsupported("only files are compacted").hint("A database looks after its tables itself"))
            }
        }
    }

    /// Whether it can be reached and used; the error says why not.
    pub async fn test(&self) -> Result<()> {
        match self {
            Self::Files(files) => files.test().await,
            Self::Sqlite(sqlite) => sqlite.test().await,
            Self::Postgres(postgres) => postgres.test().await,
            Self::Mysql(mysql) => mysql.test().await,
            Self::Http(http) => http.test().await,
            Self::Guest(guest) => guest.test().await,
        }
    }
}
