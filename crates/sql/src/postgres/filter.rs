//! Which rows are asked for, as SQL of our own words and typed literals.

use super::table::{Existing, NativeColumn, TableName};
use super::wire::ours;
use windvane_connect::range_filter::double;
use windvane_connect::{Part, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, sql::quote};

/// A run of heap pages; without an end, all that follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    pub(super) from: u64,
    pub(super) to: Option<u64>,
}

impl Pages {
    /// The condition, if these are not all pages.
    pub(super) fn condition(self) -> Option<String> {
        let from = (self.from > 0).then(|| format!("ctid >= '({},0)'::tid", self.from));
        let to = self.to.map(|to| format!("ctid < '({to},0)'::tid"));
        let ends: Vec<String> = from.into_iter().chain(to).collect();
        (!ends.is_empty()).then(|| ends.join(" AND "))
    }
}

/// The conditions of a request, but for its pages.
pub(super) fn conditions(request: &ReadRequest, existing: &Existing) -> Result<Vec<String>> {
    let keys = match &request.part {
        Some(Part::Keys(keys)) => Some(keys),
        Some(Part::Pages { .. }) | None => None,
        Some(Part::File { .. }) => return Err(Error::spec("a table has no files").hint("Split the table itself")),
    };
    let wanted = request.within.iter().map(|within| wanted(within, existing));
    wanted.chain(keys.map(|keys| condition(keys, existing))).filter_map(Result::transpose).collect()
}

/// The condition of a range that is read: values that no type of ours holds are inside wherever rows without a value are.
fn wanted(within: &RangeFilter, existing: &Existing) -> Result<Option<String>> {
    let condition = condition(within, existing)?;
    match within.data_type {
        DataType::Date | DataType::Timestamp | DataType::TimestampTz if within.nulls => {
            let unrepresentable = unrepresentable(&quote(&within.column), within.data_type);
            Ok(condition.map(|condition| format!("({condition} OR {unrepresentable})")))
        }
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => Ok(condition),
    }
}

/// Of one range.
pub(super) fn of(within: &RangeFilter, existing: &Existing) -> Result<Vec<String>> {
    Ok(condition(within, existing)?.into_iter().collect())
}

/// ` WHERE ... `, if there is anything to say.
pub(super) fn clause(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

fn condition(within: &RangeFilter, existing: &Existing) -> Result<Option<String>> {
    let Some(column) = existing.columns.iter().find(|column| column.name == within.column) else {
        return Err(Error::missing(format!("the table has no column '{}' to choose rows by", within.column))
            .at_path(&within.column)
            .hint("It may have been dropped or renamed since: discover the source again"));
    };
    let (value, kind) = compared(within, column)?;
    let mut ends = Vec::new();
    for (limit, (open, closed)) in [(&within.from, (">", ">=")), (&within.to, ("<", "<="))] {
        if let Some(RangeBound { value: text, inclusive }) = limit {
            let text = double(text, within.data_type).map_or_else(|| text.clone(), |number| format!("{number:e}"));
            ends.push(format!("{value} {} {}::{kind}", if *inclusive { closed } else { open }, literal(&text)?));
        }
    }
    let name = quote(&column.name);
    Ok(match (ends.is_empty(), within.nulls) {
        (true, true) => None,
        (true, false) => Some(format!("{name} IS NOT NULL")),
        (false, true) => Some(format!("(({}) OR {name} IS NULL)", ends.join(" AND "))),
        (false, false) => Some(format!("({})", ends.join(" AND "))),
    })
}

/// What is compared, and the type of the literals: the column's own, so that an index can serve. Texts are compared as
/// we do it, by their bytes.
fn compared(within: &RangeFilter, column: &NativeColumn) -> Result<(String, &'static str)> {
    let name = quote(&column.name);
    let known = ours(column);
    let pair = match (within.data_type, column.base.as_str()) {
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int2" | "int4" | "int8") => (name, "int8"),
        (DataType::Float32 | DataType::Float64, "float4" | "float8") => (name, "float8"),
        (_, "numeric") if numbers(within.data_type) => (name, "numeric"),
        (DataType::Decimal { .. }, "money") => (name, "numeric::money"),
        (DataType::Date, "date") => (name, "date"),
        (DataType::Time, "time") => (name, "time"),
        (DataType::Timestamp, "timestamp") => (name, "timestamp"),
        (DataType::TimestampTz, "timestamptz") => (name, "timestamptz"),
        (DataType::Uuid, "uuid") => (name, "uuid"),
        (DataType::Binary, "bytea") => (name, "bytea"),
        (DataType::Boolean, "bool") => (name, "bool"),
        (DataType::Text, _) if known == DataType::Text => (format!("{name}::text COLLATE \"C\""), "text"),
        (wanted, _) => {
            let (column, declared) = (&column.name, &column.declared);
            return Err(Error::unsupported(format!(
                "rows cannot be chosen by '{column}' as {wanted}: it is {declared}"
            ))
            .at_path(column)
            .hint("Choose them by a column that has this type at the source"));
        }
    };
    Ok(pair)
}

fn numbers(data_type: DataType) -> bool {
    matches!(data_type, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { .. } | DataType::Text)
}

/// A text as SQL, whatever it holds and whatever `standard_conforming_strings` says.
fn literal(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::spec("a limit holds a zero byte").hint("Give another one"));
    }
    Ok(format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
}

/// Rows of these conditions, in COPY's words.
pub(super) fn rest(table: &TableName, conditions: &[String], limit: Option<u64>) -> String {
    let limit = limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
    format!("{}{}{limit}", table.sql(), clause(conditions))
}

/// Whether a value is one that no type of ours holds. Of infinite values too: they are larger, or smaller, than all others.
pub(super) fn unrepresentable(name: &str, data_type: DataType) -> String {
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
