//! What outlives a process: plans, runs, the load ledger, decisions, events, the catalog and the breakers, in SQLite on
//! one machine or PostgreSQL for many.
//!
//! Doors: [`Store::open`], then `put_plan`, `put_catalog`, `start_run`, `put_ledger`, `put_decisions`, `put_event` and
//! their readers on it, one file a noun; `breaker` shares a circuit breaker between processes, `pace` a pace.
//!
//! Deliberately absent: the meaning of the documents (rooms below know them), rows of users' data, secrets, a pool: a
//! process holds at most one connection to a store, because Airflow runs very many processes.
//!
//! Invariants: a call is done whole or not at all; migrations are safe under many openers at once; a store of a newer
//! windvane is refused; the file of a store can be read by its owner only; no message holds a password.

pub mod breaker;
pub mod catalog;
mod connection;
pub mod history;
mod leases;
pub mod ledger;
mod migrate;
mod outage;
mod pace;
mod place;
pub mod plans;
pub mod runs;
pub mod windows;

use connection::{Cell, Cells, StoreConnection};
use outage::Outage;
use place::Place;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::retry::{self, Policy};

/// A store; clones share one connection, which is opened when first needed.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    place: Place,
    /// The connection while nobody uses it.
    idle: Mutex<Option<StoreConnection>>,
    /// Of a run's store.
    outage: Option<Outage>,
}

/// The connection while somebody uses it. Dropped without [`Held::done`] (an error, a cancelled call) it closes, which
/// rolls back what was begun.
struct Held<'a> {
    place: &'a Place,
    slot: MutexGuard<'a, Option<StoreConnection>>,
    connection: StoreConnection,
}

/// How often it is tried to take a database file into use: that can collide with others who do the same, and is over in
/// milliseconds.
const ATTEMPTS: u32 = 20;
/// So often such a collision is believed that does not speak of a lock.
const DOUBTED: u32 = 3;

impl Store {
    /// The store at a path, `sqlite:///abs/path.db` or `postgresql://…`: connects and brings its tables up to date.
    #[boxed]
    pub async fn open(url: &str) -> Result<Self> {
        let store = Self::at(url)?;
        store.held().await?.done();
        Ok(store)
    }

    /// The same without connecting yet.
    pub fn at(url: &str) -> Result<Self> {
        Self::with(url, None)
    }

    /// The same for a run, which waits for it a few seconds in all and then goes on without.
    pub fn of_run(url: &str) -> Result<Self> {
        Self::with(url, Some(Outage::new()))
    }

    fn with(url: &str, outage: Option<Outage>) -> Result<Self> {
        Ok(Self { shared: Arc::new(Shared { place: Place::read(url)?, idle: Mutex::new(None), outage }) })
    }

    /// Why this run goes on without it, if it does.
    pub fn given_up(&self) -> Option<&str> {
        self.shared.outage.as_ref().and_then(Outage::why)
    }

