//! From single values to batches: what both databases share.
//!
//! Values arrive row by row, column by column. A value that is not one of the wanted type makes its row a rejected one;
//! a batch leaves when it has enough rows or enough bytes, so that wide rows do not take all memory.

use super::{BATCH_ROWS, Batch, BatchStream, Rejected};
use crate::error::{Error, Result};
use crate::schema::{DataType, Schema, arrow::to_arrow, infer};
use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanArray, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, StringArray, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::array_value_to_string;
use futures::{FutureExt, StreamExt, stream};
use std::{collections::BTreeMap, future::Future, sync::Arc};
use tokio::sync::mpsc::Sender;

/// A batch is handed on once its values take this much, however few rows it has.
const BATCH_BYTES: usize = 16 << 20;

/// One value, not null.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Boolean(bool),
    Integer(i64),
    Float32(f32),
    Float64(f64),
    /// In units of the wanted column's last digit.
    Decimal(i128),
    Text(&'a str),
    Binary(&'a [u8]),
    Date(i32),
    Time(i64),
    Timestamp(i64),
}

/// Why a value cannot be given, and its text.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) text: String,
}

/// The rows of the next batch.
pub(super) struct Gather {
    schema: Schema,
    arrow: SchemaRef,
    /// Which columns come as texts that are parsed into their type when the batch is taken.
    parsed: Vec<bool>,
    columns: Vec<Column>,
    faults: Vec<Fault>,
    rows: usize,
    bytes: usize,
    /// The number of the first row of the batch.
    first: u64,
}

/// A value of a batch that could not be given: its place in the batch and the reason.
pub(super) struct Fault {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) refusal: Refusal,
}

/// What was gathered for one batch, before texts are parsed and rows with faults are taken out.
pub(super) struct Gathered<'a> {
    pub(super) schema: &'a Schema,
    pub(super) arrow: &'a SchemaRef,
    /// Which columns come as texts that are parsed into their type.
    pub(super) parsed: &'a [bool],
    pub(super) given: Vec<ArrayRef>,
    pub(super) faults: Vec<Fault>,
    pub(super) rows: usize,
    /// The number of the first row.
    pub(super) first: u64,
}

enum Column {
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

/// A stream whose batches are made by a future that runs only while the stream is polled: dropping the stream drops the
/// future and so closes what it holds.
pub(super) fn produce<Make, Work>(make: Make) -> BatchStream
where
    Make: FnOnce(Sender<Result<Batch>>) -> Work,
    Work: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let failures = sender.clone();
    let work = make(sender).then(|done| async move {
        if let Err(error) = done {
            // Nobody is left to tell when this fails.
            drop(failures.send(Err(error)).await);
        }
    });
    let batches = stream::unfold(receiver, |mut receiver| async move {
        let next = receiver.recv().await?;
        Some((next, receiver))
    });
    stream::select(batches, stream::once(work).filter_map(|()| async { None })).boxed()
}

impl Gather {
    pub(super) fn new(schema: &Schema, parsed: Vec<bool>) -> Self {
        let arrow = to_arrow(schema);
        let columns = columns(schema, &arrow, &parsed);
        Self { schema: schema.clone(), arrow, parsed, columns, faults: Vec::new(), rows: 0, bytes: 0, first: 1 }
    }

