//! Texts of rows become batches of the wanted types; rows with a text that is no value are put aside with the reason.

use super::columns::{Cells, Column, Span};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use windvane_connect::{Batch, Rejected};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema, arrow::to_arrow, infer};

/// A batch ends early when its texts are larger than this, so that memory stays bounded with very long texts.
const MAX_BATCH_BYTES: usize = 64 << 20;
/// Rows that are given one by one wait for each other, up to so many or so long.
const LOOSE_ROWS: usize = 256;
const LOOSE_BYTES: usize = 1 << 20;
/// How much of a text is shown in a reason.
const MAX_SHOWN: usize = 80;

/// Collects rows of texts for one batch after the other.
pub struct RowBuilder {
    schema: Schema,
    nulls: Vec<String>,
    columns: Vec<Column>,
    numbers: Vec<u64>,
    rejected: Vec<Rejected>,
    /// Rows of the batch that hold a text that is no value.
    bad: Vec<usize>,
    bytes: usize,
    capacity: usize,
    /// Rows that were given one by one and are not in the columns yet.
    loose: Loose,
}

/// Texts of rows, column by column.
#[derive(Default)]
struct Loose {
    text: Vec<u8>,
    spans: Vec<Span>,
    numbers: Vec<u64>,
}

/// Rows of fields in one text.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub(super) text: &'a [u8],
    /// All fields of the first row, then those of the next.
    pub(super) spans: &'a [Span],
    /// How many fields a row has.
    pub(super) width: usize,
}

impl RowBuilder {
    pub fn new(schema: &Schema, nulls: &[String], capacity: usize) -> Self {
        Self {
            schema: schema.clone(),
            nulls: nulls.to_vec(),
            columns: schema.fields.iter().map(|field| Column::new(field.data_type)).collect(),
            numbers: Vec::new(),
            rejected: Vec::new(),
            bad: Vec::new(),
            bytes: 0,
            capacity,
            loose: Loose::default(),
        }
    }

    /// The current row's text of the next column. An empty text is null but in a text column where it was `quoted`.
    pub fn push(&mut self, text: Option<&str>, quoted: bool) {
        let start = offset(self.loose.text.len());
        self.loose.spans.push(match text {
            None => Span::NONE,
            Some(text) => {
                self.loose.text.extend_from_slice(text.as_bytes());
                Span { start, end: offset(self.loose.text.len()), quoted }
            }
        });
    }

    /// Every column has been given its text, in the order of the schema.
    pub fn end_row(&mut self, number: u64) {
        self.loose.numbers.push(number);
        if self.loose.numbers.len() >= LOOSE_ROWS || self.loose.text.len() >= LOOSE_BYTES {
            self.settle();
        }
    }

    /// Takes the rows that were given one by one into the columns.
    fn settle(&mut self) {
        if self.loose.numbers.is_empty() {
            return;
        }
        let mut loose = std::mem::take(&mut self.loose);
        let width = self.schema.fields.len();
        let tile = Tile { text: &loose.text, spans: &loose.spans, width };
        let places: Vec<Option<usize>> = (0..width).map(Some).collect();
        self.take(tile, &places, &loose.numbers);
        loose.text.clear();
        loose.spans.clear();
        loose.numbers.clear();
        self.loose = loose;
    }

    /// Rows whose fields stand in a text, and their numbers; `places` says where in a row each column stands.
    pub(super) fn push_tile(&mut self, tile: Tile<'_>, places: &[Option<usize>], numbers: &[u64]) {
        self.settle();
        self.take(tile, places, numbers);
    }

    fn take(&mut self, tile: Tile<'_>, places: &[Option<usize>], numbers: &[u64]) {
        let mut failed: BTreeMap<usize, usize> = BTreeMap::new();
        let mut rows = Vec::new();
        let none = Cells { text: tile.text, spans: &[], stride: 0, rows: numbers.len(), nulls: &self.nulls };
        for (column, (builder, place)) in self.columns.iter_mut().zip(places).enumerate() {
            let cells = match place.and_then(|place| tile.spans.get(place..)) {
                Some(spans) => Cells { spans, stride: tile.width, ..none },
                None => none,
            };
            builder.extend(cells, &mut rows);
            for row in rows.drain(..) {
                failed.entry(row).or_insert(column);
            }
        }
        let first = self.numbers.len();
        for (row, column) in failed {
            let fields = tile.spans.get(row * tile.width..).unwrap_or_default();
            let number = numbers.get(row).copied().unwrap_or_default();
            self.rejected.push(self.refused(tile.text, fields, places, column, number));
            self.bad.push(first + row);
        }
        self.numbers.extend_from_slice(numbers);
        let span = |one: Option<&Span>| one.map_or(0, |span| span.end.max(span.start) as usize);
        self.bytes += span(tile.spans.last()).saturating_sub(tile.spans.first().map_or(0, |span| span.start as usize));
    }

