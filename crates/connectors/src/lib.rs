//! Where data lives: every kind of source and target behind one door.
//!
//! Doors: [`Connection::open_source`] and [`Connection::open_target`]; what they give is a [`Connector`]. One crate a
//! family of kinds, and one arm of a `match` here.

mod home;
pub mod python;

pub use windvane_connect::*;

use python::PythonConnector;
use std::ops::Deref;
use std::sync::Arc;
use windvane_connect::connector::Connector;
use windvane_connect::objects::is_address;
use windvane_core::error::Result;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;
use windvane_files::Files;
use windvane_http::Http;
use windvane_sql::mysql::Mysql;
use windvane_sql::postgres::Postgres;
use windvane_sql::sqlite::Sqlite;

/// An open connection to one source or target.
#[derive(Debug, Clone)]
pub struct Connection(Arc<dyn Connector>);

impl Connection {
    pub fn open_source(source: &Source, context: &Context) -> Result<Self> {
        // Whatever kind it is of: a connector that forgot to ask reads nothing outside either.
        if let Some(path) = source.path().filter(|path| !is_address(path)) {
            context.local.resolve_glob(path)?;
        }
        Ok(match source {
            Source::Files(source) => Self::of(Files::open_source(source.into(), None, context)?),
            Source::Csv(source) => Self::of(Files::open_source(source.clone(), Some(FoundKind::Csv), context)?),
            Source::Jsonl(source) => Self::of(Files::open_source(source.into(), Some(FoundKind::Jsonl), context)?),
            Source::Parquet(source) => Self::of(Files::open_source(source.into(), Some(FoundKind::Parquet), context)?),
            Source::Sqlite(source) => Self::of(Sqlite::open_source(source, context)?),
            Source::Postgres(source) => Self::of(Postgres::open_source(source, context)?),
            Source::Mysql(source) => Self::of(Mysql::open_source(source, context)?),
            Source::Http(source) => Self::of(Http::open_source(source, context)?),
            Source::Python(source) => Self::of(PythonConnector::open_object(source, context)?),
            Source::Hook(source) => Self::of(PythonConnector::open_hook(source, context)?),
        })
    }

    pub fn open_target(target: &Target, context: &Context) -> Result<Self> {
        let context = &home::of_target(target, context)?;
        if let Some(path) = target.path().filter(|path| !is_address(path)) {
            context.local.resolve(path)?;
        }
        Ok(match target {
            Target::Parquet(target) => Self::of(Files::open_target(target, FoundKind::Parquet, context)?),
            Target::Csv(target) => Self::of(Files::open_target(target, FoundKind::Csv, context)?),
            Target::Jsonl(target) => Self::of(Files::open_target(target, FoundKind::Jsonl, context)?),
            Target::Sqlite(target) => Self::of(Sqlite::open_target(target, context)?),
            Target::Postgres(target) => Self::of(Postgres::open_target(target, context)?),
            Target::Mysql(target) => Self::of(Mysql::open_target(target, context)?),
            Target::Python(target) => Self::of(PythonConnector::open_target(target, context)?),
        })
    }

    fn of(connector: impl Connector + 'static) -> Self {
        Self(Arc::new(connector))
    }
}

impl Deref for Connection {
    type Target = dyn Connector;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}
