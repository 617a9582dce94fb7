//! One check, made to fit the columns it speaks of, then asked about frame after frame.

use crate::convert;
use crate::errors::{nearest, no_column};
use crate::expression::{Expression, common_type};
use crate::frame::Frame;
use crate::key::{Encoder, Keys, Table};
use crate::seen::Seen;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use serde_json::Value;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::type_to_arrow, sql::quote};
use windvane_core::spec::check::{Accepted, Check, Matches, Range, References};
use windvane_core::spec::pattern;

/// A check and what it has seen so far.
pub struct Test {
    pub label: String,
    kind: Kind,
}

enum Kind {
    NotNull(Vec<String>),
    Unique {
        columns: Vec<String>,
        encoder: Encoder,
        seen: Seen,
    },
    /// Fails where it is false; `column` is what it speaks of.
    Condition {
        column: Option<String>,
        condition: Expression,
        what: String,
    },
    Matches {
        column: String,
        pattern: regex::Regex,
        written: String,
    },
    References {
        column: String,
        dataset: String,
        key: String,
        compared: DataType,
        encoder: Encoder,
        known: Table,
    },
    /// Of the whole dataset, not of rows.
    Rows,
}

/// A row that broke the check: its position in the frame, the column and the reason.
pub type Broken = (usize, Option<String>, String);

impl Test {
    pub fn new(check: &Check, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let kind = match check {
            Check::NotNull(columns) => Kind::NotNull(names(&columns.0, schema)?),
            Check::Unique(columns) => {
                let columns = names(&columns.0, schema)?;
                let types = columns.iter().filter_map(|name| schema.field(name)).map(|field| field.data_type);
                Kind::Unique { encoder: encoder(types)?, columns, seen: Seen::default() }
            }
            Check::Accepted(accepted) => accepts(accepted, schema)?,
            Check::Range(range) => within(range, schema)?,
            Check::Matches(matches) => matching(matches, schema)?,
            Check::Expression(text) => Kind::Condition {
                column: None,
                condition: Expression::condition(text, schema).map_err(|error| error.at_path("expression"))?,
                what: format!("{text} is false"),
            },
            Check::References(references) => referring(references, schema, lookup)?,
            Check::Rows(rows) => match (rows.min, rows.max) {
                (None, None) => {
                    return Err(Error::spec("rows needs a bound").at_path("rows").hint("Write rows: {min: 1}"));
                }
                (Some(min), Some(max)) if min > max => {
                    return Err(Error::spec(format!("no number of rows is at least {min} and at most {max}"))
                        .at_path("rows")
                        .hint("Swap the bounds"));
                }
                _ => Kind::Rows,
            },
        };
        Ok(Self { label: label(check), kind })
    }

    /// The other dataset and its key column, when there is one to read before the rows.
    pub fn reads(&self) -> Option<(&str, &str)> {
        match &self.kind {
            Kind::References { dataset, key, .. } => Some((dataset, key)),
            Kind::NotNull(_) | Kind::Unique { .. } | Kind::Condition { .. } | Kind::Matches { .. } | Kind::Rows => None,
        }
    }

    /// Remembers the keys of the other dataset.
    pub fn learn(&mut self, frame: &Frame) -> Result<()> {
        let Kind::References { key, compared, encoder, known, .. } = &mut self.kind else { return Ok(()) };
        let (array, keys) = encoded(frame, key, *compared, encoder)?;
        (0..frame.len()).filter(|row| array.is_valid(*row)).try_for_each(|row| known.intern(&keys, row).map(drop))
    }

    pub fn look(&mut self, frame: &Frame) -> Result<Vec<Broken>> {
        match &mut self.kind {
            Kind::NotNull(columns) => {
                let mut broken: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
                for name in columns.iter() {
                    let array = frame.column(name)?;
                    let nulls = (0..frame.len()).filter(|row| array.is_null(*row));
                    nulls.for_each(|row| broken.entry(row).or_default().push(name));
                }
                let reason = |names: &[&str]| format!("{} must not be null", names.join(" and "));
                Ok(broken
                    .into_iter()
                    .map(|(row, names)| (row, names.first().map(ToString::to_string), reason(&names)))
                    .collect())
            }
            Kind::Unique { columns, encoder, seen } => unique(frame, columns, encoder, seen),
            Kind::Condition { column, condition, what } => {
                let (values, failures) = condition.evaluate_condition(frame)?;
                let broken = (0..frame.len()).filter_map(|row| {
                    if let Some(reason) = failures.get(&row) {
                        return Some((row, column.clone(), reason.clone()));
                    }
                    let is_false = values.is_valid(row) && !values.value(row);
                    is_false.then(|| (row, column.clone(), about(frame, column.as_deref(), row, what)))
                });
                Ok(broken.collect())
            }
            Kind::Matches { column, pattern, written } => {
                let texts = frame.column(column)?.as_string::<i32>();
                let broken = texts.iter().enumerate().filter_map(|(row, text)| {
                    let text = text.filter(|text| !pattern.is_match(text))?;
                    Some((row, Some(column.clone()), format!("'{}' does not match {written}", short(text))))
                });
                Ok(broken.collect())
            }
            Kind::References { column, dataset, key, compared, encoder, known } => {
                let (array, keys) = encoded(frame, column, *compared, encoder)?;
                let unknown = (0..frame.len()).filter(|row| array.is_valid(*row) && known.find(&keys, *row).is_none());
                let what = format!("is not a {key} of {dataset}");
                Ok(unknown.map(|row| (row, Some(column.clone()), about(frame, Some(column), row, &what))).collect())
            }
            Kind::Rows => Ok(Vec::new()),
        }
    }
}