    /// A row without columns.
    pub fn reject(&mut self, row: u64, reason: impl Into<String>, raw: &[u8]) {
        let mut record = Map::new();
        record.insert("_raw".to_owned(), Value::String(String::from_utf8_lossy(raw).into_owned()));
        self.bytes += raw.len();
        self.rejected.push(Rejected { row, column: None, reason: reason.into(), record });
    }

    /// How many rows still fit.
    pub(super) fn room(&self) -> usize {
        let rows = self.numbers.len() + self.loose.numbers.len() + self.rejected.len();
        if self.bytes + self.loose.text.len() >= MAX_BATCH_BYTES { 0 } else { self.capacity.saturating_sub(rows) }
    }

    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.loose.numbers.is_empty() && self.rejected.is_empty()
    }

    /// The batch collected so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> Result<Batch> {
        self.settle();
        let mut numbers = std::mem::take(&mut self.numbers);
        let mut rejected = std::mem::take(&mut self.rejected);
        let bad = std::mem::take(&mut self.bad);
        self.bytes = 0;
        let arrays = self.columns.iter_mut().map(Column::finish);
        let mut arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        rejected.sort_by_key(|one| one.row);
        if !bad.is_empty() {
            let mut keep = vec![true; numbers.len()];
            for row in bad {
                keep[row] = false;
            }
            let mut flags = keep.iter();
            numbers.retain(|_| flags.next().copied().unwrap_or(true));
            let keep = BooleanArray::from(keep);
            for array in &mut arrays {
                *array = filter(array, &keep).map_err(|error| broken(&error))?;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        let rows = RecordBatch::try_new_with_options(to_arrow(&self.schema), arrays, &options)
            .map_err(|error| broken(&error))?;
        Ok(Batch { rows, numbers, rejected })
    }

    fn refused(&self, text: &[u8], fields: &[Span], places: &[Option<usize>], column: usize, number: u64) -> Rejected {
        let text_at = |column: usize| {
            let span = places.get(column).copied().flatten().and_then(|place| fields.get(place))?;
            let written = span.of(text).and_then(|field| std::str::from_utf8(field).ok())?;
            let is_text = self.schema.fields.get(column).is_some_and(|field| field.data_type == DataType::Text);
            let empty = if is_text { written.is_empty() && !span.quoted } else { written.trim().is_empty() };
            (!empty && !self.nulls.iter().any(|null| null == written)).then(|| written.to_owned())
        };
        let record = self.schema.names().enumerate();
        let record = record.map(|(at, name)| (name.to_owned(), text_at(at).map_or(Value::Null, Value::String)));
        let field = self.schema.fields.get(column);
        let written = text_at(column).unwrap_or_default();
        let wanted = match field.map(|field| field.data_type) {
            None => "a value",
            Some(DataType::Float32 | DataType::Float64) if written.trim().parse::<f64>().is_ok() => {
                "a number that a float can hold"
            }
            Some(data_type) => called(data_type),
        };
        Rejected {
            row: number,
            column: field.map(|field| field.name.clone()),
            reason: if infer::is_code(&written) && field.is_some_and(|field| is_number(field.data_type)) {
                format!("'{}' is written as codes are: a number would not give it back", shown(&written))
            } else {
                format!("'{}' is not {wanted}", shown(&written))
            },
            record: record.collect(),
        }
    }
}

/// Texts end long before 4 GiB.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be put together").caused_by(error)
}

/// One line, not too long.
fn shown(text: &str) -> String {
    let line: String = text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}

fn is_number(data_type: DataType) -> bool {
    use DataType::{Decimal, Float32, Float64, Int16, Int32, Int64};
    matches!(data_type, Int16 | Int32 | Int64 | Float32 | Float64 | Decimal { .. })
}

fn called(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "a boolean",
        DataType::Int16 => "a whole number of 16 bits",
        DataType::Int32 => "a whole number of 32 bits",
        DataType::Int64 => "a whole number",
        DataType::Float32 | DataType::Float64 => "a number",
        DataType::Decimal { .. } => "a decimal number of the planned size",
        DataType::Text => "a text",
        DataType::Binary => "hexadecimal after \\x",
        DataType::Date => "a date",
        DataType::Time => "a time",
        DataType::Timestamp => "a timestamp",
        DataType::TimestampTz => "a timestamp with a zone",
        DataType::Json => "JSON",
        DataType::Uuid => "a UUID",
    }
}
