//! From single values to batches: what both databases share.
//!
//! Values arrive row by row, column by column. A value that is not one of the wanted type makes its row a rejected one;
//! a batch leaves when it has enough rows or enough bytes, so that wide rows do not take all memory.

use super::column::{Column, Values, narrow};
use super::{BATCH_ROWS, Batch, BatchStream, Rejected};
use arrow::array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::array_value_to_string;
use futures::{FutureExt, StreamExt, stream};
use std::{collections::BTreeMap, future::Future, sync::Arc};
use tokio::sync::mpsc::Sender;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema, arrow::to_arrow, infer};

/// A batch is handed on once its values take this much, however few rows it has.
const BATCH_BYTES: usize = 16 << 20;

/// One value, not null.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Integer(i64),
    Float32(f32),
    Float64(f64),
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Why a value cannot be given, and its text.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub reason: String,
    pub text: String,
}

/// The rows of the next batch.
pub struct Gather {
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
pub struct Fault {
    pub row: usize,
    pub column: usize,
    pub refusal: Refusal,
}

/// What was gathered for one batch, before texts are parsed and rows with faults are taken out.
pub struct Gathered<'a> {
    pub schema: &'a Schema,
    pub arrow: &'a SchemaRef,
    /// Which columns come as texts that are parsed into their type.
    pub parsed: &'a [bool],
    pub given: Vec<ArrayRef>,
    pub faults: Vec<Fault>,
    pub rows: usize,
    /// The number of the first row.
    pub first: u64,
}

/// A stream whose batches are made by a future that runs only while the stream is polled: dropping the stream drops the
/// future and so closes what it holds.
pub fn produce<Make, Work>(make: Make) -> BatchStream
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
    pub fn new(schema: &Schema, parsed: Vec<bool>) -> Self {
        let arrow = to_arrow(schema);
        let types = schema.fields.iter().zip(&parsed);
        let columns = types.map(|(field, parsed)| Column::new(if *parsed { DataType::Text } else { field.data_type }));
        let columns = columns.collect();
        Self { schema: schema.clone(), arrow, parsed, columns, faults: Vec::new(), rows: 0, bytes: 0, first: 1 }
    }

    /// A column's values, for who decodes them: one push a row, and [`Gather::weigh`] for the texts.
    #[inline]
    pub fn values(&mut self, column: usize) -> &mut Values {
        &mut self.columns[column].values
    }

    /// So many bytes came.
    #[inline]
    pub fn weigh(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub fn data_type(&self, column: usize) -> DataType {
        self.schema.fields[column].data_type
    }

    pub fn value(&mut self, column: usize, value: Value<'_>) -> Result<()> {
        match (&mut self.columns[column].values, value) {
            (Values::Int16(values), Value::Integer(value)) => match i16::try_from(value) {
                Ok(value) => values.push(value),
                Err(_) => return self.does_not_fit(column, value),
            },
            (Values::Int32(values), Value::Integer(value)) => match i32::try_from(value) {
                Ok(value) => values.push(value),
                Err(_) => return self.does_not_fit(column, value),
            },
            (Values::Int64(values), Value::Integer(value)) => values.push(value),
            (Values::Float32(values), Value::Float32(value)) => values.push(value),
            (Values::Float32(values), Value::Float64(value)) => match narrow(value) {
                Some(value) => values.push(value),
                None => return self.does_not_fit(column, value),
            },
            (Values::Float64(values), Value::Float64(value)) => values.push(value),
            (Values::Text(pieces), Value::Text(value)) => {
                self.bytes += value.len();
                return pieces.push(value.as_bytes()).taken();
            }
            (Values::Binary(pieces), Value::Binary(value)) => {
                self.bytes += value.len();
                return pieces.push(value).taken();
            }
            (_, value) => {
                let data_type = self.data_type(column);
                return Err(Error::internal(format!("a {data_type} column was given {value:?}")));
            }
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

    #[inline]
    pub fn null(&mut self, column: usize) {
        self.columns[column].null(self.rows);
    }

    /// The value cannot be given: its row will be among the rejected ones.
    pub fn refuse(&mut self, column: usize, refusal: Refusal) {
        self.bytes += refusal.text.len();
        self.faults.push(Fault { row: self.rows, column, refusal });
        self.null(column);
    }

    /// Ends a row; true when the batch should be taken.
    pub fn end_row(&mut self) -> bool {
        self.rows += 1;
        self.bytes += self.columns.len() * 8;
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// What was gathered, if anything, and room for the next rows.
    pub fn take(&mut self) -> Result<Option<Batch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        let first = self.first;
        self.first += rows as u64;
        self.bytes = 0;
        let mut faults = std::mem::take(&mut self.faults);
        let columns = self.columns.iter_mut().enumerate();
        let given = columns.map(|(number, column)| column.finish(rows, number, &mut faults)).collect();
        let (schema, arrow, parsed) = (&self.schema, &self.arrow, self.parsed.as_slice());
        Gathered { schema, arrow, parsed, given, faults, rows, first }.batch().map(Some)
    }
}

impl Gathered<'_> {
    pub fn batch(mut self) -> Result<Batch> {
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

/// `'abc' is not a valid int64`, with a long text cut.
pub fn not_a(text: &str, data_type: DataType) -> String {
    let short: String = text.chars().take(60).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("'{short}{cut}' is not a valid {data_type}")
}

pub fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("the rows read do not make a batch").caused_by(error)
}
