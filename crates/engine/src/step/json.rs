//! Flatten, and reading JSON text without bending its numbers: digits are taken as they are written.

use super::fields::{position, unique};
use super::rows::{Failures, Outcome, reject};
use crate::errors::nearest;
use crate::frame::Frame;
use arrow::array::{AsArray, StringArray};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer};
use windvane_core::spec::verb::Flatten as Step;

/// A value found in JSON, as text that a column's type reads.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Nothing,
    Text(String),
}

/// The position of a column that can hold JSON.
pub(super) fn column(name: &str, schema: &Schema) -> Result<usize> {
    let index = position(name, schema).map_err(|error| error.at_path("column"))?;
    match schema.fields.get(index).map(|field| field.data_type) {
        Some(DataType::Json | DataType::Text) => Ok(index),
        other => Err(Error::spec(format!("column '{name}' is {} and not json", other.unwrap_or(DataType::Text)))
            .at_path("column")
            .hint("Name a json column, or text that holds JSON")),
    }
}

/// The elements of an array, or why it is none.
pub(super) fn elements(text: &str) -> std::result::Result<Vec<&RawValue>, String> {
    if text.trim() == "null" {
        return Ok(Vec::new());
    }
    serde_json::from_str::<Vec<&RawValue>>(text).map_err(|_| format!("'{}' is not a JSON array", shown(text)))
}

/// What a JSON value is as text: a string without its quotes, anything else as written.
pub(super) fn cell(value: &RawValue, to: DataType) -> Cell {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'n') => Cell::Nothing,
        Some(b'"') if to != DataType::Json => {
            Cell::Text(serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned()))
        }
        _ => Cell::Text(text.to_owned()),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[derive(Debug, Clone)]
pub(super) struct Flatten {
    index: usize,
    fields: Vec<(Vec<String>, String, DataType)>,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<(Flatten, Schema)> {
    let index = column(&step.column, schema)?;
    if step.fields.is_empty() {
        return Err(Error::spec("flatten makes no column")
            .at_path("fields")
            .hint("Write fields: {city: address.city}"));
    }
    if let Some(unknown) = step.types.keys().find(|name| !step.fields.contains_key(*name)) {
        let near = nearest(unknown, step.fields.keys().map(String::as_str));
        let hint = near.map_or_else(|| "Name one of the fields".to_owned(), |near| format!("Did you mean '{near}'?"));
        return Err(Error::spec(format!("'{unknown}' is not among the fields"))
            .at_path(format!("types.{unknown}"))
            .hint(hint));
    }
    let mut after = schema.clone();
    let mut fields = Vec::new();
    for (name, path) in &step.fields {
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(Error::spec(format!("'{path}' is not a place in an object"))
                .at_path(format!("fields.{name}"))
                .hint("Write keys and dots: address.city"));
        }
        let data_type = step.types.get(name).copied().unwrap_or(DataType::Text);
        after.fields.push(Field::new(name, data_type));
        fields.push((parts, name.clone(), data_type));
    }
    unique(after.names()).map_err(|error| error.hint("Give the field another name, or drop the column first"))?;
    Ok((Flatten { index, fields }, after))
}

impl Flatten {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let array =
            frame.rows.columns().get(self.index).ok_or_else(|| Error::internal("a flatten outlived its column"))?;
        let texts = array.as_string::<i32>();
        let source = frame.schema.fields.get(self.index).map(|field| field.name.clone());
        let mut failures = Failures::new();
        let mut columns = frame.rows.columns().to_vec();
        for (path, name, data_type) in &self.fields {
            let mut cells: Vec<Option<String>> = Vec::with_capacity(frame.len());
            for (row, text) in texts.iter().enumerate() {
                let found = text.map_or(Ok(Cell::Nothing), |text| find(text, path, *data_type));
                cells.push(match found {
                    Ok(Cell::Nothing) => None,
                    Ok(Cell::Text(text)) => Some(text),
                    Err(reason) => {
                        failures.entry(row).or_insert((source.clone(), reason));
                        None
                    }
                });
            }
            let cells = StringArray::from(cells);
            let (values, failed) = infer::parse(&cells, *data_type);
            for row in failed {
                let reason = format!("'{}' is not {}", shown(cells.value(row)), data_type.with_article());
                failures.entry(row).or_insert((Some(name.clone()), reason));
            }
            columns.push(values);
        }
        let done = Frame::new(schema.clone(), columns, frame.numbers.clone())?;
        reject(frame, done, failures, outcome)
    }
}

fn find(text: &str, path: &[String], to: DataType) -> std::result::Result<Cell, String> {
    let broken = |_| format!("'{}' is not JSON", shown(text));
    let mut value: &RawValue = serde_json::from_str(text).map_err(broken)?;
    for part in path {
        let inner = value.get();
        let next = match inner.as_bytes().first() {
            Some(b'{') => {
                let mut object: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(inner).map_err(broken)?;
                object.remove(part.as_str())
            }
            Some(b'[') => {
                let list: Vec<&RawValue> = serde_json::from_str(inner).map_err(broken)?;
                part.parse::<usize>().ok().and_then(|at| list.get(at).copied())
            }
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Ok(Cell::Nothing),
        }
    }
    Ok(cell(value, to))
}
