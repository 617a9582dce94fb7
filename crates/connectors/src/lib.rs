//! Where data lives: every kind of source and target behind one door.
//!
//! Doors: [`Connection::open_source`] and [`Connection::open_target`]; what they give is a [`Connector`]. One crate a
//! family of kinds, and one arm of a `match` here.

pub mod guest;
mod home;

pub use windvane_connect::*;
pub use windvane_http as http;

use std::ops::Deref;
use std::sync::Arc;
use windvane_core::error::Result;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;
use windvane_files::Files;
use windvane_sql::mysql::Mysql;
use windvane_sql::postgres::Postgres;
use windvane_sql::sqlite::Sqlite;

/// An open connection to one source or target.
#[derive(Debug, Clone)]
pub struct Connection(Arc<dyn Connector>);

impl Connection {
    pub fn open_source(source: &Source, context: &Context) -> Result<Self> {
        Ok(match source {
            Source::Files(_) | Source::Csv(_) | Source::Jsonl(_) | Source::Parquet(_) => {
                Self::of(Files::open_source(source, context)?)
            }
            Source::Sqlite(source) => Self::of(Sqlite::open_source(source, context)?),
            Source::Postgres(source) => Self::of(Postgres::open_source(source, context)?),
            Source::Mysql(source) => Self::of(Mysql::open_source(source, context)?),
            Source::Http(source) => Self::of(http::Http::open_source(source, context)?),
            Source::Python(source) => Self::of(guest::Guest::open_object(source, context)?),
            Source::Hook(source) => Self::of(guest::Guest::open_hook(source, context)?),
        })
    }

    pub fn open_target(target: &Target, context: &Context) -> Result<Self> {
        let context = &home::of_target(target, context)?;
        Ok(match target {
            Target::Parquet(_) | Target::Csv(_) | Target::Jsonl(_) => Self::of(Files::open_target(target, context)?),
            Target::Sqlite(target) => Self::of(Sqlite::open_target(target, context)?),
            Target::Postgres(target) => Self::of(Postgres::open_target(target, context)?),
            Target::Mysql(target) => Self::of(Mysql::open_target(target, context)?),
            Target::Python(target) => Self::of(guest::Guest::open_target(target, context)?),
        })
    }

    fn of(connector: impl Connector + 'static) -> Self {
        Self(Arc::new(connector))
    }
}

impl Deref for Connection {
    type Target = dyn Connector;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
