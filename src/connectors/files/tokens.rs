//! Records of delimited text: one pass over bytes, bounded memory, nothing lost.
//!
//! The `csv` crate is not used here because it forgets whether a field was quoted (an unquoted empty field is null, a
//! quoted one is the empty text), and because an unclosed quote would swallow the rest of the file.

use super::columns::Span;
use super::marks::{BLOCK, Marks};
use std::io::{self, Read};

/// A record longer than this is refused, so that memory stays bounded whatever the file holds.
pub(super) const MAX_RECORD: usize = 8 << 20;
/// How much of a refused record is kept for people to look at.
pub(super) const MAX_RAW: usize = 64 << 10;
const CHUNK: usize = 256 << 10;

/// How fields and records are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub delimiter: Option<u8>,
    pub quote: Option<u8>,
    /// Written before a quote, a delimiter or a line end that belongs to the field; without it a quote is doubled.
    pub escape: Option<u8>,
    /// Lines that begin with it are passed over.
    pub comment: Option<u8>,
    /// As we write it: spaces before a quote are content.
    pub strict: bool,
    /// An empty line is a record: it is where a record has one field.
    pub blank_rows: bool,
}

impl Dialect {
    /// As databases write text: no quotes, and `\t`, `\n` for what divides fields and rows.
    fn letters(&self) -> bool {
        self.quote.is_none() && self.delimiter == Some(b'\t') && self.escape == Some(b'\\')
    }
}

/// The fields of one record, unquoted.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    text: Vec<u8>,
    ends: Vec<usize>,
    quoted: Vec<bool>,
    loose: bool,
    torn: bool,
    escaped_quote: bool,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn field(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn quoted(&self, index: usize) -> bool {
        self.quoted.get(index).copied().unwrap_or(false)
    }

    /// Whether something stands between a closing quote and the next delimiter: the quotes are part of the text then, as in
    /// `"Up" (2009)`.
    pub(super) fn loose(&self) -> bool {
        self.loose
    }

    /// Whether what stands between those quotes would be more than one field without them: often a quote that was never
    /// closed, and nobody can tell.
    pub(super) fn torn(&self) -> bool {
        self.torn
    }

    /// Whether that closing quote stood behind a backslash: then it may not have been one.
    pub(super) fn escaped_quote(&self) -> bool {
        self.escaped_quote
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.quoted.clear();
        self.loose = false;
        self.torn = false;
        self.escaped_quote = false;
    }

    fn end_field(&mut self, quoted: bool) {
        self.ends.push(self.text.len());
        self.quoted.push(quoted);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// So many bytes are this record, its line end included.
    Complete(usize),
    NeedsMore {
        in_quotes: bool,
    },
    Unclosed,
}

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
            ended: false,
            consumed: 0,
            plain: true,
            skipped: 0,
        }
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
        let wanted = self.buffer.len().clamp(CHUNK, MAX_RECORD) as u64;
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
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let more = blank == rest.len() && !self.ended;
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

/// Reads one record from the start of `bytes`.
fn scan(bytes: &[u8], at_end: bool, dialect: Dialect, record: &mut Record) -> Scan {
    record.clear();
    let mut at = 0;
    loop {
        let mut quoted = false;
        // A null of a database, which is not the text of these letters.
        let null = bytes.get(at..).is_some_and(|rest| is_null(rest, dialect));
        let (field, begun) = (record.text.len(), at);
        if let Some(quote) = dialect.quote {
            let spaces = leading_spaces(bytes.get(at..).unwrap_or_default(), quote, dialect);
            if bytes.get(at + spaces) == Some(&quote) {
                quoted = true;
                match quoted_part(bytes, at + spaces + 1, at_end, quote, dialect, record) {
                    Ok(after) => at = after,
                    Err(unfinished) => return unfinished,
                }
            }
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(length) = unquoted_part(rest, dialect, record) else {
            if !at_end {
                return Scan::NeedsMore { in_quotes: false };
            }
            null_field(record, field, null && rest.len() == 2);
            record.end_field(quoted || dialect.letters() && !null);
            return Scan::Complete(bytes.len());
        };
        null_field(record, field, null && length == 2);
        if quoted && length > 0 {
            let closing = at.checked_sub(2).and_then(|before| bytes.get(before));
            record.escaped_quote |= dialect.escape.is_none() && closing == Some(&b'\\');
            unquoted_after_all(record, field, bytes.get(begun..at + length).unwrap_or_default(), dialect);
        }
        quoted |= dialect.letters() && !null;
        at += length;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\r'), None) if !at_end => return Scan::NeedsMore { in_quotes: false },
            (Some(b'\r'), Some(b'\n')) => {
                record.end_field(quoted);
                return Scan::Complete(at + 2);
            }
            (Some(b'\n' | b'\r'), _) => {
                record.end_field(quoted);
                return Scan::Complete(at + 1);
            }
            _ => {
                record.end_field(quoted);
                at += 1;
            }
        }
    }
}

