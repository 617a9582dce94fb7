//! One open connection and the few things asked of it, the same for both databases. SQL here is portable: `$1`
//! placeholders, TEXT and BIGINT columns, ON CONFLICT.

use super::place::Place;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Row, TypeInfo, ValueRef};
use std::{future::Future, str::FromStr, time::Duration};
use windvane_core::error::{Error, Kind, Result};

/// How long a statement waits for other writers.
pub(super) const BUSY: Duration = Duration::from_secs(30);
/// How long anything may take: a store that hangs must not hang its caller.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An open connection. Dropping it in the middle of a transaction rolls back.
#[derive(Debug)]
pub(super) enum StoreConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A value that goes in or comes out. Columns that may be null are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Text(Option<String>),
    Integer(i64),
}

pub(super) type Cells = Vec<Cell>;

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

macro_rules! bound {
    ($sql:expr, $cells:expr) => {
        $cells.into_iter().fold(sqlx::query($sql), |query, cell| match cell {
            Cell::Text(text) => query.bind(text),
            Cell::Integer(number) => query.bind(number),
        })
    };
}

macro_rules! unbound {
    ($row:ty, $name:ident) => {
        fn $name(row: &$row) -> Result<Cells, sqlx::Error> {
            let cell = |index| match row.try_get_raw(index)?.type_info().name() {
                "INTEGER" | "INT8" => row.try_get(index).map(Cell::Integer),
                _ => row.try_get(index).map(Cell::Text),
            };
            row.columns().iter().map(|column| cell(column.ordinal())).collect()
        }
    };
}

unbound!(SqliteRow, sqlite_cells);
unbound!(PgRow, postgres_cells);

impl StoreConnection {
    pub(super) async fn open(place: &Place, busy: Duration) -> Result<Self> {
        match place {
            Place::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(false)
                    .busy_timeout(busy)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .disable_statement_logging();
                in_time(place, CONNECT_TIMEOUT + busy, options.connect()).await.map(Self::Sqlite)
            }
            Place::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.as_str())
                    .map_err(|_| Error::spec(format!("the URL of the store {place} cannot be read")))?
                    .application_name("windvane")
                    .disable_statement_logging();
                let mut connection = in_time(place, CONNECT_TIMEOUT, options.connect()).await?;
                let path = sqlx::raw_sql("SET search_path TO windvane").execute(&mut connection);
                in_time(place, CONNECT_TIMEOUT, path).await?;
                Ok(Self::Postgres(connection))
            }
        }
    }

    /// Whether the other end is still there.
    pub(super) async fn alive(&mut self, place: &Place) -> bool {
        match (self, place) {
            // Somebody who deletes the file means to start afresh.
            (Self::Sqlite(_), Place::Sqlite(path)) => path.exists(),
            (Self::Postgres(connection), Place::Postgres(_)) => {
                in_time(place, CONNECT_TIMEOUT, connection.ping()).await.is_ok()
            }
            (Self::Sqlite(_), Place::Postgres(_)) | (Self::Postgres(_), Place::Sqlite(_)) => false,
        }
    }

    pub(super) async fn close(self) {
        let closing = async {
            match self {
                Self::Sqlite(connection) => connection.close().await,
                Self::Postgres(connection) => connection.close().await,
            }
        };
        // A connection that cannot say goodbye is gone as well.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&mut self, place: &Place) -> Result<()> {
        match self {
            // Takes the lock of the one writer now; taking it later can fail at once, without waiting.
            Self::Sqlite(_) => self.script(place, "BEGIN IMMEDIATE".to_owned()).await,
            Self::Postgres(_) => self.script(place, "BEGIN".to_owned()).await,
        }
    }

    pub(super) async fn commit(&mut self, place: &Place) -> Result<()> {
        self.script(place, "COMMIT".to_owned()).await
    }

    /// Runs statements without values: our own migrations, never a user's text.
    pub(super) async fn script(&mut self, place: &Place, sql: String) -> Result<()> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => {
                in_time(place, STATEMENT_TIMEOUT, sqlx::raw_sql(sql).execute(connection)).await.map(drop)
            }
            Self::Postgres(connection) => {
                in_time(place, STATEMENT_TIMEOUT, sqlx::raw_sql(sql).execute(connection)).await.map(drop)
            }
        }
    }

    /// Runs one statement; how many rows it changed.
    pub(super) async fn execute(&mut self, place: &Place, sql: &'static str, cells: Cells) -> Result<u64> {
        match self {
            Self::Sqlite(connection) => in_time(place, STATEMENT_TIMEOUT, bound!(sql, cells).execute(connection))
                .await
                .map(|done| done.rows_affected()),
            Self::Postgres(connection) => in_time(place, STATEMENT_TIMEOUT, bound!(sql, cells).execute(connection))
                .await
                .map(|done| done.rows_affected()),
        }
    }

    /// Runs one query; all its rows.
    pub(super) async fn fetch(&mut self, place: &Place, sql: &'static str, cells: Cells) -> Result<Vec<Cells>> {
        let rows = match self {
            Self::Sqlite(connection) => {
                let rows = in_time(place, STATEMENT_TIMEOUT, bound!(sql, cells).fetch_all(connection)).await?;
                rows.iter().map(sqlite_cells).collect::<Result<_, _>>()
            }
            Self::Postgres(connection) => {
                let rows = in_time(place, STATEMENT_TIMEOUT, bound!(sql, cells).fetch_all(connection)).await?;
                rows.iter().map(postgres_cells).collect::<Result<_, _>>()
            }
        };
        rows.map_err(|error| translated(place, &error))
    }
}

