//! Values that no type of ours holds: infinities, years before 1 and after 9999, 24:00, NaN, longer numbers.

use super::Postgres;
use super::catalog::LOOK;
use super::connect;
use super::failure::translate;
use super::read::execute;
use super::table::TableName;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::beyond::named;
use windvane_core::error::{Kind, Result};
use windvane_core::schema::{DataType, Schema, sql::quote};

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
        .map(|field| format!("coalesce(bool_or({}), false)", condition(&quote(&field.name), field.data_type)))
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

/// Of infinite values too: they are larger, or smaller, than all others.
pub(super) fn condition(name: &str, data_type: DataType) -> String {
    match data_type {
        DataType::Date | DataType::Timestamp => format!("{name} < '0001-01-01' OR {name} >= '10000-01-01'"),
        DataType::TimestampTz => format!("{name} < '0001-01-01 00:00+00' OR {name} >= '10000-01-01 00:00+00'"),
        DataType::Time => format!("{name} = '24:00'"),
        DataType::Decimal { precision, scale } => {
            let whole = i16::from(precision) - i16::from(scale);
            format!("abs({name}) >= 1e{whole}::numeric OR scale({name}) > {scale}")
        }
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Json
        | DataType::Uuid => "false".to_owned(),
    }
}
