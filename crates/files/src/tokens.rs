//! Records of delimited text: one pass over bytes, bounded memory, nothing lost.
//!
//! The `csv` crate is not used here because it forgets whether a field was quoted (an unquoted empty field is null, a
//! quoted one is the empty text), and because an unclosed quote would swallow the rest of the file.

use super::columns::Span;
use super::fields::{Dialect, Record, Scan, scan};
use super::marks::{BLOCK, Marks};
use super::portions::Portions;
use std::io::{self, Read};

/// A record longer than this is refused, so that memory stays bounded whatever the file holds.
pub(super) const MAX_RECORD: usize = 8 << 20;
/// How much of a refused record is kept for people to look at.
pub(super) const MAX_RAW: usize = 64 << 10;

/// What came next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Record,
    /// A row that has no fields, why, and what it is.
    Broken {
        reason: String,
        raw: Vec<u8>,
    },
    End,
}

/// Reads records out of UTF-8 bytes (broken bytes pass through, for the caller to refuse).
pub(super) struct Tokenizer<R> {
    input: R,
    dialect: Dialect,
    buffer: Vec<u8>,
    /// Where the next record starts.
    start: usize,
    /// Where the record given last started; it ends at `start`.
    last: usize,
    /// How much is read at a time, at least.
    read_size: usize,
    ended: bool,
    consumed: u64,
    /// Whether the buffer holds ASCII without NUL only.
    plain: bool,
    /// Lines that were passed over.
    skipped: u64,
}

impl<R: Read> Tokenizer<R> {
    pub(super) fn new(input: R, dialect: Dialect) -> Self {
        Self {
            input,
            dialect,
            buffer: Vec::new(),
            start: 0,
            last: 0,
            read_size: Portions::default().read_size,
            ended: false,
            consumed: 0,
            plain: true,
            skipped: 0,
        }
    }

    /// Reads so much at a time.
    pub(super) fn by(self, read_size: usize) -> Self {
        Self { read_size, ..self }
    }

    /// Takes records of exactly `width` fields that need no second look, at most so many and only those that start
    /// before `until`; puts their fields into `spans` and says how many there were. It stops in front of anything else
    /// (an odd quote, a blank line, bytes that are no text, the end of what is read), which is for [`Self::next`].
    pub(super) fn plain(&mut self, width: usize, most: usize, until: u64, spans: &mut Vec<Span>) -> usize {
        spans.clear();
        let (Some(delimiter), None, None) = (self.dialect.delimiter, self.dialect.escape, self.dialect.comment) else {
            return 0;
        };
        let length = usize::try_from(until.saturating_sub(self.consumed)).unwrap_or(usize::MAX);
        let scanner = Scanner {
            bytes: self.buffer.get(self.start..).unwrap_or_default(),
            offset: self.start,
            delimiter,
            quote: self.dialect.quote,
            plain: self.plain,
        };
        let (rows, used) = scanner.rows(width, most, length, spans);
        if rows > 0 {
            self.take(used);
        }
        rows
    }

    /// What the fields of [`Self::plain`] stand in.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Goes to where the next record starts, and says how many bytes lie before it.
    pub(super) fn settle(&mut self) -> io::Result<u64> {
        self.skip_lines()?;
        Ok(self.consumed)
    }

    /// Lines passed over so far: empty ones and comments.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Records have one field: an empty line is one from here on.
    pub(super) fn take_blank_lines(&mut self) {
        self.dialect.blank_rows = true;
    }