fn unique(frame: &Frame, columns: &[String], encoder: &Encoder, seen: &mut Seen) -> Result<Vec<Broken>> {
    let arrays = columns.iter().map(|name| frame.column(name).cloned()).collect::<Result<Vec<ArrayRef>>>()?;
    let keys = encoder.encode(&arrays)?;
    let nulls = arrays.iter().fold(None, |all, array| NullBuffer::union(Option::as_ref(&all), array.nulls()));
    let mut broken = Vec::new();
    for row in 0..frame.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        let Some(first) = seen.before(&keys, row, frame.number(row))? else { continue };
        let shown = columns.iter().map(|name| format!("{name} = '{}'", value(frame, name, row)));
        let shown = shown.collect::<Vec<_>>().join(", ");
        broken.push((row, columns.first().cloned(), format!("{shown} is not unique: row {first} has it first")));
    }
    Ok(broken)
}

fn encoder(types: impl Iterator<Item = DataType>) -> Result<Encoder> {
    Encoder::new(&types.map(type_to_arrow).collect::<Vec<_>>())
}

fn encoded(frame: &Frame, name: &str, to: DataType, encoder: &Encoder) -> Result<(ArrayRef, Keys)> {
    let from = frame.schema.field(name).ok_or_else(|| no_column(name, &frame.schema))?.data_type;
    let (array, _) = convert::convert(frame.column(name)?, from, to)?;
    let keys = encoder.encode(std::slice::from_ref(&array))?;
    Ok((array, keys))
}

fn field<'a>(name: &str, schema: &'a Schema) -> Result<&'a Field> {
    schema.field(name).ok_or_else(|| no_column(name, schema).at_path(name))
}

fn names(columns: &[String], schema: &Schema) -> Result<Vec<String>> {
    if columns.is_empty() {
        return Err(Error::spec("the check names no column").hint("Name at least one column"));
    }
    columns.iter().map(|name| field(name, schema).map(|field| field.name.clone())).collect()
}

fn accepts(accepted: &Accepted, schema: &Schema) -> Result<Kind> {
    field(&accepted.column, schema)?;
    let values: Vec<&Value> = accepted.values.iter().filter(|value| !value.is_null()).collect();
    if values.is_empty() {
        return Err(Error::spec("no value is accepted").at_path("values").hint("List the values that may be there"));
    }
    let listed = values.iter().map(|value| literal(value)).collect::<Result<Vec<_>>>()?.join(", ");
    let text = format!("{} IN ({listed})", quote(&accepted.column));
    let what = format!("is not one of {}", short(&listed));
    condition(&accepted.column, &text, what, schema)
}

fn within(range: &Range, schema: &Schema) -> Result<Kind> {
    let data_type = field(&range.column, schema)?.data_type;
    match data_type {
        DataType::Boolean | DataType::Text | DataType::Binary | DataType::Json | DataType::Uuid => {
            return Err(Error::spec(format!("column '{}' is {data_type}, which has no range", range.column))
                .at_path(&range.column)
                .hint("A range needs numbers, dates or times: cast the column, or use accepted or matches"));
        }
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz => {}
    }
    let column = quote(&range.column);
    let bounds = [(">=", &range.min), ("<=", &range.max)].into_iter();
    let bounds = bounds.filter_map(|(sign, bound)| bound.as_ref().map(|bound| (sign, bound)));
    let bounds = bounds.map(|(sign, bound)| Ok((sign, literal(bound)?))).collect::<Result<Vec<_>>>()?;
    if bounds.is_empty() {
        return Err(Error::spec("the range has no bound").at_path(&range.column).hint("Give min, max, or both"));
    }
    let text = bounds.iter().map(|(sign, bound)| format!("{column} {sign} {bound}")).collect::<Vec<_>>().join(" AND ");
    let what = bounds.iter().map(|(sign, bound)| format!("{sign} {bound}")).collect::<Vec<_>>().join(" and ");
    condition(&range.column, &text, format!("is not {what}"), schema)
}

