//! The one type system: what a column is, whatever the database or file calls it.
//!
//! Doors: `arrow` (to and from Arrow), `sql` (to and from a database's words), `infer` (types of text), `alike` (names), `codes` (digits that are no
//! number), `declared` (what a server says of a table beside its types), `widen` (types that hold what others hold), `diff` (what
//! changed between two schemas), `checksum` (order-independent content of batches), `native` (texts back into nested and wide
//! types, see [`Shape`]).
//!
//! Deliberately absent: I/O, drivers, frames.
//!
//! Invariants: a type prints and parses to itself; exact numerics stay exact; the diff of equal schemas is empty.

pub mod alike;
pub mod arrow;
pub mod checksum;
pub mod codes;
pub mod declared;
pub mod diff;
pub mod epoch;
pub mod exact;
pub mod infer;
pub mod json;
pub mod native;
mod nested;
mod odd;
mod shape;
pub mod sql;
pub mod widen;

pub use shape::Shape;

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
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

/// A column: its name, its type here, and what its home calls that type.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: DataType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_type: Option<String>,
    /// What it is where types are richer: a list, a struct, a map, a duration, a finer timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    pub nullable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Field {
    /// Nothing but nulls, of no type: what writers of Parquet make of Arrow's null type.
    pub fn is_void(&self) -> bool {
        self.native_type.as_deref().is_some_and(|native| native.ends_with(" (Unknown)"))
    }

    /// A nullable column.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, native_type: None, shape: None, nullable: true, comment: None }
    }

    /// The shape that a target may give the column back in: its values are all there, as JSON or text.
    pub fn native(&self) -> Option<&Shape> {
        self.shape.as_ref().filter(|shape| shape.is_held_by(self.data_type))
    }

    /// Whether its home holds values that our type would cut: their rows are refused.
    pub fn is_finer(&self) -> bool {
        self.shape.is_some() && self.native().is_none()
    }
}

/// The columns of a dataset, in order. Names are unique.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Schema {
    pub fields: Vec<Field>,
}

impl Schema {
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// A hash of names, types, shapes and nullability, in order: 16 hex digits. Comments and native words do not count.
    pub fn fingerprint(&self) -> String {
        let shape = |field: &Field| field.native().map_or_else(String::new, |shape| format!("{shape}:"));
        let words: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("{:?}:{}:{}{};", field.name, field.data_type, shape(field), field.nullable))
            .collect();
        digest(words.concat().as_bytes(), 16)
    }
}

/// The first hex digits (at most 64) of the SHA-256 of some bytes: what identifies schemas, specs, plans and loads.
pub fn digest(bytes: &[u8], digits: usize) -> String {
    let mut text = hex(&Sha256::digest(bytes));
    text.truncate(digits);
    text
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