    pub(super) fn value(&mut self, column: usize, value: Value<'_>) -> Result<()> {
        let data_type = self.schema.fields[column].data_type;
        match (&mut self.columns[column], value) {
            (Column::Boolean(builder), Value::Boolean(value)) => builder.append_value(value),
            (Column::Int16(builder), Value::Integer(value)) => match i16::try_from(value) {
                Ok(value) => builder.append_value(value),
                Err(_) => return self.does_not_fit(column, value),
            },
            (Column::Int32(builder), Value::Integer(value)) => match i32::try_from(value) {
                Ok(value) => builder.append_value(value),
                Err(_) => return self.does_not_fit(column, value),
            },
            (Column::Int64(builder), Value::Integer(value)) => builder.append_value(value),
            (Column::Float32(builder), Value::Float32(value)) => builder.append_value(value),
            (Column::Float32(builder), Value::Float64(value)) => match narrow(value) {
                Some(value) => builder.append_value(value),
                None => return self.does_not_fit(column, value),
            },
            (Column::Float64(builder), Value::Float64(value)) => builder.append_value(value),
            (Column::Float64(builder), Value::Float32(value)) => builder.append_value(f64::from(value)),
            (Column::Decimal(builder, precision), Value::Decimal(value)) => {
                if value.unsigned_abs() < 10_u128.pow(u32::from(*precision)) {
                    builder.append_value(value);
                } else {
                    return self.does_not_fit(column, value);
                }
            }
            (Column::Text(builder), Value::Text(value)) => {
                self.bytes += value.len();
                builder.append_value(value);
            }
            (Column::Binary(builder), Value::Binary(value)) => {
                self.bytes += value.len();
                builder.append_value(value);
            }
            (Column::Date(builder), Value::Date(value)) => builder.append_value(value),
            (Column::Time(builder), Value::Time(value)) => builder.append_value(value),
            (Column::Timestamp(builder), Value::Timestamp(value)) => builder.append_value(value),
            (_, value) => return Err(Error::internal(format!("a {data_type} column was given {value:?}"))),
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends an arm of `value`")]
    fn does_not_fit(&mut self, column: usize, value: impl std::fmt::Display + Copy) -> Result<()> {
        let text = value.to_string();
        let reason = format!("{text} does not fit {}", self.schema.fields[column].data_type);
        self.refuse(column, Refusal { reason, text });
        Ok(())
    }

    pub(super) fn null(&mut self, column: usize) {
        match &mut self.columns[column] {
            Column::Boolean(builder) => builder.append_null(),
            Column::Int16(builder) => builder.append_null(),
            Column::Int32(builder) => builder.append_null(),
            Column::Int64(builder) => builder.append_null(),
            Column::Float32(builder) => builder.append_null(),
            Column::Float64(builder) => builder.append_null(),
            Column::Decimal(builder, _) => builder.append_null(),
            Column::Text(builder) => builder.append_null(),
            Column::Binary(builder) => builder.append_null(),
            Column::Date(builder) => builder.append_null(),
            Column::Time(builder) => builder.append_null(),
            Column::Timestamp(builder) => builder.append_null(),
        }
    }

    /// The value cannot be given: its row will be among the rejected ones.
    pub(super) fn refuse(&mut self, column: usize, refusal: Refusal) {
        self.bytes += refusal.text.len();
        self.faults.push(Fault { row: self.rows, column, refusal });
        self.null(column);
    }

    /// Ends a row; true when the batch should be taken.
    pub(super) fn end_row(&mut self) -> bool {
        self.rows += 1;
        self.bytes += self.columns.len() * 8;
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// What was gathered, if anything, and room for the next rows.
    pub(super) fn take(&mut self) -> Result<Option<Batch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        let first = self.first;
        self.first += rows as u64;
        self.bytes = 0;
        let gathered = Gathered {
            schema: &self.schema,
            arrow: &self.arrow,
            parsed: &self.parsed,
            given: self.columns.iter_mut().map(Column::finish).collect(),
            faults: std::mem::take(&mut self.faults),
            rows,
            first,
        };
        gathered.batch().map(Some)
    }
}

impl Gathered<'_> {
    pub(super) fn batch(mut self) -> Result<Batch> {
        let mut arrays = Vec::with_capacity(self.given.len());
        for (column, parsed) in self.parsed.iter().enumerate() {
            arrays.push(if *parsed { self.parse(column)? } else { Arc::clone(&self.given[column]) });
        }
        let numbers = (0..self.rows as u64).map(|row| self.first + row);
        if self.faults.is_empty() {
            return Ok(Batch { rows: self.record_batch(arrays)?, numbers: numbers.collect(), rejected: Vec::new() });
        }
        let mut by_row: BTreeMap<usize, Vec<&Fault>> = BTreeMap::new();
        for fault in &self.faults {
            by_row.entry(fault.row).or_default().push(fault);
        }
        let mut rejected = Vec::with_capacity(by_row.len());
        for (row, faults) in &by_row {
            rejected.push(self.reject(*row, faults)?);
        }
        let keep: BooleanArray = (0..self.rows).map(|row| Some(!by_row.contains_key(&row))).collect();
        let kept =
            arrays.iter().map(|array| filter(array, &keep)).collect::<Result<Vec<_>, _>>().map_err(|e| broken(&e))?;
        let numbers = numbers.zip(keep.values()).filter_map(|(number, keep)| keep.then_some(number));
        Ok(Batch { numbers: numbers.collect(), rows: self.record_batch(kept)?, rejected })
    }

    fn record_batch(&self, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(arrays.is_empty().then_some(self.rows));
        RecordBatch::try_new_with_options(Arc::clone(self.arrow), arrays, &options).map_err(|error| broken(&error))
    }

    fn parse(&mut self, column: usize) -> Result<ArrayRef> {
        let data_type = self.schema.fields[column].data_type;
        let texts = self.given[column]
            .as_any()
            .downcast_ref::<StringArray>()
            .ok_or_else(|| Error::internal(format!("a {data_type} column was not gathered as text")))?;
        let (values, wrong) = infer::parse(texts, data_type);
        self.faults.extend(wrong.into_iter().map(|row| {
            let text = texts.value(row).to_owned();
            Fault { row, column, refusal: Refusal { reason: not_a(&text, data_type), text } }
        }));
        Ok(values)
    }

    fn reject(&self, row: usize, faults: &[&Fault]) -> Result<Rejected> {
        let mut record = serde_json::Map::new();
        for (column, array) in self.given.iter().enumerate() {
            let refused = faults.iter().find(|fault| fault.column == column).map(|fault| fault.refusal.text.clone());
            let text = match refused {
                Some(text) if array.is_null(row) => (!text.is_empty()).then_some(text),
                _ if array.is_null(row) => None,
                _ => Some(array_value_to_string(array, row).map_err(|error| broken(&error))?),
            };
            record.insert(self.schema.fields[column].name.clone(), text.into());
        }
        let fault = faults.first();
        Ok(Rejected {
            row: self.first + row as u64,
            column: fault.map(|fault| self.schema.fields[fault.column].name.clone()),
            reason: fault.map(|fault| fault.refusal.reason.clone()).unwrap_or_default(),
            record,
        })
    }
}

impl Column {
    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}

fn columns(schema: &Schema, arrow: &SchemaRef, parsed: &[bool]) -> Vec<Column> {
    let types = schema.fields.iter().zip(parsed).zip(arrow.fields());
    types
        .map(|((field, parsed), arrow)| match field.data_type {
            _ if *parsed => Column::Text(StringBuilder::new()),
            DataType::Boolean => Column::Boolean(BooleanBuilder::new()),
            DataType::Int16 => Column::Int16(Int16Builder::new()),
            DataType::Int32 => Column::Int32(Int32Builder::new()),
            DataType::Int64 => Column::Int64(Int64Builder::new()),
            DataType::Float32 => Column::Float32(Float32Builder::new()),
            DataType::Float64 => Column::Float64(Float64Builder::new()),
            DataType::Decimal { precision, .. } => {
                Column::Decimal(Decimal128Builder::new().with_data_type(arrow.data_type().clone()), precision)
            }
            DataType::Text | DataType::Json | DataType::Uuid => Column::Text(StringBuilder::new()),
            DataType::Binary => Column::Binary(BinaryBuilder::new()),
            DataType::Date => Column::Date(Date32Builder::new()),
            DataType::Time => Column::Time(Time64MicrosecondBuilder::new()),
            DataType::Timestamp | DataType::TimestampTz => {
                Column::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(arrow.data_type().clone()))
            }
        })
        .collect()
}

/// `'abc' is not a valid int64`, with a long text cut.
pub(super) fn not_a(text: &str, data_type: DataType) -> String {
    let short: String = text.chars().take(60).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("'{short}{cut}' is not a valid {data_type}")
}

/// The same number as a single float, if there is one.
#[expect(clippy::cast_possible_truncation, reason = "compared right after")]
fn narrow(value: f64) -> Option<f32> {
    let single = value as f32;
    (value.is_nan() || f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

pub(super) fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("the rows read do not make a batch").caused_by(error)
}
