//! Delimited text: its columns, and what its rows are.
//!
//! An empty cell is null; in a text column a quoted empty cell (`""`) is the empty text. A row with a wrong number of
//! fields, with bytes that are no text, with a NUL, or with a quote that is never closed is put aside, and so is a row
//! with a cell that is no value of its column. Blank lines are no rows, but nulls in files of one column.

use super::chunks::Chunks;
use super::decode::{self, Bytes};
use super::described::{Described, Rows};
use super::dialect::{dialect, header, is_header, names, suspicious, tokenizer};
use super::fields::Record;
use super::portions::Portions;
use super::record_reader::{RecordReader, Rejects, Shape};
use super::tokens::{Token, Tokenizer};
use std::path::Path;
use std::sync::Arc;
use windvane_connect::disk::failure;
use windvane_connect::sampled_columns::SampledColumns;
use windvane_connect::{BATCH_ROWS, Skipped, TextFormat};
use windvane_core::error::Result;
use windvane_core::schema::{Field, Schema, infer::Inference, name_match};

/// The columns and their types, as far as a sample of this many rows shows.
pub(super) fn describe(path: &Path, format: &TextFormat, sample: u64) -> Result<Described> {
    let mut tokens = tokenizer(path, format, false)?;
    let wrong = |error: std::io::Error| failure(path, "read", &error);
    let mut record = Record::default();
    let mut columns: Vec<(String, Inference)> = Vec::new();
    let mut rows = 0;
    let mut first = true;
    let mut head = Vec::new();
    let mut whole = false;
    while rows < sample {
        match tokens.next(&mut record).map_err(wrong)? {
            Token::End => {
                whole = true;
                break;
            }
            Token::Broken { .. } => rows += 1,
            Token::Record => {
                if first {
                    let named = names(&record, format.header_rows > 0, false);
                    columns = named.into_iter().map(|name| (name, Inference::default())).collect();
                    first = false;
                    head = header(&record, format.header_rows > 0, false);
                    if columns.len() == 1 {
                        tokens.take_blank_lines();
                    }
                    if format.header_rows > 0 {
                        continue;
                    }
                }
                rows += 1;
                if record.len() != head.len() || !is_header(&head, (0..record.len()).map(|at| record.field(at))) {
                    observe(&mut tokens, &record, &mut columns, &format.nulls);
                }
            }
        }
    }
    let fields = columns.into_iter().map(|(name, seen)| {
        let data_type = seen.named(&name);
        Field { native_type: Some("text".to_owned()), ..Field::new(name, data_type) }
    });
    let total = if whole { Some(rows) } else { estimate(path, rows, tokens.consumed()) };
    Ok(Described { fields: Schema::new(fields.collect()), rows: total, exact: whole })
}

fn observe(tokens: &mut Tokenizer<Bytes>, record: &Record, columns: &mut [(String, Inference)], nulls: &[String]) {
    if suspicious(record, columns.len()) && tokens.recover(columns.len()).is_some()
        || record.len() != columns.len()
        || record.torn()
    {
        return;
    }
    for (at, (_, seen)) in columns.iter_mut().enumerate() {
        if let Ok(text) = std::str::from_utf8(record.field(at)) {
            seen.observe(Some(text).filter(|text| !nulls.iter().any(|null| null == text)));
        }
    }
}

/// Rows by the size of the file; unknown when the file is compressed.
fn estimate(path: &Path, rows: u64, bytes: u64) -> Option<u64> {
    if decode::is_compressed(path) || bytes == 0 {
        return None;
    }
    let size = std::fs::metadata(path).ok()?.len();
    u64::try_from(u128::from(size) * u128::from(rows) / u128::from(bytes)).ok()
}

/// The rows of one file.
#[expect(clippy::too_many_arguments, reason = "what a file's rows are made of, handed through once")]
pub(super) fn rows(
    path: &Path,
    format: &TextFormat,
    strict: bool,
    portions: Portions,
    schema: &Schema,
    capacity: usize,
    skipped: &Skipped,
    shown: &SampledColumns,
) -> Result<Rows> {
    let wrong = |error: std::io::Error| failure(path, "read", &error);
    let mut dialect = dialect(format, strict)?;
    let mut tokens = tokenizer(path, format, strict)?.by(portions.read_size);
    let mut record = Record::default();
    let mut before = Rejects::new(schema);
    let mut shape = Shape {
        path: path.to_owned(),
        schema: schema.clone(),
        nulls: format.nulls.clone(),
        capacity,
        places: Vec::new(),
        width: 0,
        header: Vec::new(),
        skipped: skipped.clone(),
    };
    let has_header = format.header_rows > 0;
    loop {
        let start = tokens.settle().map_err(wrong)?;
        match tokens.next(&mut record).map_err(wrong)? {
            Token::End => {
                skipped.add(tokens.skipped());
                return Ok(Box::new(before.finish().transpose().into_iter()));
            }
            Token::Broken { reason, raw } => before.push(reason, &raw),
            Token::Record => {
                let names = names(&record, has_header, strict);
                let written: Vec<&str> = names.iter().map(String::as_str).collect();
                let called = name_match::matched(&written, &shown.names);
                shape.places = schema.names().map(|name| called.iter().position(|known| *known == name)).collect();
                shape.width = names.len();
                shape.header = header(&record, has_header, strict);
                if names.len() == 1 {
                    dialect.blank_rows = true;
                    tokens.take_blank_lines();
                }
                let shape = Arc::new(shape);
                let from = if has_header { tokens.settle().map_err(wrong)? } else { start };
                let row = before.rows();
                let rejected = before.finish().transpose().into_iter();
                // A few rows are not worth threads.
                if capacity >= BATCH_ROWS
                    && let Some(mark) = decode::plain_from(path, &format.encoding)?
                    && let Some(rows) = Chunks::open(&shape, dialect, portions, mark + from, row)?
                {
                    skipped.add(tokens.skipped());
                    return Ok(Box::new(rejected.chain(rows)));
                }
                let reader = RecordReader::new(&shape, tokens, u64::MAX).after(row);
                let reader = if has_header { reader } else { reader.with_first(record) };
                return Ok(Box::new(rejected.chain(reader)));
            }
        }
    }
}
