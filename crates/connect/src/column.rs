//! The values of one column of the next batch, in the buffers that its array will own.
//!
//! Nulls are held as a list of rows: most columns have none. Texts are found to be UTF-8 a column of a batch at a time;
//! only where that fails, row by row.

use crate::refusal::{Fault, Refusal};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, PrimitiveArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, arrow::type_to_arrow};

pub struct Column {
    pub values: Values,
    /// The rows without a value.
    pub nulls: Vec<usize>,
}

/// One for every row, also for those without a value.
pub enum Values {
    Boolean(Vec<bool>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    /// In units of the last digit.
    Decimal(Vec<i128>, DataType),
    Text(Pieces),
    Binary(Pieces),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>, DataType),
}

/// Values of any length, one after the other.
pub struct Pieces {
    ends: Vec<i32>,
    data: Vec<u8>,
}

/// What became of a value.
pub enum Put {
    Taken,
    /// It is none of the column's type.
    Refused,
    /// It is nothing that the server should have sent.
    Garbled,
}

impl Column {
    pub fn new(data_type: DataType) -> Self {
        let values = match data_type {
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::Int16 => Values::Int16(Vec::new()),
            DataType::Int32 => Values::Int32(Vec::new()),
            DataType::Int64 => Values::Int64(Vec::new()),
            DataType::Float32 => Values::Float32(Vec::new()),
            DataType::Float64 => Values::Float64(Vec::new()),
            DataType::Decimal { .. } => Values::Decimal(Vec::new(), data_type),
            DataType::Text | DataType::Json | DataType::Uuid => Values::Text(Pieces::default()),
            DataType::Binary => Values::Binary(Pieces::default()),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Time => Values::Time(Vec::new()),
            DataType::Timestamp | DataType::TimestampTz => Values::Timestamp(Vec::new(), data_type),
        };
        Self { values, nulls: Vec::new() }
    }

    #[inline]
    pub fn null(&mut self, row: usize) {
        self.nulls.push(row);
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::Int16(values) => values.push(0),
            Values::Int32(values) | Values::Date(values) => values.push(0),
            Values::Int64(values) | Values::Time(values) | Values::Timestamp(values, _) => values.push(0),
            Values::Float32(values) => values.push(0.0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(values, _) => values.push(0),
            Values::Text(pieces) | Values::Binary(pieces) => pieces.push_nothing(),
        }
    }

    /// Keeps so many rows.
    pub fn truncate(&mut self, rows: usize) {
        self.nulls.retain(|row| *row < rows);
        match &mut self.values {
            Values::Boolean(values) => values.truncate(rows),
            Values::Int16(values) => values.truncate(rows),
            Values::Int32(values) | Values::Date(values) => values.truncate(rows),
            Values::Int64(values) | Values::Time(values) | Values::Timestamp(values, _) => values.truncate(rows),
            Values::Float32(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Decimal(values, _) => values.truncate(rows),
            Values::Text(pieces) | Values::Binary(pieces) => pieces.truncate(rows),
        }
    }

    /// The array of the rows so far, with as much room left behind for the next ones. `number` is the column's own, for
    /// the faults: texts that are not UTF-8.
    pub fn finish(&mut self, rows: usize, number: usize, faults: &mut Vec<Fault>) -> ArrayRef {
        let nulls = std::mem::take(&mut self.nulls);
        match &mut self.values {
            Values::Boolean(values) => {
                Arc::new(BooleanArray::new(BooleanBuffer::from(fresh(values)), validity(rows, &nulls)))
            }
            Values::Int16(values) => primitive::<Int16Type>(values, &nulls),
            Values::Int32(values) => primitive::<Int32Type>(values, &nulls),
            Values::Int64(values) => primitive::<Int64Type>(values, &nulls),
            Values::Float32(values) => primitive::<Float32Type>(values, &nulls),
            Values::Float64(values) => primitive::<Float64Type>(values, &nulls),
            Values::Date(values) => primitive::<Date32Type>(values, &nulls),
            Values::Time(values) => {
                Arc::new(Time64MicrosecondArray::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls)))
            }
            Values::Timestamp(values, data_type) => {
                let array = TimestampMicrosecondArray::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls));
                Arc::new(array.with_data_type(type_to_arrow(*data_type)))
            }
            Values::Decimal(values, data_type) => {
                let array = Decimal128Array::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls));
                Arc::new(array.with_data_type(type_to_arrow(*data_type)))
            }
            Values::Binary(pieces) => {
                let (offsets, data) = pieces.fresh();
                Arc::new(BinaryArray::new(offsets, Buffer::from_vec(data), validity(rows, &nulls)))
            }
            Values::Text(pieces) => {
                let (offsets, data) = pieces.fresh();
                texts(offsets, data, nulls, number, faults)
            }
        }
    }
}

