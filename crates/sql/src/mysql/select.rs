//! One SELECT of a table: how each wanted column is asked for, and what comes then.

use super::failure::translate;
use super::session::Session;
use super::table::{Existing, NativeColumn, TableName, quote, same};
use super::wire::{Wire, put};
use futures::{FutureExt, StreamExt};
use sqlx::mysql::{MySql, MySqlRow};
use sqlx::{AssertSqlSafe, Decode, Row};
use std::future::Future;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_connect::read_back::ReadBack;
use windvane_connect::{Batch, LoadRequest};
use windvane_core::error::Result;
use windvane_core::faults;
use windvane_core::schema::{DataType, Schema};

/// How to ask for one column, and what to do with what comes.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) sql: String,
    pub(super) wire: Wire,
    /// The text must be parsed into the wanted type.
    pub(super) parsed: bool,
}

/// What the server's types have in common on the wire.
enum Family {
    Integer,
    Bit,
    Float,
    Double,
    Decimal,
    Text,
    Json,
    Uuid,
    Binary,
    Shape,
    Date,
    Time,
    Datetime,
    Timestamp,
    Other,
}

fn family(column: &NativeColumn) -> Family {
    if column.marked == Some(DataType::Uuid) {
        return Family::Uuid;
    }
    match column.base.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Family::Integer,
        "bit" => Family::Bit,
        "float" => Family::Float,
        "double" => Family::Double,
        "decimal" => Family::Decimal,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "inet4" | "inet6" => {
            Family::Text
        }
        "json" => Family::Json,
        "uuid" => Family::Uuid,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Family::Binary,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Family::Shape,
        "date" => Family::Date,
        "time" => Family::Time,
        "datetime" => Family::Datetime,
        "timestamp" => Family::Timestamp,
        _ => Family::Other,
    }
}

/// The most direct way from the server's type to the wanted one. Without one, the server gives its text.
pub(super) fn select(wanted: DataType, column: Option<&NativeColumn>) -> Selected {
    let text = |sql: String| Selected { sql, wire: Wire::Text, parsed: wanted != DataType::Text };
    let Some(column) = column else { return text("CAST(NULL AS CHAR)".to_owned()) };
    let name = quote(&column.name);
    let unsigned = column.is_unsigned();
    let wire = match (wanted, family(column)) {
        (DataType::Boolean, Family::Integer) => Wire::Boolean,
        (DataType::Boolean, Family::Bit) => Wire::BitBoolean,
        (DataType::Int16 | DataType::Int32 | DataType::Int64, Family::Integer) => Wire::Integer { unsigned },
        (DataType::Int16 | DataType::Int32 | DataType::Int64, Family::Bit) => Wire::Bit,
        (DataType::Decimal { precision, scale }, Family::Integer) => {
            Wire::IntegerDecimal { unsigned, precision, scale }
        }
        (DataType::Decimal { precision, scale }, Family::Bit) => Wire::BitDecimal { precision, scale },
        (DataType::Decimal { precision, scale }, Family::Decimal) => Wire::Decimal { precision, scale },
        (DataType::Float32 | DataType::Float64, Family::Float | Family::Double) => Wire::Float,
        // Of binaries too, as far as they are UTF-8.
        (DataType::Text, Family::Text | Family::Json | Family::Uuid | Family::Binary)
        | (DataType::Json, Family::Json)
        | (DataType::Uuid, Family::Uuid) => Wire::Text,
        (DataType::Binary, Family::Binary) => Wire::Binary,
        (DataType::Binary, Family::Shape) => {
            return Selected { sql: format!("ST_AsBinary({name})"), wire: Wire::Binary, parsed: false };
        }
        (DataType::Text, Family::Shape) => return text(format!("ST_AsText({name})")),
        (DataType::Date, Family::Date) => Wire::Date,
        (DataType::Time, Family::Time) => Wire::Time,
        (DataType::Timestamp, Family::Datetime) if column.marked.is_none() => Wire::Timestamp,
        (DataType::TimestampTz, Family::Datetime) if column.marked.is_some() => Wire::Timestamp,
        (DataType::TimestampTz, Family::Timestamp) => Wire::Timestamp,
        _ => return text(format!("CAST({name} AS CHAR)")),
    };
    Selected { sql: name, wire, parsed: false }
}