    async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.shared.outage {
            Some(outage) => outage.bound(&self.shared.place, work).await,
            None => work.await,
        }
    }

    /// Where it is, without user and password.
    pub fn location(&self) -> String {
        self.shared.place.to_string()
    }

    /// `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        match self.shared.place {
            Place::Sqlite(_) => "sqlite",
            Place::Postgres(_) => "postgres",
        }
    }

    /// The version of its tables.
    #[boxed]
    pub async fn version(&self) -> Result<i64> {
        let mut held = self.held().await?;
        let version = migrate::version(&mut held.connection, held.place).await?;
        held.done();
        Ok(version)
    }

    /// Closes the idle connection; the next call opens another. Must be called before this process forks: SQLite's
    /// locks and a socket cannot be shared with a child.
    #[boxed]
    pub async fn rest(&self) {
        if let Some(connection) = self.shared.idle.lock().await.take() {
            connection.close().await;
        }
    }

    async fn held(&self) -> Result<Held<'_>> {
        let place = &self.shared.place;
        let busy = if self.shared.outage.is_some() { outage::BUSY } else { connection::BUSY };
        let mut slot = self.shared.idle.lock().await;
        if let Some(mut connection) = slot.take()
            && connection.alive(place).await
        {
            return Ok(Held { place, slot, connection });
        }
        let connection = match (linked(place, busy).await, &self.shared.outage) {
            (Err(error), Some(outage)) => return Err(outage.unopened(error)),
            (connection, _) => connection?,
        };
        Ok(Held { place, slot, connection })
    }

    async fn execute(&self, sql: &'static str, cells: Cells) -> Result<u64> {
        self.bounded(async {
            let mut held = self.held().await?;
            let changed = held.connection.execute(held.place, sql, cells).await?;
            held.done();
            Ok(changed)
        })
        .await
    }

    async fn fetch<T>(&self, sql: &'static str, cells: Cells, read: impl Fn(Fields) -> Result<T>) -> Result<Vec<T>> {
        let fetching = async {
            let mut held = self.held().await?;
            let rows = held.connection.fetch(held.place, sql, cells).await?;
            held.done();
            Ok(rows)
        };
        let rows = self.bounded(fetching).await?;
        rows.into_iter().map(|row| read(Fields(row.into_iter()))).collect()
    }

    /// Runs one statement once for each row of cells, all or none, after an optional first statement.
    async fn execute_all(
        &self,
        first: Option<(&'static str, Cells)>,
        sql: &'static str,
        all: Vec<Cells>,
    ) -> Result<()> {
        self.bounded(async {
            let mut held = self.held().await?;
            held.connection.begin(held.place).await?;
            if let Some((sql, cells)) = first {
                held.connection.execute(held.place, sql, cells).await?;
            }
            for cells in all {
                held.connection.execute(held.place, sql, cells).await?;
            }
            held.connection.commit(held.place).await?;
            held.done();
            Ok(())
        })
        .await
    }
}

impl Held<'_> {
    /// Keeps the connection for the next call.
    fn done(mut self) {
        *self.slot = Some(self.connection);
    }
}

async fn linked(place: &Place, busy: Duration) -> Result<StoreConnection> {
    let Place::Sqlite(path) = place else { return opened(place, busy).await };
    // What the file system says stands, and is said at once.
    Place::create(path)?;
    let opening = async |attempt| match opened(place, busy).await {
        Err(error) if error.retry_after_seconds().is_none() && attempt >= DOUBTED => Ok(Err(error)),
        other => other.map(Ok),
    };
    // No longer than a statement waits: the reason is to be heard within what a run waits.
    let policy = Policy { attempts: ATTEMPTS, base: 0.02, max_delay: 1.0, max_elapsed: busy.as_secs_f64() };
    retry::run(&policy, u64::from(std::process::id()), opening).await?
}

async fn opened(place: &Place, busy: Duration) -> Result<StoreConnection> {
    let mut connection = StoreConnection::open(place, busy).await?;
    migrate::migrate(&mut connection, place).await?;
    Ok(connection)
}

/// The cells of one row, taken in the order of the query's columns.
struct Fields(std::vec::IntoIter<Cell>);

impl Fields {
    fn text(&mut self) -> Result<String> {
        self.maybe_text()?.ok_or_else(unexpected)
    }

    fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Cell::Text(text)) => Ok(text),
            Some(Cell::Integer(_)) | None => Err(unexpected()),
        }
    }

    fn integer(&mut self) -> Result<i64> {
        match self.0.next() {
            Some(Cell::Integer(number)) => Ok(number),
            Some(Cell::Text(_)) | None => Err(unexpected()),
        }
    }

    fn document<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        serde_json::from_str(&self.text()?)
            .map_err(|error| Error::new(Kind::Conflict, "a document in the store cannot be read").caused_by(&error))
    }
}

fn unexpected() -> Error {
    Error::internal("a row of the store has other columns than its query")
}
