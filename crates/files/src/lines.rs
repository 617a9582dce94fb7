//! Rows as lines of CSV and of JSON.

use super::text::texts;
use arrow::array::{Array, RecordBatch, StringArray};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};

fn columns_as_texts(batch: &RecordBatch, schema: &Schema) -> Result<Vec<StringArray>> {
    batch.columns().iter().zip(&schema.fields).map(|(column, field)| texts(column, field.data_type)).collect()
}

pub(super) fn csv_lines(batch: &RecordBatch, schema: &Schema) -> Result<Vec<u8>> {
    let columns = columns_as_texts(batch, schema)?;
    // Numbers, days and the like hold nothing that needs quotes.
    let simple = |data_type| !matches!(data_type, DataType::Text | DataType::Json | DataType::Uuid);
    let columns: Vec<(StringArray, bool)> =
        columns.into_iter().zip(&schema.fields).map(|(texts, field)| (texts, simple(field.data_type))).collect();
    // Other readers pass over an empty line: the null of a single column is `""` where that cannot be an empty text.
    let alone = columns.len() == 1 && schema.fields.iter().all(|field| field.data_type != DataType::Text);
    let mut out = Vec::with_capacity(columns.iter().map(|(texts, _)| texts.value_data().len() + texts.len()).sum());
    for row in 0..batch.num_rows() {
        for (at, (column, simple)) in columns.iter().enumerate() {
            let text = column.is_valid(row).then(|| column.value(row)).or(alone.then_some(""));
            if *simple && !(alone && text == Some("")) {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(text.unwrap_or_default().as_bytes());
            } else {
                csv_field(&mut out, at, text);
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// RFC 4180. Null is empty, the empty text is `""`.
pub(super) fn csv_field(out: &mut Vec<u8>, at: usize, text: Option<&str>) {
    if at > 0 {
        out.push(b',');
    }
    let Some(text) = text else { return };
    let odd = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let edge = text.starts_with([' ', '\t', '\u{feff}']) || text.ends_with([' ', '\t']);
    if !text.is_empty() && !edge && !text.bytes().any(odd) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// How JSON holds decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimals {
    /// With all their digits: files, whose readers know them as numbers.
    Numbers,
    /// For what reads all numbers as doubles.
    Texts,
}

/// One JSON object a line; JSON columns hold their value.
pub fn json_lines(batch: &RecordBatch, schema: &Schema, decimals: Decimals) -> Result<Vec<u8>> {
    let columns = columns_as_texts(batch, schema)?;
    let keys: Vec<Vec<u8>> = schema.names().map(json_text).collect::<Result<_>>()?;
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        out.push(b'{');
        for (at, ((column, field), key)) in columns.iter().zip(&schema.fields).zip(&keys).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            out.push(b':');
            if column.is_null(row) {
                out.extend_from_slice(b"null");
            } else {
                json_value(&mut out, column.value(row), field.data_type, decimals)?;
            }
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

fn json_value(out: &mut Vec<u8>, text: &str, data_type: DataType, decimals: Decimals) -> Result<()> {
    match data_type {
        DataType::Boolean | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Decimal { .. } if decimals == Decimals::Numbers => out.extend_from_slice(text.as_bytes()),
        DataType::Float32 | DataType::Float64 if !text.ends_with(['N', 'y']) => out.extend_from_slice(text.as_bytes()),
        // Line ends between tokens would end the row; inside of texts JSON has none.
        DataType::Json => out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })),
        DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Uuid => {
            // Most texts are themselves between quotes.
            if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
                out.extend(json_text(text)?);
            } else {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
        }
    }
    Ok(())
}

fn json_text(text: &str) -> Result<Vec<u8>> {
    serde_json::to_vec(text).map_err(|error| Error::internal("a text could not be written as JSON").caused_by(&error))
}
