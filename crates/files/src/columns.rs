//! Texts appended to typed columns, many at once: short loops over the bytes of one column.
//!
//! The common spellings are parsed from their bytes. Whatever these parsers do not know goes to the value functions of
//! `schema::infer`, so that a text means the same here and there.

use super::digits;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use std::str;
use std::sync::Arc;
use windvane_core::schema::{DataType, arrow::type_to_arrow, infer};

/// Where a field stands in its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) quoted: bool,
}

impl Span {
    /// Of a field that is not there.
    pub(super) const NONE: Self = Self { start: 1, end: 0, quoted: false };

    /// The field's bytes; nothing where it is not there.
    pub(super) fn of(self, text: &[u8]) -> Option<&[u8]> {
        text.get(self.start as usize..self.end as usize)
    }
}

/// One field of each row: every `stride`-th of these, or the first one for all.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) text: &'a [u8],
    pub(super) spans: &'a [Span],
    pub(super) stride: usize,
    pub(super) rows: usize,
    /// Texts that mean null.
    pub(super) nulls: &'a [String],
}

impl<'a> Cells<'a> {
    fn spans(self) -> impl Iterator<Item = Span> + 'a {
        (0..self.rows).map(move |row| self.spans.get(row * self.stride).copied().unwrap_or(Span::NONE))
    }

    /// The bytes of a field that is there and not spelled as null; emptiness is for the column to judge.
    fn written(self, span: Span) -> Option<&'a [u8]> {
        let field = span.of(self.text)?;
        (self.nulls.is_empty() || !self.nulls.iter().any(|null| null.as_bytes() == field)).then_some(field)
    }
}

/// A column that grows.
pub(super) struct Column {
    data_type: DataType,
    values: Values,
    /// Rows without a value, ascending.
    nulls: Vec<usize>,
    rows: usize,
}

enum Values {
    Boolean(Vec<bool>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>),
    /// Texts or bytes, one after the other, and where each ends.
    Bytes(Vec<u8>, Vec<i32>),
}

impl Column {
    pub(super) fn new(data_type: DataType) -> Self {
        let values = match data_type {
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::Int16 => Values::Int16(Vec::new()),
            DataType::Int32 | DataType::Date => Values::Int32(Vec::new()),
            DataType::Int64 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => Values::Int64(Vec::new()),
            DataType::Float32 => Values::Float32(Vec::new()),
            DataType::Float64 => Values::Float64(Vec::new()),
            DataType::Decimal { .. } => Values::Decimal(Vec::new()),
            DataType::Text | DataType::Json | DataType::Uuid | DataType::Binary => Values::Bytes(Vec::new(), vec![0]),
        };
        Self { data_type, values, nulls: Vec::new(), rows: 0 }
    }

    /// Takes in one field of each row; the rows (from 0) whose text is no value go to `failed` and are null here.
    pub(super) fn extend(&mut self, cells: Cells<'_>, failed: &mut Vec<usize>) {
        let mut sink = Sink { nulls: &mut self.nulls, first: self.rows, failed };
        self.rows += match (&mut self.values, self.data_type) {
            (Values::Bytes(bytes, ends), DataType::Text) => texts(bytes, ends, cells, &mut sink),
            (Values::Bytes(bytes, ends), data_type) => checked(bytes, ends, data_type, cells, &mut sink),
            (Values::Boolean(values), _) => each(values, cells, &mut sink, |_| None, infer::boolean),
            (Values::Int16(values), _) => {
                let fast = |field: &[u8]| digits::whole(field).and_then(|value| value.try_into().ok());
                each(values, cells, &mut sink, fast, |text| infer::plain_number(text, |text| text.parse().ok()))
            }
            (Values::Int32(values), DataType::Date) => each(values, cells, &mut sink, digits::date, infer::date),
            (Values::Int32(values), _) => {
                let fast = |field: &[u8]| digits::whole(field).and_then(|value| value.try_into().ok());
                each(values, cells, &mut sink, fast, |text| infer::plain_number(text, |text| text.parse().ok()))
            }
            (Values::Int64(values), DataType::Time) => each(values, cells, &mut sink, |_| None, infer::time),
            (Values::Int64(values), DataType::Timestamp) => each(values, cells, &mut sink, |_| None, infer::moment),
            (Values::Int64(values), DataType::TimestampTz) => {
                each(values, cells, &mut sink, |_| None, infer::timestamp_tz)
            }
            (Values::Int64(values), _) => each(values, cells, &mut sink, digits::whole, |text| {
                infer::plain_number(text, |text| text.parse().ok())
            }),
            (Values::Float32(values), _) => {
                each(values, cells, &mut sink, |_| None, |text| infer::plain_number(text, infer::single))
            }
            (Values::Float64(values), _) => {
                each(values, cells, &mut sink, |_| None, |text| infer::plain_number(text, infer::exact_double))
            }
            (Values::Decimal(values), DataType::Decimal { precision, scale }) => {
                let fast = |field: &[u8]| digits::decimal(field, precision, scale);
                let slow = |text: &str| infer::plain_number(text, |text| infer::decimal(text, precision, scale));
                each(values, cells, &mut sink, fast, slow)
            }
            (Values::Decimal(_), _) => 0,
        };
    }

