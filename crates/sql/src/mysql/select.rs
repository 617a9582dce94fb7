//! How each wanted column is asked for, and what comes then.

use super::table::{NativeColumn, quote};
use super::wire::Wire;
use windvane_core::schema::DataType;

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
