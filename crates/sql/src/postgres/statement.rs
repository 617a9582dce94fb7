//! Statements of ours without values.

use super::failure::translate;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_core::error::Result;

/// A read sees one snapshot.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A read that is one statement: it sees a snapshot of its own, which is taken when it begins.
pub(super) const BEGIN_ONE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// The one value that a query has.
pub(super) async fn ask(session: &mut PgConnection, sql: &str) -> Result<Option<String>> {
    let value = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(session).await;
    value.map_err(|error| translate(&error))
}

pub(super) async fn execute(session: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map_err(|error| translate(&error))?;
    Ok(())
}