/// A field whose text goes on behind its closing quote: as it is written, if that is one field.
fn unquoted_after_all(record: &mut Record, start: usize, written: &[u8], dialect: Dialect) {
    record.loose = true;
    let divides =
        |byte: &u8| Some(*byte) == dialect.delimiter || Some(*byte) == dialect.escape || matches!(byte, b'\n' | b'\r');
    if written.iter().any(divides) {
        record.torn = true;
    } else {
        record.text.truncate(start);
        record.text.extend_from_slice(written);
    }
}

/// Whether a field is `\N`, where a backslash escapes.
fn is_null(rest: &[u8], dialect: Dialect) -> bool {
    let ends =
        |byte: Option<&u8>| byte.is_none_or(|byte| Some(*byte) == dialect.delimiter || matches!(byte, b'\n' | b'\r'));
    dialect.escape == Some(b'\\') && rest.starts_with(b"\\N") && ends(rest.get(2))
}

/// A null has no text.
fn null_field(record: &mut Record, start: usize, null: bool) {
    if null {
        record.text.truncate(start);
    }
}

/// Takes what stands up to the next delimiter or line end: how many bytes that are. `None`: neither comes.
fn unquoted_part(rest: &[u8], dialect: Dialect, record: &mut Record) -> Option<usize> {
    let mut at = 0;
    loop {
        let ahead = rest.get(at..).unwrap_or_default();
        let special = |byte: &u8| {
            Some(*byte) == dialect.delimiter || Some(*byte) == dialect.escape || matches!(byte, b'\n' | b'\r')
        };
        let stop = ahead.iter().position(special);
        record.text.extend_from_slice(ahead.get(..stop.unwrap_or(ahead.len())).unwrap_or_default());
        at += stop?;
        if dialect.escape.is_none() || rest.get(at).copied() != dialect.escape {
            return Some(at);
        }
        let (meant, taken) = escaped(rest.get(at + 1..).unwrap_or_default(), dialect);
        match meant {
            Some(byte) => record.text.push(byte),
            None => record.text.extend(dialect.escape),
        }
        at += 1 + taken;
    }
}

/// What the bytes behind an escape mean, and how many they are; nothing where the escape is itself.
fn escaped(rest: &[u8], dialect: Dialect) -> (Option<u8>, usize) {
    let Some(next) = rest.first().copied() else { return (None, 0) };
    let divides = Some(next) == dialect.delimiter || matches!(next, b'\n' | b'\r');
    if divides || Some(next) == dialect.quote || Some(next) == dialect.escape {
        return (Some(next), 1);
    }
    if !dialect.letters() {
        return (None, 0);
    }
    match next {
        b't' => (Some(b'\t'), 1),
        b'n' => (Some(b'\n'), 1),
        b'r' => (Some(b'\r'), 1),
        b'b' => (Some(8), 1),
        b'f' => (Some(12), 1),
        b'v' => (Some(11), 1),
        // Refused with its row, as any NUL.
        b'0' => (Some(0), 1),
        b'Z' => (Some(26), 1),
        _ => (None, 0),
    }
}

/// How many spaces stand before a quote that opens a field, as in `1, "two, three"`.
fn leading_spaces(rest: &[u8], quote: u8, dialect: Dialect) -> usize {
    if dialect.strict || dialect.delimiter == Some(b' ') {
        return 0;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    if rest.get(spaces) == Some(&quote) { spaces } else { 0 }
}

/// Reads from behind an opening quote to behind its closing one.
fn quoted_part(
    bytes: &[u8],
    mut at: usize,
    at_end: bool,
    quote: u8,
    dialect: Dialect,
    record: &mut Record,
) -> Result<usize, Scan> {
    let unfinished = if at_end { Scan::Unclosed } else { Scan::NeedsMore { in_quotes: true } };
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let stop = rest.iter().position(|byte| *byte == quote || Some(*byte) == dialect.escape).ok_or(unfinished)?;
        record.text.extend_from_slice(rest.get(..stop).unwrap_or_default());
        let found = rest.get(stop).copied().unwrap_or(quote);
        let next = rest.get(stop + 1).copied();
        if next.is_none() && !at_end {
            return Err(unfinished);
        }
        at += stop + 1;
        let is_escaped = match next {
            Some(next) if found == quote => next == quote,
            Some(_) => escaped(rest.get(stop + 1..).unwrap_or_default(), dialect).0.is_some(),
            None => false,
        };
        if is_escaped {
            record.text.extend(next);
            at += 1;
        } else if found == quote {
            return Ok(at);
        } else {
            record.text.push(found);
        }
    }
}
