//! A SQLite file, as a source and as a target.
//!
//! Doors: those of [`Connector`]. `place` finds the file and opens it, `failure` translates SQLite's errors,
//! `table` and `catalog` ask what exists, `value_types` settles from all values what a loosely declared column holds,
//! `value` and `read` make batches of SQLite's loosely typed values, `filter` cuts them into ranges and parts. `target` makes a table ready, `write` fills it, `load` does so once (`ledger`),
//! and `merge` goes by key.
//!
//! Deliberately absent: pools, retries, attached databases, SQL of the user's.
//!
//! Invariants: a source is opened read-only and never created; a value that is not of its column's type makes a rejected
//! row; rows, the ledger row and new columns of a load become visible in one commit; identifiers are always quoted.

mod catalog;
mod compare;
mod failure;
mod filter;
mod indexes;
mod keeps;
mod ledger;
mod load;
mod merge;
mod place;
mod read;
mod statement;
mod table;
mod target;
mod target_state;
mod value;
mod value_types;
mod widen;
mod write;

use async_trait::async_trait;
use std::path::PathBuf;
use windvane_connect::compatibility::Compatibility;
use windvane_connect::connector::Connector;
use windvane_connect::rerun::LedgerLoad;
use windvane_connect::target_state::TargetState;
use windvane_connect::{BatchStream, Context, Found, LoadRequest, Loaded, Part, ReadRequest, Rows};
use windvane_core::error::Result;
use windvane_core::schema::{Schema, declared::Declared};
use windvane_core::spec::{
    kinds::sqlite::{SqliteSource, SqliteTarget},
    target::Mode,
};

#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
    /// Empty: all tables.
    tables: Vec<String>,
    writes: bool,
}

impl Sqlite {
    pub fn open_source(source: &SqliteSource, context: &Context) -> Result<Self> {
        let path = place::find(source.path.as_deref(), source.connection.as_deref(), context)?;
        Ok(Self { path, tables: source.tables.clone(), writes: false })
    }

    pub fn open_target(target: &SqliteTarget, context: &Context) -> Result<Self> {
        let path = place::find(target.path.as_deref(), target.connection.as_deref(), context)?;
        Ok(Self { path, tables: Vec::new(), writes: true })
    }

    /// Says which file the error is about.
    fn name(&self, error: windvane_core::error::Error) -> windvane_core::error::Error {
        if error.place().file.is_some() { error } else { error.in_file(self.path.display().to_string()) }
    }
}

#[async_trait]
impl Connector for Sqlite {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let mut file = place::open(&self.path).await?;
        let found = catalog::datasets(&mut file, &self.path, &self.tables).await.map_err(|error| self.name(error))?;
        place::close(file).await?;
        Ok(found)
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let file = place::open(&self.path).await?;
        read::read(file, request).await.map_err(|error| self.name(error))
    }

    /// By ranges of row numbers.
    async fn split(&self, request: &ReadRequest, parts: usize) -> Result<Vec<Part>> {
        let mut file = place::open(&self.path).await?;
        let table = &request.locator;
        let native = table::columns(&mut file, table).await.map_err(|error| self.name(failure::translate(&error)))?;
        let parts = filter::split(&mut file, table, &native, parts).await.map_err(|error| self.name(error))?;
        place::close(file).await?;
        Ok(parts)
    }

    async fn load(&self, request: LoadRequest, rows: Rows) -> Result<Loaded> {
        let file = place::create(&self.path).await?;
        load::load(file, request, rows).await.map_err(|error| self.name(error))
    }

    async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
        if !self.path.is_file() {
            return Ok(Vec::new());
        }
        let mut file = place::open(&self.path).await?;
        ledger::loads(&mut file, dataset, most).await.map_err(|error| self.name(error))
    }

    async fn test(&self) -> Result<()> {
        if self.writes {
            return place::test_writing(&self.path).await;
        }
        let mut file = place::open(&self.path).await?;
        table::all(&mut file).await.map_err(|error| self.name(error))?;
        place::close(file).await
    }

    async fn compatibility(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        _: Option<&Declared>,
    ) -> Result<Compatibility> {
        self.fits(dataset, schema, mode).await
    }

    async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        self.target_state(dataset).await
    }

    async fn filled(&self, dataset: &str, columns: &[String]) -> Result<Vec<String>> {
        self.with_values(dataset, columns).await
    }
}
