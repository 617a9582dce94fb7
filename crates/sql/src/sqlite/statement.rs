//! A statement of ours.

use super::failure::translate;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_core::error::Result;

/// How many rows it touched.
pub(super) async fn execute(file: &mut SqliteConnection, statement: &str) -> Result<u64> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(file).await.map_err(|error| translate(&error))?;
    Ok(done.rows_affected())
}
