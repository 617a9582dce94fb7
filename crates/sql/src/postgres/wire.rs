//! Which type of ours each of the server's becomes, how a column is asked for, and how its values are sent.
//!
//! | the server's | ours | how it comes |
//! |---|---|---|
//! | `boolean`, `smallint`, `integer`, `bigint`, `real`, `double precision` | the same | binary |
//! | `numeric(p,s)` up to 38 digits | `decimal(p,s)` | binary; a value that does not fit (NaN, an infinity, more digits) rejects its row |
//! | `numeric` without digits | `decimal(38,s)` with the scale that its values have, `text` when 38 digits do not hold them | binary or exact text |
//! | `text`, `varchar`, `char`, `name` | `text` | binary |
//! | `bytea` | `binary` | binary |
//! | `date`, `time`, `timestamp`, `timestamptz` | the same, the years 1 to 9999 | binary; infinities and others reject their row |
//! | `json`, `jsonb` | `json` | its text |
//! | `uuid` | `uuid` | binary |
//! | a domain | as its base type | as its base type |
//! | an array, a composite | `json` | `to_json`: numbers keep their digits (those of `numeric(p,s)[]` as texts), `[[1,2],[3,4]]`, `{"field":1}`; bytes are `"\\x00ff"` |
//! | `interval` | `text` | ISO 8601: `P1Y2M3DT4H5M6.7S` |
//! | an enum, a range, a multirange | `text` | its label; `[1,5)` |
//! | `inet`, `cidr`, `macaddr`, `macaddr8` | `text` | `10.0.0.1`, `10.0.0.0/8` |
//! | `money` | `decimal(19,2)` | binary; as text with `lc_monetary = 'C'`: `$1,234.50` |
//! | `bit`, `varbit` | `text` | `101` |
//! | `timetz` | `text` | `12:00:00+02` |
//! | `xml`, `tsvector`, `tsquery`, `hstore`, `ltree`, geometric types, `oid`, `reg*`, `pg_lsn` and all others | `text` | the server's text |
//!
//! Texts are canonical because each transaction sets what they depend on ([`super::connect::CANONICAL`]): each casts
//! back to the value it came from with `text::type`. Arrays and composites come back through
//! `(json_populate_record(NULL::t, json_build_object('column', value))).column`; an array with lower bounds other than 1 is its
//! text as a JSON string, `"[0:1]={1,2}"`, which does the same.

use super::table::{NativeColumn, Shape};
use windvane_core::error::{Error, Kind};
use windvane_core::schema::{self, DataType, Field, sql::Dialect, sql::array_of, sql::from_native, sql::quote};

/// How a value of a column is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Boolean,
    /// Two, four or eight bytes.
    Integer,
    /// Four or eight bytes.
    Float,
    Numeric,
    /// UTF-8, of every type that is sent as its text.
    Text,
    /// A version byte and the text.
    Jsonb,
    Bytea,
    Date,
    Time,
    Timestamp,
    Uuid,
}

/// How to ask for one column, and what to do with what comes.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) sql: String,
    pub(super) wire: Wire,
    /// The text must be parsed into the wanted type.
    pub(super) parsed: bool,
}

/// Our type of a column; of a numeric without declared digits the values decide, see `catalog`.
pub(super) fn ours(column: &NativeColumn) -> DataType {
    match column.shape {
        Shape::Array | Shape::Composite => DataType::Json,
        Shape::Other => DataType::Text,
        Shape::BuiltIn if column.base == "money" => DataType::Decimal { precision: 19, scale: 2 },
        Shape::BuiltIn => from_native(&column.resolved, Dialect::Postgres),
    }
}

/// What an array's elements are, where we know them.
pub(super) fn array(column: &NativeColumn) -> Option<schema::Shape> {
    let element = column.resolved.strip_suffix("[]").filter(|_| column.shape == Shape::Array)?;
    array_of(element)
}

/// Values of an array or a composite as JSON. Decimals are texts where a target may take them for decimals again, and an array
/// whose places do not begin at 1 is its own text: both come back as they were.
pub(super) fn as_json(name: &str, field: &Field, column: &NativeColumn) -> String {
    let exact = |shape: &schema::Shape| shape.to_string().starts_with("list<decimal(");
    match column.shape {
        Shape::Array => {
            let decimals = if field.native().is_some_and(exact) { "::text[]" } else { "" };
            format!(
                "CASE WHEN array_lower({name}, 1) <> 1 OR array_lower({name}, 2) <> 1 THEN to_json({name}::text) \
                 ELSE to_json({name}{decimals}) END"
            )
        }
        Shape::Composite | Shape::BuiltIn | Shape::Other => format!("to_json({name})"),
    }
}

/// The most direct way from the server's type to the wanted one. Without one, the server gives its text.
pub(super) fn select(field: &Field, column: Option<&NativeColumn>) -> Selected {
    let wanted = field.data_type;
    let Some(column) = column else {
        return Selected { sql: "NULL::text".to_owned(), wire: Wire::Text, parsed: wanted != DataType::Text };
    };
    let name = quote(&column.name);
    match direct(wanted, column) {
        None if column.base == "money" && matches!(wanted, DataType::Decimal { .. }) => {
            Selected { sql: format!("{name}::numeric"), wire: Wire::Numeric, parsed: false }
        }
        None if column.base == "inet" => {
            Selected { sql: shown(&name), wire: Wire::Text, parsed: wanted != DataType::Text }
        }
        Some(wire) => Selected { sql: name, wire, parsed: false },
        None if wanted == DataType::Json && matches!(column.shape, Shape::Array | Shape::Composite) => {
            Selected { sql: as_json(&name, field, column), wire: Wire::Text, parsed: false }
        }
        None => Selected { sql: format!("{name}::text"), wire: Wire::Text, parsed: wanted != DataType::Text },
    }
}

/// An `inet` as the server shows it: a cast to text would add `/32`.
pub(super) fn shown(value: &str) -> String {
    format!("nullif(concat({value}), '')")
}

/// How the values come when they are sent as they are.
fn direct(wanted: DataType, column: &NativeColumn) -> Option<Wire> {
    Some(match (wanted, column.base.as_str()) {
        (DataType::Boolean, "bool") => Wire::Boolean,
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int2" | "int4" | "int8") => Wire::Integer,
        (DataType::Float32 | DataType::Float64, "float4" | "float8") => Wire::Float,
        (DataType::Decimal { .. }, "numeric") => Wire::Numeric,
        (DataType::Text, "text" | "varchar" | "bpchar" | "name") | (DataType::Json, "json") => Wire::Text,
        (DataType::Json, "jsonb") => Wire::Jsonb,
        (DataType::Binary, "bytea") => Wire::Bytea,
        (DataType::Date, "date") => Wire::Date,
        (DataType::Time, "time") => Wire::Time,
        (DataType::Timestamp, "timestamp") | (DataType::TimestampTz, "timestamptz") => Wire::Timestamp,
        (DataType::Uuid, "uuid") => Wire::Uuid,
        _ => return None,
    })
}

/// The 36 characters of a UUID.
pub(super) fn uuid(value: u128) -> String {
    let hex = format!("{value:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(super) fn garbled() -> Error {
    Error::new(Kind::Unavailable, "the server's rows were not understood")
        .hint("Check that nothing between here and the server changes the stream, and run it again")
}
