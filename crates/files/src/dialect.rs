//! How a delimited text is read: the single bytes that its format means, the names of its header.

use super::decode::{self, Bytes};
use super::fields::{Dialect, Record};
use super::tokens::Tokenizer;
use std::collections::HashMap;
use std::path::Path;
use windvane_connect::TextFormat;
use windvane_core::error::{Error, Result};

/// How our own files are written.
pub(super) fn own_format() -> TextFormat {
    TextFormat {
        encoding: "utf-8".to_owned(),
        delimiter: ",".to_owned(),
        quote: Some("\"".to_owned()),
        escape: None,
        comment: None,
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
        comment: byte("comment", format.comment.as_deref().unwrap_or_default())?,
        strict,
        blank_rows: strict,
    })
}

pub(super) fn tokenizer(path: &Path, format: &TextFormat, strict: bool) -> Result<Tokenizer<Bytes>> {
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

/// The fields of a header, as they are written, by which it is known when it comes again (files put behind each other).
/// Nothing of one column: a value may well be called so. Our own files have no second one.
pub(super) fn header(first: &Record, is_header: bool, strict: bool) -> Vec<Vec<u8>> {
    if !is_header || strict || first.len() < 2 {
        return Vec::new();
    }
    (0..first.len()).map(|at| first.field(at).trim_ascii().to_vec()).collect()
}

/// Whether fields are those of the header.
pub(super) fn is_header<'a>(header: &[Vec<u8>], mut fields: impl Iterator<Item = &'a [u8]>) -> bool {
    !header.is_empty() && header.iter().all(|name| fields.next().is_some_and(|field| field.trim_ascii() == name))
}

/// Whether a stray quote may have swallowed more than this row.
pub(super) fn suspicious(record: &Record, width: usize) -> bool {
    record.len() != width || record.torn()
}
