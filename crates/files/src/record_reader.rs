//! Rows of delimited text, from one place on: ordinary ones many at a time, odd ones one by one.

use super::columns::Span;
use super::dialect::{is_header, suspicious};
use super::fields::Record;
use super::rows::{RowBuilder, Tile};
use super::tokens::{Token, Tokenizer, shortened};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use windvane_connect::disk::failure;
use windvane_connect::{Batch, Skipped};
use windvane_core::error::Result;
use windvane_core::schema::Schema;

/// Rows whose columns are parsed together: their texts stay in the processor's cache.
const TILE_ROWS: usize = 1024;

const HEADER_AGAIN: &str = "the header again: files that were put behind each other have one each";

/// What all readers of a file have in common.
pub(super) struct Shape {
    pub(super) path: PathBuf,
    pub(super) schema: Schema,
    pub(super) nulls: Vec<String>,
    pub(super) capacity: usize,
    /// Where each wanted column stands in the file.
    pub(super) places: Vec<Option<usize>>,
    /// How many fields a row has.
    pub(super) width: usize,
    /// The header's fields: a row that has them is the header again.
    pub(super) header: Vec<Vec<u8>>,
    /// Counts the lines that are no rows.
    pub(super) skipped: Skipped,
}

/// Reads records and makes batches of them.
pub(super) struct RecordReader<R> {
    shape: Arc<Shape>,
    tokens: Tokenizer<R>,
    /// Records that start here or behind are not ours.
    until: u64,
    builder: RowBuilder,
    record: Record,
    /// Whether `record` is a row already.
    pending: bool,
    spans: Vec<Span>,
    numbers: Vec<u64>,
    row: u64,
    ended: bool,
}

impl<R: Read> RecordReader<R> {
    pub(super) fn new(shape: &Arc<Shape>, tokens: Tokenizer<R>, until: u64) -> Self {
        Self {
            shape: Arc::clone(shape),
            tokens,
            until,
            builder: RowBuilder::new(&shape.schema, &shape.nulls, shape.capacity),
            record: Record::default(),
            pending: false,
            spans: Vec::new(),
            numbers: Vec::new(),
            row: 0,
            ended: false,
        }
    }

    /// The first record has been read: it is a row.
    pub(super) fn with_first(mut self, record: Record) -> Self {
        (self.record, self.pending) = (record, true);
        self
    }

    /// Rows that were met before.
    pub(super) fn after(mut self, rows: u64) -> Self {
        self.row = rows;
        self
    }

    /// Rows met so far.
    pub(super) fn rows(&self) -> u64 {
        self.row
    }

    /// Lines passed over so far.
    pub(super) fn skipped(&self) -> u64 {
        self.tokens.skipped()
    }

    /// Goes to where the next record starts: how many bytes lie before it.
    pub(super) fn place(&mut self) -> Result<u64> {
        self.tokens.settle().map_err(|error| failure(&self.shape.path, "read", &error))
    }

