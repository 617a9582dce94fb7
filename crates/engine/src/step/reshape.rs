//! Unpivot and explode: one row becomes several, which count as added and keep the number of their source row.

use super::fields::{changed, position, unique};
use super::json::{self, Cell};
use super::rows::{Failures, Outcome, reject};
use crate::convert;
use crate::errors::broken;
use crate::expression::common_type;
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer};
use windvane_core::spec::verb::{Explode as ExplodeStep, Unpivot as UnpivotStep};

#[derive(Debug, Clone)]
pub(super) struct Unpivot {
    keep: Vec<usize>,
    columns: Vec<usize>,
    names: Vec<String>,
    data_type: DataType,
}

pub(super) fn unpivot(step: &UnpivotStep, schema: &Schema) -> Result<(Unpivot, Schema)> {
    let positions = |names: &[String], path: &str| -> Result<Vec<usize>> {
        unique(names.iter().map(String::as_str)).map_err(|error| error.at_path(path))?;
        names.iter().map(|name| position(name, schema).map_err(|error| error.at_path(path))).collect()
    };
    let (keep, columns) = (positions(&step.keep, "keep")?, positions(&step.columns, "columns")?);
    let fields: Vec<&Field> = columns.iter().filter_map(|index| schema.fields.get(*index)).collect();
    let Some(first) = fields.first() else {
        return Err(Error::spec("unpivot needs columns").at_path("columns").hint("Name the columns that become rows"));
    };
    let mut data_type = first.data_type;
    for field in &fields {
        data_type = common_type(data_type, field.data_type).ok_or_else(|| {
            Error::spec(format!("'{}' is {} and '{}' is {}", first.name, first.data_type, field.name, field.data_type))
                .at_path("columns")
                .hint("The columns become one: cast them to one type first")
        })?;
    }
    let nullable = fields.iter().any(|field| field.nullable);
    let mut after: Vec<Field> = keep.iter().filter_map(|index| schema.fields.get(*index).cloned()).collect();
    after.push(Field { nullable: false, ..Field::new(step.name.as_deref().unwrap_or("variable"), DataType::Text) });
    after.push(Field { nullable, ..Field::new(step.value.as_deref().unwrap_or("value"), data_type) });
    let after = Schema::new(after);
    unique(after.names()).map_err(|error| error.hint("Give the new columns other names with `name` and `value`"))?;
    Ok((Unpivot { keep, columns, names: step.columns.clone(), data_type }, after))
}

