//! Values that no type of ours holds: infinities, years before 1 and after 9999, 24:00, NaN, longer numbers.

use super::Postgres;
use super::catalog::LOOK;
use super::connect;
use super::failure::translate;
use super::filter;
use super::statement::execute;
use super::table::TableName;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::unrepresentable::named;
use windvane_core::error::{Kind, Result};
use windvane_core::schema::{Schema, sql::quote};

impl Postgres {
    pub(super) async fn wordless(&self, locator: &str, columns: &Schema) -> Result<Vec<String>> {
        let mut session = connect::open(&self.access.options).await?;
        let table = TableName::parse(locator, &self.schema);
        let asked = connect::answered(&self.access.options, ask(&mut session, &table, columns)).await?;
        Ok(named(columns, asked.as_deref()))
    }
}

async fn ask(session: &mut PgConnection, table: &TableName, columns: &Schema) -> Result<Option<Vec<bool>>> {
    let each: Vec<String> = columns
        .fields
        .iter()
        .map(|field| {
            format!("coalesce(bool_or({}), false)", filter::unrepresentable(&quote(&field.name), field.data_type))
        })
        .collect();
    let sql = format!("SELECT ARRAY[{}]::bool[] FROM {}", each.join(", "), table.sql());
    execute(session, LOOK).await?;
    let found: Result<Vec<bool>, _> =
        sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *session).await;
    match found.map_err(|error| translate(&error)) {
        Ok(found) => {
            execute(session, "ROLLBACK").await?;
            Ok(Some(found))
        }
        Err(error) if error.kind() == Kind::Unavailable => Err(error),
        Err(_) => {
            execute(session, "ROLLBACK").await?;
            Ok(None)
        }
    }
}
