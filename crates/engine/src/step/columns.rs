//! Select, drop, rename, cast, parse, fill.

use super::fields::{changed, position, unique};
use super::rows::{Failures, Outcome, reject};
use crate::convert::{self, can_convert};
use crate::errors::broken;
use crate::expression::time as formats;
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt32Array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use serde_json::Value;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, exact, infer};
use windvane_core::spec::step::Parse;

/// Positions of the kept columns, and the schema after.
type Kept = (Vec<usize>, Schema);

pub(super) fn select(names: &[String], schema: &Schema) -> Result<Kept> {
    unique(names.iter().map(String::as_str))?;
    let kept = names.iter().map(|name| position(name, schema)).collect::<Result<Vec<_>>>()?;
    kept_columns(kept, schema)
}

pub(super) fn drop(names: &[String], schema: &Schema) -> Result<Kept> {
    let gone = names.iter().map(|name| position(name, schema)).collect::<Result<Vec<_>>>()?;
    kept_columns((0..schema.fields.len()).filter(|index| !gone.contains(index)).collect(), schema)
}

fn kept_columns(kept: Vec<usize>, schema: &Schema) -> Result<Kept> {
    if kept.is_empty() {
        return Err(Error::spec("no column is left").hint("Keep at least one column"));
    }
    let fields = kept.iter().filter_map(|index| schema.fields.get(*index).cloned()).collect();
    Ok((kept, Schema::new(fields)))
}

pub(super) fn rename(names: &BTreeMap<String, String>, schema: &Schema) -> Result<Kept> {
    let mut fields = schema.fields.clone();
    for (old, new) in names {
        let index = position(old, schema)?;
        if new.trim().is_empty() {
            return Err(Error::spec("a column needs a name")
                .at_path(old)
                .hint("Write the new name behind the old one"));
        }
        if let Some(field) = fields.get_mut(index) {
            field.name.clone_from(new);
        }
    }
    unique(fields.iter().map(|field| field.name.as_str()))?;
    Ok(((0..fields.len()).collect(), Schema::new(fields)))
}

pub(super) fn keep(positions: &[usize], schema: &Schema, frame: &Frame) -> Result<Frame> {
    let columns = positions.iter().filter_map(|index| frame.rows.columns().get(*index).cloned()).collect();
    Frame::new(schema.clone(), columns, frame.numbers.clone())
}

/// Columns that become another type; a value that does not fit rejects its row.
#[derive(Debug, Clone)]
pub(super) struct Convert {
    columns: Vec<(usize, DataType, Reading)>,
    /// The columns of the step, those too that are of the type already.
    named: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Reading {
    Cast,
    Formats(Vec<String>),
    /// A float that gives the text's number back.
    Exact,
}

pub(super) fn cast(types: &BTreeMap<String, DataType>, schema: &Schema) -> Result<(Convert, Schema)> {
    let mut after = schema.clone();
    let (mut columns, mut named) = (Vec::new(), Vec::new());
    for (name, to) in types {
        let index = position(name, schema)?;
        named.push(index);
        let Some(field) = after.fields.get_mut(index) else { continue };
        if !can_convert(field.data_type, *to) {
            return Err(convert::refuse(field.data_type, *to).at_path(name));
        }
        if field.data_type != *to {
            *field = changed(field, Field { nullable: field.nullable, ..Field::new(name, *to) });
            columns.push((index, *to, Reading::Cast));
        }
    }
    Ok((Convert { columns, named }, after))
}

pub(super) fn parse(parse: &Parse, schema: &Schema) -> Result<(Convert, Schema)> {
    let reading = match parse.to {
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
            Reading::Formats(parse.formats.clone())
        }
        DataType::Float32 | DataType::Float64 if parse.formats.is_empty() => Reading::Exact,
        DataType::Float32 | DataType::Float64 => {
            return Err(Error::spec("a number has no format").at_path("formats").hint("Leave `formats` out"));
        }
        other => {
            return Err(Error::spec(format!("text is not parsed to {other} by a format"))
                .at_path("to")
                .hint("`to` is date, time, timestamp, timestamptz or a float; for other types use cast"));
        }
    };
    if matches!(reading, Reading::Formats(_)) && parse.formats.is_empty() {
        return Err(Error::spec("no format is given").at_path("formats").hint("For example: formats: [\"%d/%m/%Y\"]"));
    }
    for format in &parse.formats {
        formats::check_format(format, parse.to).map_err(|error| error.at_path("formats"))?;
    }
    let mut after = schema.clone();
    let (mut columns, mut named) = (Vec::new(), Vec::new());
    unique(parse.columns.iter().map(String::as_str))?;
    for name in &parse.columns {
        let index = position(name, schema)?;
        named.push(index);
        let Some(field) = after.fields.get_mut(index) else { continue };
        if field.data_type == parse.to {
            continue;
        }
        if field.data_type != DataType::Text {
            return Err(Error::spec(format!("column '{name}' is {} and not text", field.data_type))
                .at_path(name)
                .hint("Only text is parsed; use cast to change a date into a timestamp"));
        }
        *field = changed(field, Field { nullable: field.nullable, ..Field::new(name, parse.to) });
        columns.push((index, parse.to, reading.clone()));
    }
    Ok((Convert { columns, named }, after))
}