impl Unpivot {
    /// The columns that stay, and those that become rows.
    pub(super) fn parts(&self) -> (&[usize], &[usize]) {
        (&self.keep, &self.columns)
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut failures = Failures::new();
        for index in &self.columns {
            let (array, field) = column(frame, *index)?;
            for row in convert::convert(array, field.data_type, self.data_type)?.1 {
                let reason = format!("the value is out of range of {}", self.data_type);
                failures.entry(row).or_insert((Some(field.name.clone()), reason));
            }
        }
        let frame = &reject(frame, frame.clone(), failures, outcome)?;
        let mut arrays = Vec::new();
        for index in &self.columns {
            let (array, field) = column(frame, *index)?;
            arrays.push(convert::convert(array, field.data_type, self.data_type)?.0);
        }
        let pairs = (0..frame.len()).flat_map(|row| (0..arrays.len()).map(move |column| (column, row)));
        let places: Vec<(usize, usize)> = pairs.collect();
        let values: Vec<&dyn Array> = arrays.iter().map(|array| &**array as &dyn Array).collect();
        let repeated: UInt32Array = places.iter().map(|(_, row)| u32::try_from(*row).ok()).collect();
        let names: StringArray = places.iter().map(|(column, _)| self.names.get(*column).map(String::as_str)).collect();
        let mut columns = repeat(frame, &self.keep, &repeated)?;
        columns.push(Arc::new(names));
        columns.push(interleave(&values, &places).map_err(|error| broken(&error))?);
        outcome.added += (places.len() - frame.len()) as u64;
        Frame::new(schema.clone(), columns, numbers(frame, &repeated)?)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Explode {
    index: usize,
    data_type: DataType,
}

pub(super) fn explode(step: &ExplodeStep, schema: &Schema) -> Result<(Explode, Schema)> {
    let index = json::column(&step.column, schema)?;
    let data_type = step.data_type.unwrap_or(DataType::Json);
    let mut after = schema.clone();
    if let Some(field) = after.fields.get_mut(index) {
        *field = changed(field, Field::new(&step.column, data_type));
    }
    Ok((Explode { index, data_type }, after))
}

impl Explode {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let (array, field) = column(frame, self.index)?;
        let mut failures = Failures::new();
        let mut texts: Vec<Option<String>> = Vec::new();
        let mut rows: Vec<u32> = Vec::new();
        for (row, text) in array.as_string::<i32>().iter().enumerate() {
            match text.map_or(Ok(Vec::new()), json::elements) {
                Ok(elements) => {
                    let at = u32::try_from(row).map_err(|_| Error::internal("a frame is too large"))?;
                    rows.extend(std::iter::repeat_n(at, elements.len().max(1)));
                    if elements.is_empty() {
                        texts.push(None);
                    }
                    texts.extend(elements.iter().map(|element| json::cell(element, self.data_type).into_text()));
                }
                Err(reason) => _ = failures.insert(row, (Some(field.name.clone()), reason)),
            }
        }
        let (values, failed) = infer::parse(&StringArray::from(texts.clone()), self.data_type);
        for at in failed {
            let (Some(row), Some(text)) = (rows.get(at), texts.get(at)) else { continue };
            let shown: String = text.iter().flat_map(|text| text.chars()).take(60).collect();
            let reason = format!("'{shown}' is not {}", self.data_type.with_article());
            failures.entry(*row as usize).or_insert((Some(field.name.clone()), reason));
        }
        let kept: Vec<u32> = (0_u32..)
            .zip(&rows)
            .filter(|(_, row)| !failures.contains_key(&(**row as usize)))
            .map(|(at, _)| at)
            .collect();
        let repeated: UInt32Array = kept.iter().filter_map(|at| rows.get(*at as usize).copied()).collect();
        let all: Vec<usize> = (0..frame.rows.num_columns()).collect();
        let mut columns = repeat(frame, &all, &repeated)?;
        if let Some(slot) = columns.get_mut(self.index) {
            *slot = take(&values, &UInt32Array::from(kept), None).map_err(|error| broken(&error))?;
        }
        outcome.added += (repeated.len() + failures.len() - frame.len()) as u64;
        for (row, (column, reason)) in failures {
            outcome.rejected.push(frame.reject(row, column.as_deref(), reason));
        }
        Frame::new(schema.clone(), columns, numbers(frame, &repeated)?)
    }
}

fn column(frame: &Frame, index: usize) -> Result<(&ArrayRef, &Field)> {
    match (frame.rows.columns().get(index), frame.schema.fields.get(index)) {
        (Some(array), Some(field)) => Ok((array, field)),
        _ => Err(Error::internal("a step outlived its column")),
    }
}

fn repeat(frame: &Frame, columns: &[usize], rows: &UInt32Array) -> Result<Vec<ArrayRef>> {
    let columns = columns.iter().filter_map(|index| frame.rows.columns().get(*index));
    columns.map(|column| take(column, rows, None).map_err(|error| broken(&error))).collect()
}

fn numbers(frame: &Frame, rows: &UInt32Array) -> Result<arrow::array::Int64Array> {
    let numbers = take(&frame.numbers, rows, None).map_err(|error| broken(&error))?;
    Ok(numbers.as_primitive::<Int64Type>().clone())
}

impl Cell {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text),
        }
    }
}