    /// What was collected; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let nulls = validity(&std::mem::take(&mut self.nulls), rows);
        let column = std::mem::replace(self, Self::new(self.data_type));
        Ok(match (column.values, column.data_type) {
            (Values::Boolean(values), _) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)),
            (Values::Int16(values), _) => Arc::new(Int16Array::try_new(values.into(), nulls)?),
            (Values::Int32(values), DataType::Date) => Arc::new(Date32Array::try_new(values.into(), nulls)?),
            (Values::Int32(values), _) => Arc::new(Int32Array::try_new(values.into(), nulls)?),
            (Values::Int64(values), DataType::Time) => Arc::new(Time64MicrosecondArray::try_new(values.into(), nulls)?),
            (Values::Int64(values), DataType::Timestamp) => {
                Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?)
            }
            (Values::Int64(values), DataType::TimestampTz) => {
                Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
            }
            (Values::Int64(values), _) => Arc::new(Int64Array::try_new(values.into(), nulls)?),
            (Values::Float32(values), _) => Arc::new(Float32Array::try_new(values.into(), nulls)?),
            (Values::Float64(values), _) => Arc::new(Float64Array::try_new(values.into(), nulls)?),
            (Values::Decimal(values), data_type) => {
                let array = Decimal128Array::try_new(values.into(), nulls)?;
                Arc::new(array.with_data_type(type_to_arrow(data_type)))
            }
            (Values::Bytes(bytes, ends), data_type) => {
                let (ends, bytes) = (OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(bytes));
                if data_type == DataType::Binary {
                    Arc::new(BinaryArray::try_new(ends, bytes, nulls)?)
                } else {
                    Arc::new(StringArray::try_new(ends, bytes, nulls)?)
                }
            }
        })
    }
}

/// Where rows without a value are noted.
struct Sink<'a> {
    nulls: &'a mut Vec<usize>,
    /// The column's number of rows before these.
    first: usize,
    failed: &'a mut Vec<usize>,
}

impl Sink<'_> {
    #[cold]
    fn failed(&mut self, row: usize) {
        self.failed.push(row);
        self.nulls.push(self.first + row);
    }
}

fn validity(nulls: &[usize], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = vec![0xFF_u8; rows.div_ceil(8)];
    for row in nulls {
        if let Some(byte) = bits.get_mut(row / 8) {
            *byte &= !(1 << (row % 8));
        }
    }
    Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
}

/// Values of one size: by their bytes where `fast` knows them, otherwise as trimmed text.
fn each<T: Copy + Default>(
    values: &mut Vec<T>,
    cells: Cells<'_>,
    sink: &mut Sink<'_>,
    fast: impl Fn(&[u8]) -> Option<T>,
    slow: impl Fn(&str) -> Option<T>,
) -> usize {
    let before = values.len();
    values.reserve(cells.rows);
    for (row, span) in cells.spans().enumerate() {
        let Some(field) = cells.written(span).filter(|field| !field.is_empty()) else {
            sink.nulls.push(sink.first + row);
            values.push(T::default());
            continue;
        };
        if let Some(value) = fast(field) {
            values.push(value);
            continue;
        }
        match str::from_utf8(field).map(str::trim) {
            Ok("") => sink.nulls.push(sink.first + row),
            Ok(text) => {
                if let Some(value) = slow(text) {
                    values.push(value);
                    continue;
                }
                sink.failed(row);
            }
            Err(_) => sink.failed(row),
        }
        values.push(T::default());
    }
    values.len() - before
}

/// An empty text that was not quoted is null.
fn texts(bytes: &mut Vec<u8>, ends: &mut Vec<i32>, cells: Cells<'_>, sink: &mut Sink<'_>) -> usize {
    let before = ends.len();
    for (row, span) in cells.spans().enumerate() {
        match cells.written(span).filter(|field| !field.is_empty() || span.quoted) {
            Some(field) => bytes.extend_from_slice(field),
            None => sink.nulls.push(sink.first + row),
        }
        ends.push(end(bytes));
    }
    ends.len() - before
}

/// Texts of a form, and bytes.
fn checked(
    bytes: &mut Vec<u8>,
    ends: &mut Vec<i32>,
    data_type: DataType,
    cells: Cells<'_>,
    sink: &mut Sink<'_>,
) -> usize {
    let before = ends.len();
    for (row, span) in cells.spans().enumerate() {
        match cells.written(span).map(str::from_utf8) {
            None => sink.nulls.push(sink.first + row),
            Some(Err(_)) => sink.failed(row),
            Some(Ok(text)) if text.trim().is_empty() => sink.nulls.push(sink.first + row),
            Some(Ok(text)) => match (data_type, text.trim()) {
                (DataType::Json, _) if infer::is_json(text) => bytes.extend_from_slice(text.as_bytes()),
                (DataType::Uuid, text) if infer::uuid(text) => {
                    bytes.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
                }
                (DataType::Binary, text) => match infer::hex(text) {
                    Some(value) => bytes.extend_from_slice(&value),
                    None => sink.failed(row),
                },
                _ => sink.failed(row),
            },
        }
        ends.push(end(bytes));
    }
    ends.len() - before
}

/// Batches end long before 2 GiB; a number beyond would be refused as an offset that does not ascend.
fn end(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}
