//! Delimited text: its columns, and its rows as batches.
//!
//! An empty cell is null; in a text column a quoted empty cell (`""`) is the empty text. A row with a wrong number of
//! fields, with bytes that are no text, with a NUL, or with a quote that is never closed is put aside, and so is a row
//! with a cell that is no value of its column. Blank lines are no rows (but in one-column files of our own).

use super::decode::{self, Bytes};
use super::rows::RowBuilder;
use super::tokens::{Dialect, Record, Token, Tokenizer};
use super::{Described, failure};
use crate::connectors::{Batch, TextFormat};
use crate::error::{Error, Result};
use crate::schema::{Field, Schema, infer::Inference};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How our own files are written.
pub(super) fn own_format() -> TextFormat {
    TextFormat {
        encoding: "utf-8".to_owned(),
        delimiter: ",".to_owned(),
        quote: Some("\"".to_owned()),
        escape: None,
        header_rows: 1,
        nulls: Vec::new(),
    }
}

/// The single bytes that a format means.
pub(super) fn dialect(format: &TextFormat, strict: bool) -> Result<Dialect> {
    let byte = |what: &str, text: &str| match text.as_bytes() {
        [] => Ok(None),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(Some(*byte)),
        _ => Err(Error::spec(format!("the {what} '{text}' is not one ASCII character"))
            .hint("Use one character such as , ; | or a tab")),
    };
    Ok(Dialect {
        delimiter: byte("delimiter", &format.delimiter)?,
        quote: byte("quote", format.quote.as_deref().unwrap_or_default())?,
        escape: byte("escape", format.escape.as_deref().unwrap_or_default())?,
        strict,
    })
}

fn tokenizer(path: &Path, format: &TextFormat, strict: bool) -> Result<Tokenizer<Bytes>> {
    let text = decode::text(path, decode::named(&format.encoding)?)?;
    Ok(Tokenizer::new(text, dialect(format, strict)?))
}

/// The column names of a first record: trimmed, never empty, never twice.
pub(super) fn names(first: &Record, is_header: bool, strict: bool) -> Vec<String> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(first.len());
    for at in 0..first.len() {
        let written = String::from_utf8_lossy(first.field(at));
        let trimmed = if strict { &written } else { written.trim() };
        let mut name = if is_header { trimmed.to_owned() } else { String::new() };
        if name.is_empty() && !strict {
            name = format!("column_{}", at + 1);
        }
        while let Some(count) = known.get_mut(&name) {
            *count += 1;
            name = format!("{name}_{count}");
        }
        known.insert(name.clone(), 1);
        names.push(name);
    }
    names
}

/// The columns and their types, as far as a sample of this many rows shows.
pub(super) fn describe(path: &Path, format: &TextFormat, sample: u64) -> Result<Described> {
    let mut tokens = tokenizer(path, format, false)?;
    let wrong = |error: std::io::Error| failure(path, "read", &error);
    let mut record = Record::default();
    let mut columns: Vec<(String, Inference)> = Vec::new();
    let mut rows = 0;
    let mut first = true;
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
                    if format.header_rows > 0 {
                        continue;
                    }
                }
                rows += 1;
                observe(&mut tokens, &record, &mut columns, &format.nulls);
            }
        }
    }
    let fields = columns.into_iter().map(|(name, seen)| {
        let data_type = seen.data_type();
        Field { native_type: Some("text".to_owned()), ..Field::new(name, data_type) }
    });
    let total = if whole { Some(rows) } else { estimate(path, rows, tokens.consumed()) };
    Ok(Described { fields: Schema::new(fields.collect()), rows: total, exact: whole })
}