fn condition(column: &str, text: &str, what: String, schema: &Schema) -> Result<Kind> {
    let condition = Expression::condition(text, schema).map_err(|error| error.at_path(column))?;
    Ok(Kind::Condition { column: Some(column.to_owned()), condition, what })
}

/// A JSON value of the spec as a SQL literal.
fn literal(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Error::spec(format!("{value} is not a single value")).hint("Write a text, a number, true or false"))
        }
    }
}

fn matching(matches: &Matches, schema: &Schema) -> Result<Kind> {
    let data_type = field(&matches.column, schema)?.data_type;
    if !convert::is_text(data_type) {
        return Err(Error::spec(format!("column '{}' is {data_type} and not text", matches.column))
            .at_path(&matches.column)
            .hint("Use range or accepted for other types, or cast the column to text"));
    }
    let pattern = pattern::whole(&matches.pattern).map_err(|error| error.at_path("pattern"))?;
    Ok(Kind::Matches { column: matches.column.clone(), pattern, written: matches.pattern.clone() })
}

fn referring(references: &References, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Kind> {
    let own = field(&references.column, schema)?.data_type;
    let other = lookup(&references.dataset).ok_or_else(|| {
        Error::missing(format!("the dataset '{}' is not among the inputs", references.dataset))
            .at_path("dataset")
            .hint("Name a dataset of the source as `windvane discover` lists it")
    })?;
    let key = references.key.as_deref().unwrap_or(&references.column);
    let theirs = other.field(key).ok_or_else(|| {
        let near = nearest(key, other.names()).map(|near| format!("Did you mean '{near}'? ")).unwrap_or_default();
        Error::spec(format!("column '{key}' does not exist in '{}'", references.dataset))
            .at_path("key")
            .hint(format!("{near}Columns there: {}", other.names().collect::<Vec<_>>().join(", ")))
    })?;
    let compared = common_type(own, theirs.data_type).ok_or_else(|| {
        Error::spec(format!("column '{}' is {own} and its key is {}", references.column, theirs.data_type))
            .at_path(&references.column)
            .hint("Cast the column to the key's type")
    })?;
    Ok(Kind::References {
        column: references.column.clone(),
        dataset: references.dataset.clone(),
        key: key.to_owned(),
        compared,
        encoder: encoder(std::iter::once(compared))?,
        known: Table::default(),
    })
}

fn value(frame: &Frame, name: &str, row: usize) -> String {
    let field = frame.schema.field(name);
    let text = field.and_then(|field| convert::text_at(frame.column(name).ok()?, field.data_type, row));
    short(&text.unwrap_or_default())
}

fn about(frame: &Frame, column: Option<&str>, row: usize, what: &str) -> String {
    column.map_or_else(|| what.to_owned(), |name| format!("{name} = '{}' {what}", value(frame, name, row)))
}

fn short(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(80).collect();
    short.push('…');
    short
}

/// As people say it.
fn label(check: &Check) -> String {
    let bounds = |min: Option<String>, max: Option<String>| {
        let parts = [min.map(|min| format!("min: {min}")), max.map(|max| format!("max: {max}"))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    match check {
        Check::NotNull(columns) => format!("not_null: [{}]", columns.0.join(", ")),
        Check::Unique(columns) => format!("unique: [{}]", columns.0.join(", ")),
        Check::Accepted(accepted) => {
            let values: Vec<String> = accepted.values.iter().map(ToString::to_string).collect();
            format!("accepted: {} in [{}]", accepted.column, short(&values.join(", ")))
        }
        Check::Range(range) => {
            let text = |bound: &Option<Value>| bound.as_ref().map(ToString::to_string);
            format!("range: {} {{{}}}", range.column, bounds(text(&range.min), text(&range.max)))
        }
        Check::Matches(matches) => format!("matches: {} {}", matches.column, short(&matches.pattern)),
        Check::Expression(text) => format!("expression: {}", short(text)),
        Check::References(references) => {
            let key = references.key.as_deref().unwrap_or(&references.column);
            format!("references: {} in {}.{key}", references.column, references.dataset)
        }
        Check::Rows(rows) => {
            let text = |bound: Option<u64>| bound.map(|bound| bound.to_string());
            format!("rows: {{{}}}", bounds(text(rows.min), text(rows.max)))
        }
    }
}