impl Put {
    /// Of a value that every column of its kind takes.
    pub fn taken(&self) -> Result<()> {
        match self {
            Self::Taken => Ok(()),
            Self::Refused | Self::Garbled => Err(Error::unsupported("the values of a few rows take more than 2 GB")
                .hint("Leave the column out, or cut its values in a view")),
        }
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self { ends: vec![0], data: Vec::new() }
    }
}

impl Pieces {
    /// A batch holds a few megabytes and one value more, which the servers limit to one gigabyte.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Put {
        self.data.extend_from_slice(bytes);
        match i32::try_from(self.data.len()) {
            Ok(end) => {
                self.ends.push(end);
                Put::Taken
            }
            Err(_) => Put::Garbled,
        }
    }

    #[inline]
    pub fn push_nothing(&mut self) {
        self.ends.extend(self.ends.last().copied());
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let end = self.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        self.data.truncate(end);
    }

    fn fresh(&mut self) -> (OffsetBuffer<i32>, Vec<u8>) {
        let mut next = Vec::with_capacity(self.ends.len());
        next.push(0);
        let ends = std::mem::replace(&mut self.ends, next);
        (OffsetBuffer::new(ScalarBuffer::from(ends)), fresh(&mut self.data))
    }
}

/// Keeps a decoded value when `fit` has a word for it.
#[inline]
pub fn keep<Sent, Kept>(values: &mut Vec<Kept>, sent: Option<Sent>, fit: impl Fn(Sent) -> Option<Kept>) -> Put {
    let Some(sent) = sent else { return Put::Garbled };
    let Some(value) = fit(sent) else { return Put::Refused };
    values.push(value);
    Put::Taken
}

/// The same number as a single float, if there is one.
#[expect(clippy::cast_possible_truncation, reason = "compared right after")]
pub fn narrow(value: f64) -> Option<f32> {
    let single = value as f32;
    (value.is_nan() || f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

/// The values, with as much room left behind for the next ones.
fn fresh<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(values.len());
    std::mem::replace(values, next)
}

fn validity(rows: usize, nulls: &[usize]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = vec![u8::MAX; rows.div_ceil(8)];
    for row in nulls {
        bits[row / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
}

fn primitive<Kind: ArrowPrimitiveType>(values: &mut Vec<Kind::Native>, nulls: &[usize]) -> ArrayRef {
    let values = fresh(values);
    let validity = validity(values.len(), nulls);
    Arc::new(PrimitiveArray::<Kind>::new(ScalarBuffer::from(values), validity))
}

/// The texts of a batch; those that are not UTF-8 become faults.
fn texts(
    offsets: OffsetBuffer<i32>,
    data: Vec<u8>,
    mut nulls: Vec<usize>,
    column: usize,
    faults: &mut Vec<Fault>,
) -> ArrayRef {
    let rows = offsets.len() - 1;
    let data = Buffer::from_vec(data);
    if let Ok(array) = StringArray::try_new(offsets.clone(), data.clone(), validity(rows, &nulls)) {
        return Arc::new(array);
    }
    // Rare: an SQL_ASCII database gives whatever it was given.
    let raw = BinaryArray::new(offsets, data, None);
    let mut texts = Vec::with_capacity(rows);
    for row in 0..rows {
        let text = std::str::from_utf8(raw.value(row));
        if text.is_err() {
            let text = String::from_utf8_lossy(raw.value(row)).into_owned();
            faults.push(Fault { row, column, refusal: Refusal { reason: "the text is not UTF-8".to_owned(), text } });
            nulls.push(row);
        }
        texts.push(text.ok());
    }
    for row in nulls {
        texts[row] = None;
    }
    Arc::new(StringArray::from(texts))
}
