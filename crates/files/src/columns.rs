//! Texts appended to typed columns, many at once: short loops over the bytes of one column.
//!
//! The common spellings are parsed from their bytes. Whatever these parsers do not know goes to the value functions of
//! `schema::infer`, so that a text means the same here and there.

use super::digits;
use arrow::array::ArrayRef;
use std::borrow::Cow;
use std::str::{self, FromStr};
use windvane_connect::column::{self, Pieces, Put, Values};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, infer};

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
    inner: column::Column,
    rows: usize,
}

impl Column {
    pub(super) fn new(data_type: DataType) -> Self {
        Self { data_type, inner: column::Column::new(data_type), rows: 0 }
    }

    /// Takes in one field of each row; the rows (from 0) whose text is no value go to `failed` and are null here.
    pub(super) fn extend(&mut self, cells: Cells<'_>, failed: &mut Vec<usize>) {
        let column::Column { values, nulls } = &mut self.inner;
        let mut sink = Sink { nulls, first: self.rows, failed };
        self.rows += cells.rows;
        match values {
            Values::Text(pieces) if self.data_type == DataType::Text => texts(pieces, cells, &mut sink),
            Values::Text(pieces) | Values::Binary(pieces) => checked(pieces, self.data_type, cells, &mut sink),
            Values::Boolean(values) => each(values, cells, &mut sink, |_| None, infer::boolean),
            Values::Int16(values) => each(values, cells, &mut sink, narrowed, number),
            Values::Int32(values) => each(values, cells, &mut sink, narrowed, number),
            Values::Int64(values) => each(values, cells, &mut sink, digits::whole, number),
            Values::Date(values) => each(values, cells, &mut sink, digits::date, infer::date),
            Values::Time(values) => each(values, cells, &mut sink, |_| None, infer::time),
            Values::Timestamp(values, DataType::TimestampTz) => {
                each(values, cells, &mut sink, |_| None, infer::timestamp_tz);
            }
            Values::Timestamp(values, _) => each(values, cells, &mut sink, |_| None, infer::moment),
            Values::Float32(values) => {
                each(values, cells, &mut sink, |_| None, |text| infer::plain_number(text, infer::single));
            }
            Values::Float64(values) => {
                each(values, cells, &mut sink, |_| None, |text| infer::plain_number(text, infer::exact_double));
            }
            Values::Decimal(values, data_type) => {
                let DataType::Decimal { precision, scale } = *data_type else { return };
                let fast = |field: &[u8]| digits::decimal(field, precision, scale);
                let slow = |text: &str| infer::plain_number(text, |text| infer::decimal(text, precision, scale));
                each(values, cells, &mut sink, fast, slow);
            }
        }
    }

    /// What was collected; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        let mut faults = Vec::new();
        let array = self.inner.finish(std::mem::take(&mut self.rows), 0, &mut faults);
        match faults.first() {
            // Fields of records are known to be text.
            Some(fault) => Err(Error::internal("rows could not be put together").in_row(fault.row as u64)),
            None => Ok(array),
        }
    }
}

fn narrowed<T: TryFrom<i64>>(field: &[u8]) -> Option<T> {
    digits::whole(field).and_then(|value| value.try_into().ok())
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    infer::plain_number(text, |text| text.parse().ok())
}

/// Where rows without a value are noted.
struct Sink<'a> {
    nulls: &'a mut Vec<usize>,
    /// The column's number of rows before these.
    first: usize,
    failed: &'a mut Vec<usize>,
}

impl Sink<'_> {
    fn put(&mut self, pieces: &mut Pieces, value: &[u8], row: usize) {
        match pieces.push(value) {
            Put::Taken => {}
            // More than 2 GiB in one batch.
            Put::Refused | Put::Garbled => self.refuse(pieces, row),
        }
    }

    fn none(&mut self, pieces: &mut Pieces, row: usize) {
        pieces.push_nothing();
        self.nulls.push(self.first + row);
    }

    fn refuse(&mut self, pieces: &mut Pieces, row: usize) {
        pieces.push_nothing();
        self.failed(row);
    }

    #[cold]
    fn failed(&mut self, row: usize) {
        self.failed.push(row);
        self.nulls.push(self.first + row);
    }
}

/// Values of one size: by their bytes where `fast` knows them, otherwise as trimmed text.
fn each<T: Copy + Default>(
    values: &mut Vec<T>,
    cells: Cells<'_>,
    sink: &mut Sink<'_>,
    fast: impl Fn(&[u8]) -> Option<T>,
    slow: impl Fn(&str) -> Option<T>,
) {
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
}

/// An empty text that was not quoted is null.
fn texts(pieces: &mut Pieces, cells: Cells<'_>, sink: &mut Sink<'_>) {
    for (row, span) in cells.spans().enumerate() {
        match cells.written(span).filter(|field| !field.is_empty() || span.quoted) {
            Some(field) => sink.put(pieces, field, row),
            None => sink.none(pieces, row),
        }
    }
}

/// Texts of a form, and bytes.
fn checked(pieces: &mut Pieces, data_type: DataType, cells: Cells<'_>, sink: &mut Sink<'_>) {
    for (row, span) in cells.spans().enumerate() {
        let text = match cells.written(span).map(str::from_utf8) {
            Some(Ok(text)) if !text.trim().is_empty() => text,
            None | Some(Ok(_)) => {
                sink.none(pieces, row);
                continue;
            }
            Some(Err(_)) => {
                sink.refuse(pieces, row);
                continue;
            }
        };
        let value = match (data_type, text.trim()) {
            (DataType::Json, _) if infer::is_json(text) => Some(Cow::Borrowed(text.as_bytes())),
            (DataType::Uuid, text) if infer::uuid(text) => Some(Cow::Owned(text.to_ascii_lowercase().into_bytes())),
            (DataType::Binary, text) => infer::hex(text).map(Cow::Owned),
            _ => None,
        };
        match value {
            Some(value) => sink.put(pieces, &value, row),
            None => sink.refuse(pieces, row),
        }
    }
}
