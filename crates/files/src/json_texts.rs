//! The objects of a JSON file, one text each: its lines, or the items of its one array.

use super::decode::{self, Bytes};
use super::tokens::{MAX_RECORD, shortened};
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Result};

/// A file that is one array (or one object over many lines) is read whole; more than this is refused.
const MAX_ARRAY: usize = 256 << 20;

/// The objects of a file, one text each.
pub(super) enum Texts {
    Lines(BufReader<Bytes>),
    Array(std::vec::IntoIter<Box<RawValue>>),
}

/// Whether an object is opened in the first line and goes on behind it.
fn spans_lines(sample: &[u8]) -> bool {
    let first = sample.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.len() < sample.trim_ascii_start().len()
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|error| error.is_eof())
}

pub(super) enum Line {
    Object(String),
    Broken(&'static str, Vec<u8>),
    End,
}

impl Texts {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (sample, _) = decode::head(path, 4096)?;
        let encoding = encoding_rs::Encoding::for_bom(&sample).map_or(encoding_rs::UTF_8, |(encoding, _)| encoding);
        let mut text = BufReader::with_capacity(256 << 10, decode::text(path, encoding)?);
        let wrong = |error: std::io::Error| failure(path, "read", &error);
        loop {
            let buffer = text.fill_buf().map_err(wrong)?;
            match buffer.first() {
                Some(b'[') => break,
                Some(byte) if byte.is_ascii_whitespace() => text.consume(1),
                Some(b'{') if spans_lines(&sample) => break,
                Some(_) | None => return Ok(Self::Lines(text)),
            }
        }
        let is_array = text.buffer().first() == Some(&b'[');
        let mut whole = Vec::new();
        text.take(MAX_ARRAY as u64 + 1).read_to_end(&mut whole).map_err(wrong)?;
        if whole.len() > MAX_ARRAY && !is_array {
            return Ok(Self::Lines(BufReader::new(decode::text(path, encoding)?)));
        }
        if whole.len() > MAX_ARRAY {
            return Err(Error::unsupported(format!("a JSON array of more than {} MiB is not read", MAX_ARRAY >> 20))
                .in_file(path.display().to_string())
                .hint("Write one object a line (JSON lines) instead of one array"));
        }
        if !is_array {
            // One object over several lines is one row; otherwise the lines are what counts.
            return match serde_json::from_slice::<Box<RawValue>>(&whole) {
                Ok(object) => Ok(Self::Array(vec![object].into_iter())),
                Err(_) => Ok(Self::Lines(BufReader::new(decode::text(path, encoding)?))),
            };
        }
        let items: Vec<Box<RawValue>> = serde_json::from_slice(&whole).map_err(|error| {
            Error::data("the file starts as a JSON array and is none")
                .in_file(path.display().to_string())
                .caused_by(&error)
                .hint("Repair the file, or write one object a line")
        })?;
        Ok(Self::Array(items.into_iter()))
    }

    pub(super) fn next(&mut self) -> std::io::Result<Line> {
        match self {
            Self::Array(items) => Ok(items.next().map_or(Line::End, |item| Line::Object(item.get().to_owned()))),
            Self::Lines(text) => loop {
                let mut line = Vec::new();
                let limit = MAX_RECORD as u64;
                text.by_ref().take(limit).read_until(b'\n', &mut line)?;
                if line.is_empty() {
                    return Ok(Line::End);
                }
                if line.len() == MAX_RECORD && !line.ends_with(b"\n") {
                    text.skip_until(b'\n')?;
                    return Ok(Line::Broken("the line is longer than 8 MiB", shortened(&line)));
                }
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(match String::from_utf8(line) {
                    Ok(line) => Line::Object(line),
                    Err(error) => Line::Broken("the line holds bytes that are no UTF-8", shortened(error.as_bytes())),
                });
            },
        }
    }
}