    /// Bytes of whole records given so far.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<Token> {
        self.skip_lines()?;
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if rest.is_empty() && self.ended {
                return Ok(Token::End);
            }
            match scan(rest, self.ended, self.dialect, record) {
                Scan::Complete(used) if used > MAX_RECORD => return self.broken_line(&too_long()),
                Scan::Complete(used) => {
                    self.take(used);
                    return Ok(Token::Record);
                }
                Scan::Unclosed => return self.broken_line("a quote is opened and never closed"),
                Scan::NeedsMore { in_quotes } if rest.len() > MAX_RECORD => {
                    let reason = if in_quotes {
                        format!("a quoted field is longer than {} MiB, or its quote is never closed", MAX_RECORD >> 20)
                    } else {
                        too_long()
                    };
                    return self.broken_line(&reason);
                }
                Scan::NeedsMore { .. } => self.fill()?,
            }
        }
    }

    /// The bytes of the record given last, cut to what people can look at.
    pub(super) fn raw(&self) -> Vec<u8> {
        shortened(self.buffer.get(self.last..self.start).unwrap_or_default())
    }

    /// Takes back all but the first line of the record given last when its second line alone has the expected number of
    /// fields: then a stray quote in the first line had swallowed good rows. Gives the first line, which is broken.
    pub(super) fn recover(&mut self, expected: usize) -> Option<Vec<u8>> {
        let record = self.buffer.get(self.last..self.start)?;
        let first = line_length(record)?;
        let rest = record.get(first..)?;
        if rest.is_empty() {
            return None;
        }
        let second = rest.get(..line_length(rest).unwrap_or(rest.len()))?;
        let mut alone = Record::default();
        let whole = matches!(scan(second, true, self.dialect, &mut alone), Scan::Complete(_));
        if !whole || alone.len() != expected {
            return None;
        }
        let raw = shortened(record.get(..first)?);
        self.consumed -= (self.start - self.last - first) as u64;
        self.start = self.last + first;
        Some(raw)
    }

    fn take(&mut self, used: usize) {
        self.last = self.start;
        self.start += used;
        self.consumed += used as u64;
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.last = 0;
        }
        // Doubling keeps the rescans of a long record linear in its length.
        let wanted = self.buffer.len().clamp(self.read_size, MAX_RECORD) as u64;
        let got = self.input.by_ref().take(wanted).read_to_end(&mut self.buffer)?;
        self.ended |= (got as u64) < wanted;
        self.plain = self.buffer.is_ascii() && memchr::memchr(0, &self.buffer).is_none();
        Ok(())
    }

    /// Passes over empty lines and comments.
    fn skip_lines(&mut self) -> io::Result<()> {
        loop {
            if !self.dialect.blank_rows {
                self.skip_blank_lines()?;
            }
            let Some(comment) = self.dialect.comment else { return Ok(()) };
            if self.start == self.buffer.len() && !self.ended {
                self.fill()?;
            }
            if self.buffer.get(self.start) != Some(&comment) {
                return Ok(());
            }
            self.broken_line("a comment")?;
            self.skipped += 1;
        }
    }

    fn skip_blank_lines(&mut self) -> io::Result<()> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let mut blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let more = blank == rest.len() && !self.ended;
            // The second byte of a line end may not have come yet.
            blank -= usize::from(more && rest.ends_with(b"\r"));
            let lines = rest.iter().take(blank).zip(rest.iter().skip(1).map(Some).chain([None]));
            // Two bytes may end one line.
            self.skipped += lines.filter(|(byte, next)| **byte == b'\n' || *next != Some(&b'\n')).count() as u64;
            self.take(blank);
            if !more {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Refuses one physical line and goes on behind it, reading (and forgetting) as far as that line reaches.
    fn broken_line(&mut self, reason: &str) -> io::Result<Token> {
        let mut raw = Vec::new();
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let found = line_length(rest);
            // The second byte of a line end may not have come yet.
            if found == Some(rest.len()) && rest.ends_with(b"\r") && !self.ended {
                self.fill()?;
                continue;
            }
            let used = found.unwrap_or(rest.len());
            if raw.len() < MAX_RAW {
                raw.extend_from_slice(rest.get(..used.min(MAX_RAW)).unwrap_or_default());
            }
            self.take(used);
            if found.is_some() || self.ended {
                return Ok(Token::Broken { reason: reason.to_owned(), raw: shortened(&raw) });
            }
            self.fill()?;
        }
    }
}

/// Ordinary records in a row.
struct Scanner<'a> {
    bytes: &'a [u8],
    /// What is added to every place.
    offset: usize,
    delimiter: u8,
    quote: Option<u8>,
    plain: bool,
}

impl Scanner<'_> {
    /// How many rows there are, and how many bytes they take.
    fn rows(&self, width: usize, most: usize, until: usize, spans: &mut Vec<Span>) -> (usize, usize) {
        let marks = Marks::new(self.delimiter, self.quote);
        let (mut rows, mut used) = (0, 0);
        // Where the field starts; where its closing quote stands, if it had one; whether it is still open.
        let (mut start, mut closed, mut open) = (0, None, false);
        // A line end of two bytes: the second one is not looked at.
        let mut skipped = usize::MAX;
        let mut base = 0;
        'blocks: while base < self.bytes.len() && rows < most && used < until {
            let rest = self.bytes.get(base..).unwrap_or_default();
            let mut mask = rest.first_chunk::<BLOCK>().map_or_else(|| marks.of_rest(rest), |block| marks.of(block));
            while mask != 0 {
                let at = base + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let Some(byte) = self.bytes.get(at).copied() else { break 'blocks };
                if open {
                    if Some(byte) == self.quote {
                        (open, closed) = (false, Some(at));
                    }
                    continue;
                }
                if Some(byte) == self.quote {
                    if at != start || closed.is_some() {
                        break 'blocks;
                    }
                    open = true;
                    continue;
                }
                if at == skipped {
                    continue;
                }
                let span = match closed.take() {
                    None => self.span(start, at, false),
                    Some(end) if end + 1 == at => self.span(start + 1, end, true),
                    Some(_) => break 'blocks,
                };
                spans.push(span);
                start = at + 1;
                if byte == self.delimiter {
                    continue;
                }
                if byte == b'\r' {
                    if self.bytes.get(start) != Some(&b'\n') {
                        break 'blocks;
                    }
                    skipped = start;
                    start += 1;
                }
                let blank = at == used;
                if blank || spans.len() != (rows + 1) * width || !self.is_text(used, start) {
                    break 'blocks;
                }
                (rows, used) = (rows + 1, start);
                if rows >= most || used >= until {
                    break 'blocks;
                }
            }
            base += BLOCK;
        }
        spans.truncate(rows * width);
        (rows, used)
    }

    fn span(&self, start: usize, end: usize, quoted: bool) -> Span {
        let place = |at: usize| u32::try_from(self.offset + at).unwrap_or(u32::MAX);
        Span { start: place(start), end: place(end), quoted }
    }

    /// Whether a row is text without NUL, and not too long.
    fn is_text(&self, from: usize, to: usize) -> bool {
        let row = self.bytes.get(from..to).unwrap_or_default();
        to - from <= MAX_RECORD && (self.plain || std::str::from_utf8(row).is_ok() && memchr::memchr(0, row).is_none())
    }
}

fn too_long() -> String {
    format!("the row is longer than {} MiB", MAX_RECORD >> 20)
}

/// The length of the first line with its end; `None` when no line ends here.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let at = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let pair = bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n');
    Some(at + 1 + usize::from(pair))
}

pub(super) fn shortened(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    bytes.get(..end.min(MAX_RAW)).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests;