fn observe(tokens: &mut Tokenizer<Bytes>, record: &Record, columns: &mut [(String, Inference)], nulls: &[String]) {
    if suspicious(record, columns.len()) && tokens.recover(columns.len()).is_some() || record.len() != columns.len() {
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
pub(super) struct CsvRows {
    path: PathBuf,
    tokens: Tokenizer<Bytes>,
    record: Record,
    /// Where each wanted column stands in the file.
    places: Vec<Option<usize>>,
    width: usize,
    builder: RowBuilder,
    row: u64,
    /// The first record, when it is a row.
    first: bool,
    ended: bool,
}

impl CsvRows {
    pub(super) fn open(
        path: &Path,
        format: &TextFormat,
        strict: bool,
        schema: &Schema,
        capacity: usize,
    ) -> Result<Self> {
        let mut tokens = tokenizer(path, format, strict)?;
        let builder = RowBuilder::new(schema, &format.nulls, capacity);
        let mut rows = Self {
            path: path.to_owned(),
            record: Record::default(),
            places: Vec::new(),
            width: 0,
            builder,
            row: 0,
            first: false,
            ended: false,
            tokens: Tokenizer::new(Box::new(std::io::empty()), dialect(format, strict)?),
        };
        loop {
            match tokens.next(&mut rows.record).map_err(|error| failure(path, "read", &error))? {
                Token::End => rows.ended = true,
                Token::Broken { reason, raw } => {
                    rows.row += 1;
                    rows.builder.reject(rows.row, reason, &raw);
                    continue;
                }
                Token::Record => {
                    let is_header = format.header_rows > 0;
                    let names = names(&rows.record, is_header, strict);
                    rows.places = schema.names().map(|name| names.iter().position(|known| known == name)).collect();
                    rows.width = names.len();
                    rows.first = !is_header;
                }
            }
            break;
        }
        rows.tokens = tokens;
        Ok(rows)
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        while !self.ended && !self.builder.is_full() {
            if !std::mem::take(&mut self.first) {
                match self.tokens.next(&mut self.record).map_err(|error| failure(&self.path, "read", &error))? {
                    Token::End => {
                        self.ended = true;
                        break;
                    }
                    Token::Broken { reason, raw } => {
                        self.row += 1;
                        self.builder.reject(self.row, reason, &raw);
                        continue;
                    }
                    Token::Record => {}
                }
            }
            self.row += 1;
            self.take_row();
        }
        if self.builder.is_empty() { Ok(None) } else { self.builder.finish().map(Some) }
    }

    fn take_row(&mut self) {
        if suspicious(&self.record, self.width)
            && let Some(raw) = self.tokens.recover(self.width)
        {
            self.builder.reject(self.row, "a quote is opened and not closed in the same row", &raw);
            return;
        }
        if self.record.len() != self.width {
            let (found, wanted) = (self.record.len(), self.width);
            self.builder.reject(self.row, format!("{found} fields where {wanted} are expected"), &self.tokens.raw());
            return;
        }
        if let Err(reason) = readable(&self.record) {
            self.builder.reject(self.row, reason, &self.tokens.raw());
            return;
        }
        for (column, place) in self.places.iter().enumerate() {
            let text = place.and_then(|at| std::str::from_utf8(self.record.field(at)).ok());
            let quoted = place.is_some_and(|at| self.record.quoted(at));
            self.builder.push(column, text, quoted);
        }
        self.builder.end_row(self.row);
    }
}

/// Whether a stray quote may have swallowed more than this row.
fn suspicious(record: &Record, width: usize) -> bool {
    record.len() != width || record.loose()
}

/// Whether every field is text.
fn readable(record: &Record) -> Result<(), &'static str> {
    if record.text().contains(&0) {
        return Err("the row holds a NUL character");
    }
    if std::str::from_utf8(record.text()).is_ok() && record.text().is_ascii() {
        return Ok(());
    }
    let broken = (0..record.len()).any(|at| std::str::from_utf8(record.field(at)).is_err());
    if broken { Err("the row holds bytes that are no text in the file's encoding") } else { Ok(()) }
}

impl Iterator for CsvRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
