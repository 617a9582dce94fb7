//! One load, and how an attempt at it ends.

use super::super::catalog::LEDGER;
use super::super::failure::{refuses_a_row, translate};
use super::super::table::TableName;
use super::super::watchdog::Watchdog;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::LoadRequest;
use windvane_core::error::{Error, Result};

/// Other loads of the same dataset may take this long before we give up for now.
pub(super) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '15min'";
/// The columns that a history has behind those of the rows.
pub(super) const VERSION: [(&str, &str); 3] =
    [("valid_from", "timestamptz"), ("valid_to", "timestamptz"), ("is_current", "boolean")];

/// One load, as it was asked for.
pub(super) struct Job {
    pub(super) table: TableName,
    pub(super) ledger: TableName,
    pub(super) request: LoadRequest,
    pub(super) watchdog: Watchdog,
}

impl Job {
    pub(super) fn new(schema: &str, request: LoadRequest, watchdog: Watchdog) -> Self {
        let named = |table: &str| TableName { schema: schema.to_owned(), table: table.to_owned() };
        Self { table: named(&request.dataset), ledger: named(LEDGER), request, watchdog }
    }
}

/// Why an attempt ended.
pub(super) enum Stop {
    /// The server does not take a row.
    Refused(Error),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    pub(super) fn of(error: &sqlx::Error) -> Self {
        let said = translate(error);
        if refuses_a_row(error) { Self::Refused(said) } else { Self::Failed(said) }
    }

    pub(super) fn error(self) -> Error {
        match self {
            Self::Refused(error) | Self::Failed(error) => error,
        }
    }
}

/// A statement that rows may be refused by; how many it touched.
pub(super) async fn run(session: &mut PgConnection, sql: &str) -> Result<u64, Stop> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map_err(|error| Stop::of(&error))?;
    Ok(done.rows_affected())
}