    pub(super) fn batch(&mut self) -> Result<Option<Batch>> {
        while !self.ended && !self.builder.is_full() {
            if !self.pending && self.ordinary() {
                continue;
            }
            if !std::mem::take(&mut self.pending) {
                if self.until < u64::MAX && self.place()? >= self.until {
                    self.ended = true;
                    break;
                }
                let token = self.tokens.next(&mut self.record);
                match token.map_err(|error| failure(&self.shape.path, "read", &error))? {
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
            self.odd();
        }
        if self.builder.is_empty() { Ok(None) } else { self.builder.finish().map(Some) }
    }

    /// Takes the ordinary rows that come next; whether there were any.
    fn ordinary(&mut self) -> bool {
        let width = self.shape.width;
        let most = self.builder.room().min(TILE_ROWS);
        let rows = self.tokens.plain(width, most, self.until, &mut self.spans);
        if rows == 0 {
            return false;
        }
        let first = self.row + 1;
        self.row += rows as u64;
        self.numbers.clear();
        self.numbers.extend(first..=self.row);
        let text = self.tokens.buffer();
        let field = |span: &Span| text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let again = |row: &usize| {
            let fields = self.spans.get(row * width..).unwrap_or_default();
            is_header(&self.shape.header, fields.iter().map(field))
        };
        let mut from = 0;
        for to in (0..rows).filter(again).chain([rows]) {
            let spans = self.spans.get(from * width..to * width).unwrap_or_default();
            let numbers = self.numbers.get(from..to).unwrap_or_default();
            if !numbers.is_empty() {
                self.builder.push_tile(Tile { text, spans, width }, &self.shape.places, numbers);
            }
            if let Some(number) = self.numbers.get(to) {
                self.builder.reject(*number, HEADER_AGAIN, &shortened(written(text, &self.spans, to * width, width)));
            }
            from = to + 1;
        }
        true
    }

    /// Takes the record as a row.
    fn odd(&mut self) {
        let width = self.shape.width;
        if suspicious(&self.record, width)
            && let Some(raw) = self.tokens.recover(width)
        {
            self.builder.reject(self.row, "a quote is opened and not closed in the same row", &raw);
            return;
        }
        if self.record.len() != width {
            let found = self.record.len();
            self.builder.reject(self.row, format!("{found} fields where {width} are expected"), &self.tokens.raw());
            return;
        }
        if self.record.escaped_quote() {
            let reason = "a quote behind a backslash is neither doubled nor the field's end: say `escape: \"\\\\\"` \
                          where a backslash escapes";
            self.builder.reject(self.row, reason, &self.tokens.raw());
            return;
        }
        if self.record.torn() {
            let reason =
                "text goes on behind a closing quote, and what stands before it would be more than one field without";
            self.builder.reject(self.row, reason, &self.tokens.raw());
            return;
        }
        if let Err(reason) = readable(&self.record) {
            self.builder.reject(self.row, reason, &self.tokens.raw());
            return;
        }
        let fields = (0..width).map(|at| self.record.field(at));
        if is_header(&self.shape.header, fields) {
            self.builder.reject(self.row, HEADER_AGAIN, &self.tokens.raw());
            return;
        }
        for place in &self.shape.places {
            let text = place.and_then(|at| std::str::from_utf8(self.record.field(at)).ok());
            let quoted = place.is_some_and(|at| self.record.quoted(at));
            self.builder.push(text, quoted);
        }
        self.builder.end_row(self.row);
    }
}

impl<R: Read> Iterator for RecordReader<R> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch().transpose();
        if batch.is_none() {
            self.shape.skipped.add(self.skipped());
        }
        batch
    }
}

/// The row whose first field is that one, as it stands in the file.
fn written<'a>(text: &'a [u8], spans: &[Span], first: usize, width: usize) -> &'a [u8] {
    let quotes = |span: &Span| usize::from(span.quoted);
    let row = spans.get(first..first + width).unwrap_or_default();
    let from = row.first().map_or(0, |span| span.start as usize - quotes(span));
    let to = row.last().map_or(0, |span| span.end as usize + quotes(span));
    text.get(from..to).unwrap_or_default()
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

/// The rejected rows that stand before the first record.
pub(super) struct Rejects(RowBuilder, u64);

impl Rejects {
    pub(super) fn new(schema: &Schema) -> Self {
        Self(RowBuilder::new(schema, &[], usize::MAX), 0)
    }

    pub(super) fn push(&mut self, reason: String, raw: &[u8]) {
        self.1 += 1;
        self.0.reject(self.1, reason, raw);
    }

    pub(super) fn rows(&self) -> u64 {
        self.1
    }

    pub(super) fn finish(mut self) -> Result<Option<Batch>> {
        if self.0.is_empty() { Ok(None) } else { self.0.finish().map(Some) }
    }
}

#[cfg(test)]
mod tests;
