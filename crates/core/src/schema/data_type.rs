//! What a column is, in one word.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A column's type. Written as one word: `int64`, `decimal(15,2)`, `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// Exact: `precision` digits (1 to 38), `scale` of them behind the point.
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// UTF-8 text.
    Text,
    Binary,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01T00:00:00, of a wall clock that names no zone.
    Timestamp,
    /// Microseconds since 1970-01-01T00:00:00Z.
    TimestampTz,
    /// JSON text.
    Json,
    /// A UUID in its 36-character form.
    Uuid,
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Json => "json",
            Self::Uuid => "uuid",
        })
    }
}

impl DataType {
    /// With its article, for sentences.
    pub fn with_article(self) -> String {
        let name = self.to_string();
        let article = if name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {name}")
    }
}

impl FromStr for DataType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "boolean" => Self::Boolean,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "text" => Self::Text,
            "binary" => Self::Binary,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "json" => Self::Json,
            "uuid" => Self::Uuid,
            other => return decimal(other),
        })
    }
}

fn decimal(text: &str) -> Result<DataType> {
    let wrong = || {
        Error::spec(format!("'{text}' is not a type")).hint(
            "Types are boolean, int16, int32, int64, float32, float64, decimal(p,s), text, binary, date, time, \
             timestamp, timestamptz, json, uuid",
        )
    };
    let inside = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
    let (precision, scale) = inside.split_once(',').ok_or_else(wrong)?;
    let precision: u8 = precision.trim().parse().map_err(|_| wrong())?;
    let scale: i8 = scale.trim().parse().map_err(|_| wrong())?;
    let fits = (1..=38).contains(&precision) && scale >= 0 && u8::try_from(scale).is_ok_and(|scale| scale <= precision);
    if fits { Ok(DataType::Decimal { precision, scale }) } else { Err(wrong()) }
}

impl serde::Serialize for DataType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DataType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| serde::de::Error::custom(error.message()))
    }
}

impl schemars::JsonSchema for DataType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A column's type, such as int64, decimal(15,2) or timestamptz.",
            "pattern": "^(boolean|int16|int32|int64|float32|float64|text|binary|date|time|timestamp|timestamptz|json|uuid|decimal\\([0-9]{1,2}, ?[0-9]{1,2}\\))$"
        })
    }
}
