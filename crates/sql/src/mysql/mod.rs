//! MySQL 5.7 and later and MariaDB 10.3 and later, as a source and as a target.
//!
//! Doors: those of [`Connector`]. `connect` opens sessions, `session` asks them without ever waiting for ever,
//! `failure` translates the server's errors, `table` and `catalog` ask what exists, `select`, `wire` and `read` turn
//! rows of the binary protocol into batches, `filter` cuts them into ranges and parts. Rows come by a `read_session`: a
//! session of our own (`raw`, `login`, `row`) on plain TCP with a password that needs no key, otherwise by the driver;
//! of a large table by several readers in one `snapshot`. `target` makes a table ready, `write` fills it with `values`,
//! `load` does so once (`ledger`), and `merge` goes by key over a `stage`. `flavour` tells the two servers apart.
//!
//! Deliberately absent: pools (an Airflow task is one operation in one process), retries, SQL of the user's.
//!
//! Types. Exact both ways: integers (`bigint unsigned` and `bit(64)` are decimal(20,0)), decimals up to 38 digits (longer
//! ones are text), floats, texts, binaries, dates, JSON, MariaDB's `uuid`. `bit(1)` is a boolean, and `tinyint(1)` as long as only 0 and 1 are in it; other
//! bits and `year` are integers, `enum`, `set` and `inet` texts, shapes WKB. `timestamp` is an instant, `datetime` is not. A
//! row with a zero date, with a `time` outside the day or with another number than 0 and 1 in a boolean is rejected with
//! that reason. As a target: instants are `datetime(6)` in UTC (MySQL's `timestamp` ends in 2038) and UUIDs `char(36)`,
//! told apart by the comment `windvane:<type>` of the column; NaN and the infinities do not exist there.
//!
//! Invariants: an operation's sessions are closed when its future or stream is dropped; a read is one snapshot in the
//! order of the primary key; rows and the ledger row of a load become visible in one commit, and before it there is at
//! most an empty table or an empty column; identifiers are always quoted; no message holds the connection's password.

mod catalog;
mod connect;
mod failure;
mod flavour;
mod unrepresentable;
#[doc(hidden)]
mod filter;
pub mod fuzzing;
mod indexes;
mod keeps;
mod ledger;
mod load;
mod login;
mod merge;
mod raw;
mod read;
mod read_session;
mod row;
mod select;
mod session;
mod snapshot;
mod socket;
mod stage;
mod table;
mod target;
mod target_state;
mod values;
mod versions;
mod wire;
mod write;

use async_trait::async_trait;
use windvane_connect::compatibility::Compatibility;
use windvane_connect::connector::Connector;
use windvane_connect::rerun::LedgerLoad;
use windvane_connect::target_state::TargetState;
use windvane_connect::{BatchStream, Context, Found, LoadRequest, Loaded, Part, ReadRequest, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, declared::Declared};
use windvane_core::spec::{
    kinds::mysql::{MysqlSource, MysqlTarget},
    target::Mode,
};

#[derive(Debug, Clone)]
pub struct Mysql {
    access: connect::Access,
    /// What MySQL calls a database is a schema elsewhere: every name is written with it.
    database: String,
    /// Empty: all tables of the database.
    tables: Vec<String>,
}

impl Mysql {
    pub fn open_source(source: &MysqlSource, context: &Context) -> Result<Self> {
        Self::open(&source.connection, source.database.as_deref(), source.tables.clone(), context)
    }

    pub fn open_target(target: &MysqlTarget, context: &Context) -> Result<Self> {
        Self::open(&target.connection, target.database.as_deref(), Vec::new(), context)
    }

    fn open(id: &str, database: Option<&str>, tables: Vec<String>, context: &Context) -> Result<Self> {
        let (access, named) = connect::access(id, context.url(id)?)?;
        let database = database.map(str::to_owned).or(named).ok_or_else(|| {
            Error::spec(format!("connection '{id}' names no database"))
                .hint("Write it at the end of the connection's URL, or as `database` in the spec")
        })?;
        Ok(Self { access, database, tables })
    }
}

#[async_trait]
impl Connector for Mysql {
    fn place(&self) -> String {
        let options = &self.access.options;
        let socket = options.get_socket().map(|socket| socket.display().to_string());
        let server = socket.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
        format!("{server}/{}", self.database)
    }

    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let mut session = connect::open(&self.access.options).await?;
        catalog::datasets(&mut session, &self.database, &self.tables).await
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        read::read(&self.access, &self.database, request).await
    }

    /// By ranges of the primary key, each read in a snapshot of its own.
    async fn split(&self, request: &ReadRequest, parts: usize) -> Result<Vec<Part>> {
        let mut session = connect::open(&self.access.options).await?;
        let table = table::TableName::parse(&request.locator, &self.database);
        match table.existing(&mut session).await? {
            Some(existing) => filter::split(&mut session, &table, &existing, parts).await,
            None => Err(catalog::missing(&mut session, &table, &self.database).await),
        }
    }

    async fn load(&self, request: LoadRequest, rows: Rows) -> Result<Loaded> {
        let session = connect::open(&self.access.options).await?;
        load::load(session, &self.database, request, rows).await
    }

    async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
        let mut session = connect::open(&self.access.options).await?;
        let ledger = table::TableName { database: self.database.clone(), table: catalog::LEDGER.to_owned() };
        ledger::loads(&mut session, &ledger, dataset, most).await
    }

    async fn test(&self) -> Result<()> {
        let mut session = connect::open(&self.access.options).await?;
        catalog::check_database(&mut session, &self.database).await
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
