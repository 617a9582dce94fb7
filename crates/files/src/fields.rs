//! The fields of one record: what quotes and escapes mean.

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
pub(super) enum Scan {
    /// So many bytes are this record, its line end included.
    Complete(usize),
    NeedsMore {
        in_quotes: bool,
    },
    Unclosed,
}

/// Reads one record from the start of `bytes`.
pub(super) fn scan(bytes: &[u8], at_end: bool, dialect: Dialect, record: &mut Record) -> Scan {
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
