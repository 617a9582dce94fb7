//! From single values to batches: what the readers of databases share.
//!
//! Values arrive row by row, column by column. A value that is not one of the wanted type makes its row a rejected one;
//! a batch leaves when it has enough rows or enough bytes, so that wide rows do not take all memory.

use crate::batch::{BATCH_ROWS, Batch};
use crate::column::{Column, Values, narrow};
use crate::raw_batch::RawBatch;
use crate::refusal::{Fault, Refusal};
use arrow::datatypes::SchemaRef;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema, arrow::to_arrow};

/// A batch is handed on once its values take this much, unless the reader says otherwise.
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

/// The rows of the next batch.
pub struct BatchBuilder {
    schema: Schema,
    arrow: SchemaRef,
    /// Which columns come as texts that are parsed into their type when the batch is taken.
    parsed: Vec<bool>,
    columns: Vec<Column>,
    faults: Vec<Fault>,
    rows: usize,
    bytes: usize,
    /// A batch is handed on once it has so many, however few rows it has.
    most: usize,
    /// The number of the first row of the batch.
    first: u64,
}

impl BatchBuilder {
    pub fn new(schema: &Schema, parsed: Vec<bool>) -> Self {
        Self::cut_at(BATCH_BYTES, schema, parsed)
    }

    pub fn cut_at(most: usize, schema: &Schema, parsed: Vec<bool>) -> Self {
        let arrow = to_arrow(schema);
        let types = schema.fields.iter().zip(&parsed);
        let columns = types.map(|(field, parsed)| Column::new(if *parsed { DataType::Text } else { field.data_type }));
        let columns = columns.collect();
        Self { schema: schema.clone(), arrow, parsed, columns, faults: Vec::new(), rows: 0, bytes: 0, most, first: 1 }
    }

    /// A column's values, for who decodes them: one push a row, and [`BatchBuilder::weigh`] for the texts.
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
        self.end_row_of(self.columns.len() * 8);
        self.is_full()
    }

    /// Ends a row that took so many bytes beside those that were weighed.
    #[inline]
    pub fn end_row_of(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Whether the batch should be taken.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= self.most
    }

    /// Takes back what a row that did not come to its end has left.
    pub fn forget_row(&mut self) {
        let rows = self.rows;
        self.faults.retain(|fault| fault.row < rows);
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    /// The next row is the first one again.
    pub fn count_from_one(&mut self) {
        self.first = 1;
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
        RawBatch { schema, arrow, parsed, given, faults, rows, first }.batch().map(Some)
    }
}
