//! To and from the words of databases.

use crate::schema::{DataType, Field, Shape};
use arrow::datatypes as a;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Postgres,
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

/// The column type to declare at a target.
///
/// SQLite gives a column an affinity by words inside its type; `DECIMAL_TEXT`, `JSON_TEXT` and `UUID_TEXT` hold the
/// word TEXT so that SQLite never turns such a value into a floating-point number. MySQL has no type for instants of all
/// years and none for UUIDs everywhere: the connector marks such columns in their comment.
pub fn native(data_type: DataType, dialect: Dialect) -> String {
    let (postgres, sqlite, mysql) = match data_type {
        DataType::Boolean => ("boolean", "BOOLEAN", "tinyint(1)"),
        DataType::Int16 => ("smallint", "INT2", "smallint"),
        DataType::Int32 => ("integer", "INT4", "int"),
        DataType::Int64 => ("bigint", "INTEGER", "bigint"),
        DataType::Float32 => ("real", "FLOAT4", "float"),
        DataType::Float64 => ("double precision", "DOUBLE", "double"),
        DataType::Decimal { precision, scale } => {
            return match dialect {
                Dialect::Postgres => format!("numeric({precision},{scale})"),
                Dialect::Sqlite => format!("DECIMAL_TEXT({precision},{scale})"),
                Dialect::Mysql => format!("decimal({precision},{scale})"),
            };
        }
        DataType::Text => ("text", "TEXT", "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
        DataType::Binary => ("bytea", "BLOB", "longblob"),
        DataType::Date => ("date", "DATE", "date"),
        DataType::Time => ("time", "TIME", "time(6)"),
        DataType::Timestamp => ("timestamp", "TIMESTAMP", "datetime(6)"),
        DataType::TimestampTz => ("timestamptz", "TIMESTAMPTZ", "datetime(6)"),
        DataType::Json => ("jsonb", "JSON_TEXT", "json"),
        DataType::Uuid => ("uuid", "UUID_TEXT", "char(36) CHARACTER SET ascii COLLATE ascii_bin"),
    };
    match dialect {
        Dialect::Postgres => postgres.to_owned(),
        Dialect::Sqlite => sqlite.to_owned(),
        Dialect::Mysql => mysql.to_owned(),
    }
}

/// The column type to declare for a field. PostgreSQL has arrays of whatever it has; other nested columns are JSON.
pub fn declared(field: &Field, dialect: Dialect) -> String {
    let array = match (dialect, field.native()) {
        (Dialect::Postgres, Some(Shape::List(item))) => element(item).map(|item| format!("{item}[]")),
        (Dialect::Postgres | Dialect::Sqlite | Dialect::Mysql, _) => None,
    };
    array.unwrap_or_else(|| native(field.data_type, dialect))
}

/// What PostgreSQL calls the elements of an array, where it holds every value of them exactly.
fn element(item: &Shape) -> Option<String> {
    use a::DataType as A;
    use a::TimeUnit::{Microsecond, Millisecond, Second};
    let data_type = match item {
        Shape::Uuid => DataType::Uuid,
        Shape::List(_) | Shape::Struct(_) | Shape::Map(..) => return None,
        Shape::Plain(plain) => match plain {
            A::Boolean => DataType::Boolean,
            A::Int8 | A::Int16 | A::UInt8 => DataType::Int16,
            A::Int32 | A::UInt16 => DataType::Int32,
            A::Int64 | A::UInt32 => DataType::Int64,
            A::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
            A::Float32 => DataType::Float32,
            A::Float64 => DataType::Float64,
            A::Decimal128(p, s) | A::Decimal256(p, s) if *s >= 0 => return Some(format!("numeric({p},{s})")),
            A::Utf8 => DataType::Text,
            A::Binary => DataType::Binary,
            A::Date32 => DataType::Date,
            A::Time32(_) | A::Time64(Microsecond) => DataType::Time,
            A::Timestamp(Second | Millisecond | Microsecond, None) => DataType::Timestamp,
            A::Timestamp(Second | Millisecond | Microsecond, Some(_)) => DataType::TimestampTz,
            _ => return None,
        },
    };
    Some(native(data_type, Dialect::Postgres))
}

/// The shape of a PostgreSQL array with such elements; nothing where only the server knows what they are.
pub fn array_of(element: &str) -> Option<Shape> {
    let texts = ["text", "character varying", "varchar", "character", "bpchar", "name"];
    let word = element.split('(').next().unwrap_or_default().trim();
    let plain = match from_native(element, Dialect::Postgres) {
        DataType::Text if texts.contains(&word) => a::DataType::Utf8,
        DataType::Text | DataType::Json => return None,
        DataType::Uuid => return Some(Shape::List(Box::new(Shape::Uuid))),
        DataType::TimestampTz => a::DataType::Timestamp(a::TimeUnit::Microsecond, Some("UTC".into())),
        other => crate::schema::arrow::type_to_arrow(other),
    };
    Some(Shape::List(Box::new(Shape::Plain(plain))))
}

/// Whether SQLite makes doubles of all numbers in a column that is declared so (its affinity REAL).
pub fn is_real(declared: &str) -> bool {
    let declared = declared.to_ascii_lowercase();
    ["real", "floa", "doub"].iter().any(|word| declared.contains(word))
}

/// What a declared column type is here. Types without a counterpart are `text` (their text form); PostgreSQL's
/// `numeric` without digits is for the connector to decide by looking at the values.
pub fn from_native(declared: &str, dialect: Dialect) -> DataType {
    let lower = declared.trim().to_ascii_lowercase();
    let (word, digits) = match lower.split_once('(') {
        Some((word, rest)) => (word.trim(), rest.split_once(')').map_or(rest, |(inside, _)| inside)),
        None => (lower.as_str(), ""),
    };
    match dialect {
        Dialect::Postgres => postgres(&lower, word, digits),
        Dialect::Sqlite => sqlite(word, digits),
        Dialect::Mysql => mysql(&lower, word, digits),
    }
}

fn postgres(whole: &str, word: &str, digits: &str) -> DataType {
    if whole.ends_with("[]") {
        return DataType::Text;
    }
    match word {
        "boolean" | "bool" => DataType::Boolean,
        "smallint" | "int2" => DataType::Int16,
        "integer" | "int4" | "int" => DataType::Int32,
        "bigint" | "int8" => DataType::Int64,
        "real" | "float4" => DataType::Float32,
        "double precision" | "float8" => DataType::Float64,
        "numeric" | "decimal" => decimal(digits).unwrap_or(DataType::Text),
        "bytea" => DataType::Binary,
        "date" => DataType::Date,
        // "timestamp(3) with time zone" keeps its zone behind the digits.
        "timestamptz" => DataType::TimestampTz,
        _ if word.starts_with("timestamp") && whole.ends_with("with time zone") => DataType::TimestampTz,
        _ if word.starts_with("timestamp") => DataType::Timestamp,
        "timetz" => DataType::Text,
        _ if word.starts_with("time") && whole.ends_with("with time zone") => DataType::Text,
        _ if word == "time" || word.starts_with("time without") => DataType::Time,
        "json" | "jsonb" => DataType::Json,
        "uuid" => DataType::Uuid,
        _ => DataType::Text,
    }
}

fn sqlite(word: &str, digits: &str) -> DataType {
    match word {
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "float4" => DataType::Float32,
        "decimal_text" | "decimal" | "numeric" | "money" => decimal(digits).unwrap_or(DataType::Float64),
        "json_text" | "json" | "jsonb" => DataType::Json,
        "uuid_text" | "uuid" => DataType::Uuid,
        "boolean" | "bool" => DataType::Boolean,
        "date" => DataType::Date,
        "time" => DataType::Time,
        "datetime" | "timestamp" => DataType::Timestamp,
        "timestamptz" => DataType::TimestampTz,
        _ if word.contains("int") => DataType::Int64,
        _ if word.contains("char") || word.contains("clob") || word.contains("text") => DataType::Text,
        _ if word.contains("blob") || word.contains("binary") => DataType::Binary,
        _ if word.contains("real") || word.contains("floa") || word.contains("doub") => DataType::Float64,
        _ => DataType::Text,
    }
}

/// Display widths say nothing, but for `tinyint(1)`: everybody's boolean.
fn mysql(whole: &str, word: &str, digits: &str) -> DataType {
    let unsigned = whole.contains("unsigned");
    match word.split(' ').next().unwrap_or_default() {
        "tinyint" if digits == "1" && !unsigned => DataType::Boolean,
        "int" | "integer" if unsigned => DataType::Int64,
        "smallint" if unsigned => DataType::Int32,
        "tinyint" | "year" | "smallint" => DataType::Int16,
        "mediumint" | "int" | "integer" => DataType::Int32,
        "bigint" if unsigned => DataType::Decimal { precision: 20, scale: 0 },
        "bigint" => DataType::Int64,
        "bit" => match digits {
            "" | "1" => DataType::Boolean,
            "64" => DataType::Decimal { precision: 20, scale: 0 },
            _ => DataType::Int64,
        },
        "float" => DataType::Float32,
        "double" | "real" => DataType::Float64,
        // Up to 65 digits are allowed there; more than 38 are text here.
        "decimal" | "numeric" => decimal(digits).unwrap_or(DataType::Text),
        "date" => DataType::Date,
        "time" => DataType::Time,
        "datetime" => DataType::Timestamp,
        "timestamp" => DataType::TimestampTz,
        "json" => DataType::Json,
        "uuid" => DataType::Uuid,
        // Shapes go as WKB.
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point"
        | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection"
        | "geomcollection" => DataType::Binary,
        _ => DataType::Text,
    }
}

fn decimal(digits: &str) -> Option<DataType> {
    let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    format!("decimal({precision},{scale})").parse().ok()
}

/// A quoted identifier: safe whatever the name holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