impl Convert {
    pub(super) fn named(&self) -> impl Iterator<Item = usize> {
        self.named.iter().copied()
    }

    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|(index, ..)| *index)
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut arrays = frame.rows.columns().to_vec();
        let mut failures = Failures::new();
        for (index, to, reading) in &self.columns {
            let (Some(array), Some(field)) = (frame.rows.columns().get(*index), frame.schema.fields.get(*index)) else {
                return Err(Error::internal("a cast outlived its column"));
            };
            let (converted, failed) = match reading {
                Reading::Cast => convert::convert(array, field.data_type, *to)?,
                Reading::Formats(formats) => read(array, formats, *to),
                Reading::Exact => exact::parse(array.as_string::<i32>(), *to),
            };
            for row in failed {
                let text = convert::text_at(array, field.data_type, row).unwrap_or_default();
                let shown: String = text.chars().take(60).collect();
                let reason = match reading {
                    Reading::Cast => format!("'{shown}' is not {}", to.with_article()),
                    Reading::Formats(formats) => {
                        format!("'{shown}' is not {} as {}", to.with_article(), formats.join(" or "))
                    }
                    Reading::Exact => format!("'{shown}' {}", exact::why(&text, *to)),
                };
                failures.entry(row).or_insert((Some(field.name.clone()), reason));
            }
            if let Some(slot) = arrays.get_mut(*index) {
                *slot = converted;
            }
        }
        let done = Frame::new(schema.clone(), arrays, frame.numbers.clone())?;
        reject(frame, done, failures, outcome)
    }
}

fn read(array: &ArrayRef, formats: &[String], to: DataType) -> convert::Converted {
    let mut failed = Vec::new();
    let texts = array.as_string::<i32>().iter().enumerate();
    let values = texts.map(|(row, text)| {
        let text = text?;
        let value = formats::read(text, formats, to);
        if value.is_none() {
            failed.push(row);
        }
        value
    });
    let values: Vec<Option<i64>> = values.collect();
    (formats::column(values, to), failed)
}

/// What nulls become: one value of the column's type.
#[derive(Debug, Clone)]
pub(super) struct Fill {
    values: Vec<(usize, ArrayRef)>,
}

pub(super) fn fill(values: &BTreeMap<String, Value>, schema: &Schema) -> Result<(Fill, Schema)> {
    let mut after = schema.clone();
    let mut filled = Vec::new();
    for (name, value) in values {
        let index = position(name, schema)?;
        let Some(field) = after.fields.get_mut(index) else { continue };
        filled.push((index, value_of(value, field.data_type).map_err(|error| error.at_path(name))?));
        field.nullable = false;
    }
    Ok((Fill { values: filled }, after))
}

/// A JSON value of the spec as one value of a column's type.
pub(crate) fn value_of(value: &Value, data_type: DataType) -> Result<ArrayRef> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(_) | Value::Object(_) if data_type == DataType::Json => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(Error::spec(format!("{value} is not {}", data_type.with_article()))
                .hint("Write one value of the column's type"));
        }
    };
    let quoted = matches!(value, Value::String(_));
    let misfit = (quoted && convert::is_number(data_type)) && text.trim().parse::<f64>().is_err();
    let (array, failed) = infer::parse(&StringArray::from(vec![text.as_str()]), data_type);
    if misfit || !failed.is_empty() || array.is_null(0) {
        return Err(Error::spec(format!("'{text}' is not {}", data_type.with_article()))
            .hint(format!("Write a value of the column's type, {data_type}, or cast the column first")));
    }
    Ok(array)
}

impl Fill {
    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.values.iter().map(|(index, _)| *index)
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame) -> Result<Frame> {
        let mut arrays = frame.rows.columns().to_vec();
        for (index, value) in &self.values {
            let Some(slot) = arrays.get_mut(*index) else { continue };
            let filled = || {
                let known = is_not_null(slot)?;
                let repeated = take(value, &UInt32Array::from(vec![0; slot.len()]), None)?;
                zip(&known, &*slot, &repeated)
            };
            *slot = filled().map_err(|error| broken(&error))?;
        }
        Frame::new(schema.clone(), arrays, frame.numbers.clone())
    }
}