/// One SELECT of a table's columns.
pub(super) struct Select {
    list: String,
    table: String,
    selected: Vec<Selected>,
}

impl Select {
    pub(super) fn new(table: &TableName, existing: &Existing, wanted: &Schema) -> Self {
        let column = |name: &str| {
            let exact = existing.columns.iter().find(|column| column.name == name);
            exact.or_else(|| existing.columns.iter().find(|column| same(&column.name, name)))
        };
        let selected: Vec<Selected> =
            wanted.fields.iter().map(|field| select(field.data_type, column(&field.name))).collect();
        let list: Vec<&str> = selected.iter().map(|column| column.sql.as_str()).collect();
        Self { list: list.join(", "), table: table.sql(), selected }
    }

    /// `rest` follows the table's name: conditions, order and limits, made of our own words only.
    pub(super) fn sql(&self, rest: &str) -> String {
        format!("SELECT {} FROM {}{rest}", self.list, self.table)
    }

    pub(super) fn wires(&self) -> Vec<Wire> {
        self.selected.iter().map(|column| column.wire).collect()
    }

    /// Which columns come as texts that are parsed into their type.
    pub(super) fn parsed(&self) -> Vec<bool> {
        self.selected.iter().map(|column| column.parsed).collect()
    }

    /// Gives every batch to `give`, by the driver.
    pub(super) async fn run<Give, Given>(
        &self,
        session: &mut Session,
        rest: &str,
        wanted: &Schema,
        give: Give,
    ) -> Result<()>
    where
        Give: Fn(Batch) -> Given,
        Given: Future<Output = Result<()>>,
    {
        let mut builder = BatchBuilder::new(wanted, self.parsed());
        let sql = self.sql(rest);
        let Session { link, watch, .. } = session;
        let mut rows = sqlx::query(AssertSqlSafe(sql.as_str())).persistent(false).fetch(link);
        loop {
            // Mostly the next row is here already: no timer then.
            let next = match rows.next().now_or_never() {
                Some(next) => next.transpose().map_err(|error| translate(&error))?,
                None => watch.patient(rows.next().map(Option::transpose)).await?,
            };
            let Some(row) = next else { break };
            self.add(&row, &mut builder)?;
            let full = if builder.end_row() { builder.take()? } else { None };
            if let Some(batch) = full {
                give(batch).await?;
            }
        }
        match builder.take()? {
            Some(batch) => give(batch).await,
            None => Ok(()),
        }
    }

    fn add(&self, row: &MySqlRow, builder: &mut BatchBuilder) -> Result<()> {
        for (column, selected) in self.selected.iter().enumerate() {
            let value = row.try_get_raw(column).map_err(|error| translate(&error))?;
            // Not `is_null`: the driver takes zero dates for nulls.
            match <&[u8] as Decode<MySql>>::decode(value) {
                Ok(bytes) => put(selected.wire, bytes, column, builder)?,
                Err(_) => builder.null(column),
            }
        }
        Ok(())
    }
}

/// Reads rows of our columns back.
pub(super) async fn look(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    condition: &str,
) -> Result<ReadBack> {
    if faults::planted("commits_early") {
        session.execute("COMMIT").await?;
        session.execute("START TRANSACTION").await?;
    }
    let seen = ReadBack::default();
    let look = |batch: Batch| std::future::ready(seen.look(batch));
    Select::new(table, existing, &request.schema).run(session, condition, &request.schema, look).await?;
    Ok(seen)
}
