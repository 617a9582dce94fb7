//! A function of the user's: batches out, batches back, every row accounted for and every type checked.

use super::rows::Outcome;
use crate::callbacks;
use crate::errors::broken;
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::arrow::{to_arrow, type_to_arrow};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::verb::PythonStep as Step;

/// Says which rows came back.
const ROW: &str = "windvane_row";

#[derive(Debug, Clone)]
pub(super) struct Python {
    object: String,
}

pub(super) fn check(step: &Step) -> Result<(Python, Schema)> {
    let name = |part: &str| {
        let word = |word: &str| {
            !word.is_empty()
                && !word.starts_with(|first: char| first.is_ascii_digit())
                && word.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        part.split('.').all(word)
    };
    if !step.object.split_once(':').is_some_and(|(module, function)| name(module) && name(function)) {
        return Err(Error::spec(format!("'{}' does not name a function", step.object))
            .at_path("object")
            .hint("Write package.module:function"));
    }
    if step.schema.is_empty() {
        return Err(Error::spec("the function returns no column")
            .at_path("schema")
            .hint("Declare what it returns: schema: {id: int64}"));
    }
    if step.schema.contains_key(ROW) {
        return Err(Error::spec(format!("'{ROW}' is Windvane's own column"))
            .at_path(format!("schema.{ROW}"))
            .hint("Leave it out"));
    }
    let fields = step.schema.iter().map(|(name, data_type)| Field::new(name, *data_type)).collect();
    Ok((Python { object: step.object.clone() }, Schema::new(fields)))
}

impl Python {
    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        if frame.is_empty() {
            return Ok(Frame::empty(schema.clone()));
        }
        let mut fields = frame.schema.clone();
        fields.fields.push(Field { nullable: false, ..Field::new(ROW, DataType::Int64) });
        let mut columns = frame.rows.columns().to_vec();
        columns.push(Arc::new(frame.numbers.clone()));
        let batch = RecordBatch::try_new(to_arrow(&fields), columns).map_err(|error| broken(&error))?;
        let back = callbacks::call(&self.object, batch)?;
        let numbers = self.numbers(frame, &back)?;
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in &schema.fields {
            columns.push(self.column(field, &back)?);
        }
        outcome.filtered += (frame.len() - numbers.len()) as u64;
        Frame::new(schema.clone(), columns, numbers)
    }

    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::data(format!("'{}' {what}", self.object))
    }

    fn numbers(&self, frame: &Frame, back: &RecordBatch) -> Result<Int64Array> {
        if back.num_rows() > frame.len() {
            return Err(self
                .wrong(format_args!("got {} rows and returned {}", frame.len(), back.num_rows()))
                .hint("The function may leave rows out, not make new ones; use explode or unpivot for that"));
        }
        let Some(numbers) = back.column_by_name(ROW) else {
            if back.num_rows() == frame.len() {
                return Ok(frame.numbers.clone());
            }
            return Err(self
                .wrong(format_args!("left out rows and the column {ROW} that says which"))
                .hint(format!("Filter the batch with its column {ROW}, for example batch.filter(mask)")));
        };
        let strange = || self.wrong(format_args!("changed the column {ROW}")).hint("Leave it as it is");
        let numbers =
            numbers.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.null_count() == 0).ok_or_else(strange)?;
        // A number may stand there several times after an explode, but not more often than it came.
        let mut known = std::collections::HashMap::new();
        for number in frame.numbers.values() {
            *known.entry(*number).or_insert(0_usize) += 1;
        }
        for number in numbers.values() {
            let left = known.get_mut(number).filter(|left| **left > 0).ok_or_else(strange)?;
            *left -= 1;
        }
        Ok(numbers.clone())
    }

    fn column(&self, field: &Field, back: &RecordBatch) -> Result<ArrayRef> {
        let array = back.column_by_name(&field.name).ok_or_else(|| {
            let schema = back.schema();
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            self.wrong(format_args!("did not return the declared column '{}'", field.name))
                .hint(format!("It returned: {}", names.join(", ")))
        })?;
        let to = type_to_arrow(field.data_type);
        if *array.data_type() == to {
            return Ok(array.clone());
        }
        // large_string, dictionaries, smaller integers: the same values in another form; what does not fit is an error.
        cast_with_options(array, &to, &CastOptions { safe: false, ..CastOptions::default() }).map_err(|error| {
            self.wrong(format_args!("returned '{}' as {} and not {}", field.name, array.data_type(), field.data_type))
                .caused_by(&error)
                .hint("Cast the column in the function, or declare the type that it returns")
        })
    }
}
