//! PostgreSQL 12 and later, as a source and as a target.
//!
//! Doors: those of [`Connector`]. `connect` opens sessions, `failure` translates the server's errors, `catalog`
//! asks what exists. `read` asks for rows (`filter` which, `split` in which parts), over `sessions` that decode binary COPY
//! with `rows`; `wire` says how each type comes. `encode` and `load` go the other way round (`load::pushdown` lets the
//! server do the steps); `watchdog` keeps a load from waiting for ever.
//!
//! Deliberately absent: pools (an Airflow task is one operation in one process), retries, SQL of the user's.
//!
//! Invariants: sessions are closed when their future or stream is dropped; a read is one snapshot, over however many
//! sessions; rows, the
//! ledger row and new columns of a load become visible in one commit; identifiers are always quoted; no message holds
//! the connection's password or a row's values.

mod binding;
mod catalog;
mod connect;
mod copy_out;
mod declared;
mod encode;
mod failure;
mod filter;
mod unrepresentable;
#[doc(hidden)]
pub mod fuzzing;
mod indexes;
mod keeps;
mod load;
mod login;
mod moments;
mod numeric;
mod raw;
mod read;
mod read_session;
mod rows;
mod scram;
mod socket;
mod sessions;
mod split;
mod statement;
mod table;
mod target_state;
mod watchdog;
mod wire;

use async_trait::async_trait;
use connect::Access;
use windvane_connect::compatibility::Compatibility;
use windvane_connect::connector::Connector;
use windvane_connect::pushdown::{PushdownLoad, PushdownRequest};
use windvane_connect::rerun::LedgerLoad;
use windvane_connect::target_state::TargetState;
use windvane_connect::{BatchStream, Context, Found, LoadRequest, Loaded, Part, ReadRequest, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, declared::Declared};
use windvane_core::spec::{
    kinds::postgres::{EVERY, PostgresSource, PostgresTarget},
    target::Mode,
};

/// The schema that is meant when none is named.
const DEFAULT_SCHEMA: &str = "public";
/// 12: `DECIMAL` scale functions, generated columns and partition functions as we use them.
const OLDEST_VERSION: i32 = 120_000;

#[derive(Debug, Clone)]
pub struct Postgres {
    access: Access,
    schema: String,
    /// Further schemas in which the connection looks for names.
    path: Vec<String>,
    /// All schemas that may be read are meant.
    every: bool,
    /// Empty: all tables of the schema.
    tables: Vec<String>,
}

impl Postgres {
    pub fn open_source(source: &PostgresSource, context: &Context) -> Result<Self> {
        Self::open(&source.connection, source.schema.as_deref(), source.tables.clone(), context)
    }

    pub fn open_target(target: &PostgresTarget, context: &Context) -> Result<Self> {
        if target.schema.as_deref() == Some(EVERY) {
            return Err(Error::spec("rows go into one schema").at_path("schema").hint("Name the schema of the target"));
        }
        Self::open(&target.connection, target.schema.as_deref(), Vec::new(), context)
    }

    fn open(id: &str, schema: Option<&str>, tables: Vec<String>, context: &Context) -> Result<Self> {
        let access = connect::access(id, context.url(id)?)?;
        let every = schema == Some(EVERY);
        let schema = schema.filter(|_| !every).map(str::to_owned);
        // As the server would look for a name that stands alone.
        let path = if schema.is_none() { access.search_path.clone() } else { Vec::new() };
        let first = path.first().cloned();
        let schema = schema.or(first).unwrap_or_else(|| DEFAULT_SCHEMA.to_owned());
        Ok(Self { access, schema, path, every, tables })
    }

    fn meant(&self) -> catalog::Meant<'_> {
        catalog::Meant { schema: &self.schema, path: &self.path, every: self.every, tables: &self.tables }
    }

    async fn version_fits(&self) -> Result<()> {
        let mut session = connect::open(&self.access.options).await?;
        statement::execute(&mut session, statement::BEGIN).await?;
        let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int4")
            .persistent(false)
            .fetch_one(&mut session)
            .await
            .map_err(|error| failure::translate(&error))?;
        if version < OLDEST_VERSION {
            return Err(Error::unsupported(format!("the server is PostgreSQL {}", version / 10_000))
                .hint("Windvane needs PostgreSQL 12 or later"));
        }
        Ok(())
    }
}

#[async_trait]
impl Connector for Postgres {
    fn place(&self) -> String {
        let (options, schema) = (&self.access.options, &self.schema);
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let socket = options.get_socket().map(|socket| format!("{}:{}", socket.display(), options.get_port()));
        format!("{}/{database}/{schema}", socket.unwrap_or_else(|| connect::server(options)))
    }

    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let mut session = connect::open(&self.access.options).await?;
        connect::answered(&self.access.options, catalog::datasets(&mut session, &self.meant())).await
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        read::read(&self.access, &self.schema, request).await
    }

    async fn split(&self, request: &ReadRequest, parts: usize) -> Result<Vec<Part>> {
        let mut session = connect::open(&self.access.options).await?;
        connect::answered(&self.access.options, split::split(&mut session, &self.schema, request, parts)).await
    }

    async fn load(&self, request: LoadRequest, rows: Rows) -> Result<Loaded> {
        let session = connect::open(&self.access.options).await?;
        let loading = |watchdog: watchdog::Watchdog| {
            let rows = watchdog.over(rows);
            load::load(session, &self.schema, request, rows, watchdog)
        };
        watchdog::watched(&self.access, loading).await
    }

    async fn load_pushed(&self, request: LoadRequest, pushed: PushdownRequest) -> Result<PushdownLoad> {
        let session = connect::open(&self.access.options).await?;
        let loading =
            |watchdog: watchdog::Watchdog| load::pushdown::load(session, &self.schema, request, pushed, watchdog);
        watchdog::watched(&self.access, loading).await
    }

    async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
        let mut session = connect::open(&self.access.options).await?;
        let ledger = table::TableName { schema: self.schema.clone(), table: catalog::LEDGER.to_owned() };
        connect::answered(&self.access.options, load::ledger::loads(&mut session, &ledger, dataset, most)).await
    }

    async fn test(&self) -> Result<()> {
        connect::answered(&self.access.options, self.version_fits()).await
    }

    async fn unrepresentable(&self, locator: &str, columns: &Schema) -> Result<Vec<String>> {
        self.wordless(locator, columns).await
    }

    async fn compatibility(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        kept: Option<&Declared>,
    ) -> Result<Compatibility> {
        self.fits(dataset, schema, mode, kept).await
    }

    async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        self.target_state(dataset).await
    }

    async fn filled(&self, dataset: &str, columns: &[String]) -> Result<Vec<String>> {
        self.with_values(dataset, columns).await
    }
}
