//! Texts of rows become batches of the wanted types; rows with a text that is no value are put aside with the reason.

use crate::connectors::{Batch, Rejected};
use crate::error::{Error, Result};
use crate::schema::{DataType, Schema, arrow::to_arrow, infer};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder};
use arrow::compute::filter;
use serde_json::{Map, Value};

/// A batch ends early when its texts are larger than this, so that memory stays bounded with very long texts.
const MAX_BATCH_BYTES: usize = 64 << 20;
/// How much of a text is shown in a reason.
const MAX_SHOWN: usize = 80;

/// Collects rows of texts for one batch after the other.
pub(crate) struct RowBuilder {
    schema: Schema,
    nulls: Vec<String>,
    columns: Vec<StringBuilder>,
    numbers: Vec<u64>,
    rejected: Vec<Rejected>,
    bytes: usize,
    capacity: usize,
}

impl RowBuilder {
    pub(crate) fn new(schema: &Schema, nulls: &[String], capacity: usize) -> Self {
        Self {
            schema: schema.clone(),
            nulls: nulls.to_vec(),
            columns: schema.fields.iter().map(|_| StringBuilder::new()).collect(),
            numbers: Vec::new(),
            rejected: Vec::new(),
            bytes: 0,
            capacity,
        }
    }

    /// The next column's text of the current row. An empty text is null but in a text column where it was `quoted`.
    pub(crate) fn push(&mut self, column: usize, text: Option<&str>, quoted: bool) {
        let (Some(builder), Some(field)) = (self.columns.get_mut(column), self.schema.fields.get(column)) else {
            return;
        };
        let is_text = field.data_type == DataType::Text;
        let kept = text.filter(|text| {
            let empty = if is_text { text.is_empty() && !quoted } else { text.trim().is_empty() };
            !empty && !self.nulls.iter().any(|null| null == text)
        });
        self.bytes += kept.map_or(0, str::len);
        builder.append_option(kept);
    }

    /// Every column has been given its text.
    pub(crate) fn end_row(&mut self, number: u64) {
        self.numbers.push(number);
    }

    /// A row without columns.
    pub(crate) fn reject(&mut self, row: u64, reason: impl Into<String>, raw: &[u8]) {
        let mut record = Map::new();
        record.insert("_raw".to_owned(), Value::String(String::from_utf8_lossy(raw).into_owned()));
        self.bytes += raw.len();
        self.rejected.push(Rejected { row, column: None, reason: reason.into(), record });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.numbers.len() + self.rejected.len() >= self.capacity || self.bytes >= MAX_BATCH_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.rejected.is_empty()
    }

    /// The batch collected so far; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<Batch> {
        let texts: Vec<StringArray> = self.columns.iter_mut().map(StringBuilder::finish).collect();
        let numbers = std::mem::take(&mut self.numbers);
        let mut rejected = std::mem::take(&mut self.rejected);
        self.bytes = 0;

        let mut bad: Vec<Option<usize>> = vec![None; numbers.len()];
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(texts.len());
        for (column, (texts, field)) in texts.iter().zip(&self.schema.fields).enumerate() {
            let (array, failed) = infer::parse(texts, field.data_type);
            for row in failed {
                if let Some(slot) = bad.get_mut(row) {
                    slot.get_or_insert(column);
                }
            }
            arrays.push(array);
        }
        for (row, column) in bad.iter().enumerate().filter_map(|(row, column)| column.map(|column| (row, column))) {
            rejected.push(self.refused(&texts, row, column, numbers.get(row).copied().unwrap_or_default()));
        }
        rejected.sort_by_key(|one| one.row);

        let keep: BooleanArray = bad.iter().map(|column| Some(column.is_none())).collect();
        let kept: Vec<u64> =
            numbers.iter().zip(&bad).filter(|(_, column)| column.is_none()).map(|(number, _)| *number).collect();
        if kept.len() < numbers.len() {
            for array in &mut arrays {
                *array = filter(array, &keep).map_err(|error| broken(&error))?;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let rows = RecordBatch::try_new_with_options(to_arrow(&self.schema), arrays, &options)
            .map_err(|error| broken(&error))?;
        Ok(Batch { rows, numbers: kept, rejected })
    }

    fn refused(&self, texts: &[StringArray], row: usize, column: usize, number: u64) -> Rejected {
        let text_at = |array: &StringArray| array.is_valid(row).then(|| array.value(row).to_owned());
        let record = self.schema.fields.iter().zip(texts);
        let record = record
            .map(|(field, array)| (field.name.clone(), text_at(array).map_or(Value::Null, Value::String)))
            .collect();
        let text = texts.get(column).and_then(text_at).unwrap_or_default();
        let field = self.schema.fields.get(column);
        let wanted = field.map_or("a value", |field| called(field.data_type));
        Rejected {
            row: number,
            column: field.map(|field| field.name.clone()),
            reason: format!("'{}' is not {wanted}", shown(&text)),
            record,
        }
    }
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("rows could not be put together").caused_by(error)
}

/// One line, not too long.
fn shown(text: &str) -> String {
    let line: String = text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
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
