//! What a column is where its home is richer than our types: `list<int32>`, `struct<a: int64, b: text>`,
//! `map<text, int32>`, `duration(us)`, `decimal(50,3)`, `timestamp(ns)`.
//!
//! Values travel as JSON or text; a target that has such types gets them back as they were.

use super::data_type::DataType;
use crate::error::{Error, Result};
use arrow::datatypes::{self as a, TimeUnit};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A type of Arrow's without parts.
    Plain(a::DataType),
    /// Text in Arrow.
    Uuid,
    List(Box<Shape>),
    Struct(Vec<(String, Shape)>),
    Map(Box<Shape>, Box<Shape>),
}

impl Shape {
    /// Of an Arrow type, in its plainest form: large lists, views and dictionaries hold the same values. Nothing for types that
    /// no target gets back.
    pub(super) fn of(data_type: &a::DataType) -> Option<Self> {
        use a::DataType as A;
        let plain = |data_type: A| Some(Self::Plain(data_type));
        match data_type {
            A::List(item)
            | A::LargeList(item)
            | A::ListView(item)
            | A::LargeListView(item)
            | A::FixedSizeList(item, _) => Some(Self::List(Box::new(Self::of(item.data_type())?))),
            A::Struct(members) => {
                let one = |member: &a::FieldRef| Some((member.name().clone(), Self::of(member.data_type())?));
                let members: Vec<_> = members.iter().map(one).collect::<Option<_>>()?;
                // Of two members with one name JSON keeps one; without any, Parquet has no column.
                let twice =
                    members.iter().enumerate().any(|(at, one)| members.iter().skip(at + 1).any(|two| one.0 == two.0));
                (!twice && !members.is_empty()).then_some(Self::Struct(members))
            }
            A::Map(entries, _) => {
                let A::Struct(both) = entries.data_type() else { return None };
                let [key, value] = both.as_ref() else { return None };
                Some(Self::Map(Box::new(Self::of(key.data_type())?), Box::new(Self::of(value.data_type())?)))
            }
            A::Dictionary(_, value) => Self::of(value),
            A::Utf8 | A::LargeUtf8 | A::Utf8View | A::Null => plain(A::Utf8),
            A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_) => plain(A::Binary),
            A::Float16 => plain(A::Float32),
            A::Decimal32(p, s) | A::Decimal64(p, s) => plain(A::Decimal128(*p, *s)),
            A::Timestamp(unit, Some(_)) => plain(A::Timestamp(*unit, Some("UTC".into()))),
            A::Boolean
            | A::Int8
            | A::Int16
            | A::Int32
            | A::Int64
            | A::UInt8
            | A::UInt16
            | A::UInt32
            | A::UInt64
            | A::Float32
            | A::Float64
            | A::Decimal128(..)
            | A::Decimal256(..)
            | A::Date32
            | A::Time32(_)
            | A::Time64(_)
            | A::Timestamp(_, None)
            | A::Duration(_) => plain(data_type.clone()),
            A::Date64 | A::Interval(_) | A::Union(..) | A::RunEndEncoded(..) => None,
        }
    }

    /// The shape of a column that is more than its type here.
    pub(super) fn beyond(arrow: &a::DataType, ours: DataType) -> Option<Self> {
        let shape = Self::of(arrow)?;
        let finer = matches!(
            shape,
            Self::Plain(a::DataType::Timestamp(TimeUnit::Nanosecond, _) | a::DataType::Time64(TimeUnit::Nanosecond))
        );
        (finer || shape.is_held_by(ours)).then_some(shape)
    }

    /// Whether the values of a column of this type are texts of this shape.
    pub(super) fn is_held_by(&self, ours: DataType) -> bool {
        match self {
            Self::List(_) | Self::Struct(_) | Self::Map(..) => ours == DataType::Json,
            Self::Plain(a::DataType::Duration(_) | a::DataType::Decimal128(..) | a::DataType::Decimal256(..)) => {
                ours == DataType::Text
            }
            Self::Plain(_) | Self::Uuid => false,
        }
    }

    /// The Arrow type, with the names that Parquet's own words give to the parts.
    pub fn arrow(&self) -> a::DataType {
        let field = |name: &str, shape: &Self| a::Field::new(name, shape.arrow(), true);
        match self {
            Self::Plain(data_type) => data_type.clone(),
            Self::Uuid => a::DataType::Utf8,
            Self::List(item) => a::DataType::List(Arc::new(field("element", item))),
            Self::Struct(members) => {
                a::DataType::Struct(members.iter().map(|(name, shape)| field(name, shape)).collect())
            }
            Self::Map(key, value) => {
                let both = vec![field("key", key).with_nullable(false), field("value", value)];
                a::DataType::Map(Arc::new(a::Field::new("key_value", a::DataType::Struct(both.into()), false)), false)
            }
        }
    }
}

fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use a::DataType as A;
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Struct(members) => {
                f.write_str("struct<")?;
                for (at, (name, shape)) in members.iter().enumerate() {
                    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
                    let comma = if at > 0 { ", " } else { "" };
                    if plain {
                        write!(f, "{comma}{name}: {shape}")?;
                    } else {
                        write!(f, "{comma}{}: {shape}", serde_json::Value::from(name.as_str()))?;
                    }
                }
                f.write_str(">")
            }
            Self::Plain(data_type) => match data_type {
                A::Utf8 => f.write_str("text"),
                A::Date32 => f.write_str("date"),
                A::Decimal128(p, s) | A::Decimal256(p, s) => write!(f, "decimal({p},{s})"),
                A::Time32(of) | A::Time64(of) => write!(f, "time({})", unit(*of)),
                A::Timestamp(of, None) => write!(f, "timestamp({})", unit(*of)),
                A::Timestamp(of, Some(_)) => write!(f, "timestamptz({})", unit(*of)),
                A::Duration(of) => write!(f, "duration({})", unit(*of)),
                other => f.write_str(&other.to_string().to_lowercase()),
            },
        }
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut rest = text;
        let shape = parsed(&mut rest, DEEPEST).filter(|_| rest.trim().is_empty());
        shape.ok_or_else(|| {
            Error::spec(format!("'{text}' is not a shape")).hint(
                "Shapes are list<T>, struct<name: T, ...>, map<K, V>, duration(us), decimal(p,s) and types with a unit",
            )
        })
    }
}

/// Values of deeper ones no reader of JSON takes; a text of millions would take the stack down.
const DEEPEST: usize = 128;

fn parsed(rest: &mut &str, deep: usize) -> Option<Shape> {
    let word = word(rest);
    if let Some(inner) = rest.strip_prefix('<') {
        let deep = deep.checked_sub(1)?;
        *rest = inner;
        let shape = match word {
            "list" => Shape::List(Box::new(parsed(rest, deep)?)),
            "map" => {
                let key = parsed(rest, deep)?;
                taken(rest, ',')?;
                Shape::Map(Box::new(key), Box::new(parsed(rest, deep)?))
            }
            "struct" => {
                let mut members = Vec::new();
                while !rest.trim_start().starts_with('>') {
                    if !members.is_empty() {
                        taken(rest, ',')?;
                    }
                    let name = name(rest)?;
                    taken(rest, ':')?;
                    members.push((name, parsed(rest, deep)?));
                }
                Shape::Struct(members)
            }
            _ => return None,
        };
        taken(rest, '>')?;
        return Some(shape);
    }
    let mut inside = "";
    if let Some(behind) = rest.strip_prefix('(') {
        (inside, *rest) = behind.split_once(')')?;
    }
    plain(word, inside)
}

fn plain(word: &str, inside: &str) -> Option<Shape> {
    use a::DataType as A;
    let unit = match inside {
        "s" => Some(TimeUnit::Second),
        "ms" => Some(TimeUnit::Millisecond),
        "us" => Some(TimeUnit::Microsecond),
        "ns" => Some(TimeUnit::Nanosecond),
        _ => None,
    };
    Some(Shape::Plain(match word {
        "uuid" => return Some(Shape::Uuid),
        "boolean" => A::Boolean,
        "int8" => A::Int8,
        "int16" => A::Int16,
        "int32" => A::Int32,
        "int64" => A::Int64,
        "uint8" => A::UInt8,
        "uint16" => A::UInt16,
        "uint32" => A::UInt32,
        "uint64" => A::UInt64,
        "float32" => A::Float32,
        "float64" => A::Float64,
        "text" => A::Utf8,
        "binary" => A::Binary,
        "date" => A::Date32,
        "time" => match unit? {
            coarse @ (TimeUnit::Second | TimeUnit::Millisecond) => A::Time32(coarse),
            fine @ (TimeUnit::Microsecond | TimeUnit::Nanosecond) => A::Time64(fine),
        },
        "timestamp" => A::Timestamp(unit?, None),
        "timestamptz" => A::Timestamp(unit?, Some("UTC".into())),
        "duration" => A::Duration(unit?),
        "decimal" => {
            let (p, s) = inside.split_once(',')?;
            let (p, s) = (p.trim().parse().ok()?, s.trim().parse().ok()?);
            match p {
                1..=38 => A::Decimal128(p, s),
                39..=76 => A::Decimal256(p, s),
                _ => return None,
            }
        }
        _ => return None,
    }))
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    *rest = behind;
    word
}

fn name(rest: &mut &str) -> Option<String> {
    let text = rest.trim_start();
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = strings.next()?.ok()?;
        *rest = text.get(strings.byte_offset()..)?;
        return Some(name);
    }
    let (name, behind) = text.split_at(text.find(':')?);
    *rest = behind;
    Some(name.trim().to_owned())
}

fn taken(rest: &mut &str, mark: char) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(mark)?;
    Some(())
}

impl serde::Serialize for Shape {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Shape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| serde::de::Error::custom(error.message()))
    }
}

impl schemars::JsonSchema for Shape {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Shape".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "What the column is where types are richer, such as list<int32>, struct<a: int64> or duration(us)."
        })
    }
}
