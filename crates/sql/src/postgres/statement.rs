//! Statements of ours without values.

use super::failure::translate;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_core::error::Result;

/// A read sees one snapshot.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn execute(session: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map_err(|error| translate(&error))?;
    Ok(())
}
