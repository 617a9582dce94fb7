//! Values that no type of ours holds: zero dates, months and days 0, times outside of the day.

use super::table::{TableName, quote};
use super::{Mysql, connect};
use windvane_connect::unrepresentable::named;
use windvane_core::error::{Kind, Result};
use windvane_core::schema::{DataType, Field, Schema};

impl Mysql {
    pub(super) async fn wordless(&self, locator: &str, columns: &Schema) -> Result<Vec<String>> {
        let mut session = connect::open(&self.access.options).await?;
        let table = TableName::parse(locator, &self.database);
        let each: Vec<String> =
            columns.fields.iter().map(|field| format!("COALESCE(MAX({}), 0)", condition(field))).collect();
        let (before, within) = session.flavour.at_most_a_minute();
        let sql = format!("{before}SELECT{within} CAST(CONCAT({}) AS CHAR) FROM {}", each.join(", "), table.sql());
        let found: Result<Option<(String,)>> = session.one(&sql, &[]).await;
        match found {
            Ok(Some((digits,))) => {
                let says: Vec<bool> = digits.chars().map(|digit| digit != '0').collect();
                Ok(named(columns, Some(&says)))
            }
            Ok(None) => Ok(Vec::new()),
            Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout) => Err(error),
            Err(_) => Ok(named(columns, None)),
        }
    }
}

fn condition(field: &Field) -> String {
    let name = quote(&field.name);
    match field.data_type {
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => {
            format!("{name} IS NOT NULL AND (YEAR({name}) = 0 OR MONTH({name}) = 0 OR DAYOFMONTH({name}) = 0)")
        }
        DataType::Time => format!("{name} < '00:00:00' OR {name} >= '24:00:00'"),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Json
        | DataType::Uuid => "0".to_owned(),
    }
}