async fn in_time<T>(place: &Place, limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| translated(place, &error)),
        Err(_) => {
            Err(Error::new(Kind::Timeout, format!("the store {place} did not answer within {} s", limit.as_secs()))
                .hint(REACH))
        }
    }
}

const LOCKED: &str = "is locked by another process";
const REACH: &str = "Is it running and reachable from this machine? WINDVANE_STORE names another one";

/// The driver's words in ours.
fn translated(place: &Place, error: &sqlx::Error) -> Error {
    use sqlx::Error as Sql;
    match error {
        Sql::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            let (kind, what, hint) = match place {
                Place::Sqlite(_) => sqlite_words(&code),
                Place::Postgres(_) => postgres_words(&code),
            };
            let error = Error::new(kind, format!("the store {place} {what}")).hint(hint).caused_by(error);
            // Whoever holds the lock may be done with it at any moment; nothing else passes so soon.
            if what == LOCKED { error.retry_after(0.0) } else { error }
        }
        Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::WorkerCrashed | Sql::PoolTimedOut | Sql::PoolClosed => {
            Error::new(Kind::Unavailable, format!("the store {place} does not answer")).hint(REACH).caused_by(error)
        }
        Sql::Configuration(_) => Error::spec(format!("the store {place} cannot be opened so")).caused_by(error),
        // The rest is about rows and columns of statements that are all our own; the driver's list is open.
        _ => Error::internal(format!("the store {place} gave an answer that was not understood")).caused_by(error),
    }
}

fn sqlite_words(code: &str) -> (Kind, &'static str, &'static str) {
    // The lower byte is the primary code, the rest says more.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => (Kind::Unavailable, LOCKED, "Try again; for many writers use PostgreSQL"),
        Ok(3 | 8 | 23) => (Kind::Auth, "may not be written", "Check the owner and mode of the file and its folder"),
        Ok(10 | 13 | 14) => (Kind::Unavailable, "cannot be opened or written", "Is the disk there, and not full?"),
        Ok(11 | 26) => {
            (Kind::Conflict, "is not a SQLite database, or is damaged", "Name another file, or move this one away")
        }
        Ok(_) | Err(_) => (Kind::Internal, "refused a statement", "Please report this with the command you ran"),
    }
}

fn postgres_words(code: &str) -> (Kind, &'static str, &'static str) {
    match (code, code.get(..2).unwrap_or_default()) {
        (_, "28") | ("42501", _) => {
            (Kind::Auth, "refused us", "Check user and password; the user needs CREATE on the database or its schema")
        }
        (_, "22") => (Kind::Spec, "cannot hold a value", "Is there a NUL character in a name?"),
        ("25006", _) => (Kind::Auth, "may not be written", "It is a read-only copy; name the server that takes writes"),
        ("3D000", _) => (Kind::Missing, "does not exist", "Create the database, or correct its name"),
        (_, "08" | "40" | "53" | "57" | "58") => (Kind::Unavailable, "cannot serve us now", REACH),
        _ => (Kind::Internal, "refused a statement", "Please report this with the command you ran"),
    }
}
