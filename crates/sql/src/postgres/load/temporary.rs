//! The temporary tables of a load: its rows as they came, and what became of them.

use super::super::encode::staged_form;
use super::super::failure::translate;
use super::super::statement::execute;
use super::super::table::TableName;
use super::copy::Layout;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::narrow::Narrow;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, Schema, sql::Dialect, sql::native};

/// The rows as they came: their place, and our columns by number, since names may be anything.
pub(super) const STAGED: &str = "pg_temp.windvane_staged";
/// For sorts and hashes of keys, in this transaction only; more where the user gives more.
const MEMORY: &str =
    "SELECT set_config('work_mem', '64MB', true) WHERE pg_size_bytes(current_setting('work_mem')) < 67108864";
const TABLES: &str = "\
CREATE TEMP TABLE windvane_marks (low int8 NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE windvane_did (inserted int8 NOT NULL, updated int8 NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE windvane_refused (at int8 NOT NULL, name text, state text, rule text, said text) ON COMMIT DROP";

/// For the table of staged rows, and for those that say what became of them.
pub(super) async fn prepare(session: &mut PgConnection) -> Result<()> {
    execute(session, MEMORY).await?;
    execute(session, TABLES).await
}

/// The columns of a staging table, by number, since names may be anything.
pub(super) fn columns(schema: &Schema) -> String {
    let column = |(at, field): (usize, &Field)| match field.data_type {
        // Nothing that the server would look into before the row can be told.
        DataType::Json => format!(", c{at} text"),
        other => format!(", c{at} {}", native(other, Dialect::Postgres)),
    };
    schema.fields.iter().enumerate().map(column).collect()
}

/// How rows are written into such a table.
pub(super) fn layout(schema: &Schema, narrow: Narrow) -> Layout {
    let forms = schema.fields.iter().map(|field| staged_form(field.data_type)).collect();
    Layout { schema: schema.clone(), forms, placed: true, narrow, mark: None }
}

/// A table of this session only.
pub(super) async fn temporary(session: &mut PgConnection, table: &str) -> Result<TableName> {
    let schema: String = sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE oid = pg_my_temp_schema()")
        .fetch_one(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(TableName { schema, table: table.to_owned() })
}

/// The number that rows of a query had at their source.
pub(super) async fn source_row(session: &mut PgConnection, at: u64) -> Result<u64> {
    let number: Option<i64> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT number FROM {STAGED} WHERE at = $1")))
        .bind(i64::try_from(at).unwrap_or(i64::MAX))
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(at))
}

/// Takes rows out of the stage, into a table beside when they are still wanted.
pub(super) async fn take_out(session: &mut PgConnection, places: Vec<i64>, keep: bool) -> Result<()> {
    let mut sql = format!("DELETE FROM {STAGED} AS s USING unnest($1) AS gone (at) WHERE s.at = gone.at");
    if keep {
        sql = format!("WITH taken AS ({sql} RETURNING s.*) INSERT INTO pg_temp.windvane_gone SELECT * FROM taken");
    }
    let done = sqlx::query(AssertSqlSafe(sql)).bind(places).execute(session).await;
    done.map(drop).map_err(|error| translate(&error))
}
