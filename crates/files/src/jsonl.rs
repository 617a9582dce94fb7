//! JSON lines, and JSON files that are one array of objects: columns and rows.
//!
//! Cells keep the digits they are written with: numbers go from their text to the wanted type without a float between.

use super::decode::{self, Bytes};
use super::rows::RowBuilder;
use super::tokens::{MAX_RECORD, shortened};
use super::{Described, failure};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use windvane_connect::Batch;
use windvane_connect::shown::{Shown, unshown};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, alike, infer::Inference, json::Distinct};

/// A file that is one array (or one object over many lines) is read whole; more than this is refused.
const MAX_ARRAY: usize = 256 << 20;

/// So many digits always come through a float as they went.
const FLOAT_DIGITS: usize = 15;

/// The members of an object, in the order they are written.
pub struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A value as the text that a column of this type is parsed from. An object that has a key twice is no value: databases keep
/// one of the two, and which is meant nobody knows.
pub fn text_of(raw: &RawValue, to: DataType) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        _ if text == "null" => None,
        Some(b'"') if to != DataType::Json => Some(Cow::Owned(serde_json::from_str::<String>(text)?)),
        Some(b'{' | b'[') => {
            serde_json::from_str::<Distinct>(text)?;
            Some(Cow::Borrowed(text))
        }
        _ => Some(Cow::Borrowed(text)),
    })
}

/// Puts objects into the columns of a builder.
pub struct Objects {
    places: HashMap<String, usize>,
    types: Vec<DataType>,
    shown: Shown,
    /// The first member that holds a value and was not shown.
    stranger: Option<String>,
}

impl Objects {
    pub fn new(schema: &Schema) -> Self {
        Self {
            places: schema.names().enumerate().map(|(at, name)| (name.to_owned(), at)).collect(),
            types: schema.fields.iter().map(|field| field.data_type).collect(),
            shown: Shown::new(schema.names(), false),
            stranger: None,
        }
    }

    /// One row, or its rejection.
    pub fn push(&mut self, line: &str, row: u64, builder: &mut RowBuilder) {
        match self.cells(line) {
            Ok(cells) => {
                for cell in &cells {
                    builder.push(cell.as_deref(), true);
                }
                builder.end_row(row);
            }
            Err(error) => builder.reject(row, format!("not a JSON object: {error}"), &shortened(line.as_bytes())),
        }
    }

    fn cells<'a>(&mut self, line: &'a str) -> Result<Vec<Option<Cow<'a, str>>>, serde_json::Error> {
        let Members(members) = serde_json::from_str::<Members<'a>>(line)?;
        let mut cells = vec![None; self.types.len()];
        let strange = |name: &String| !self.places.contains_key(name) && !self.shown.names.contains(name);
        let mut called = Vec::new();
        if members.iter().any(|(name, _)| strange(name)) {
            let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
            called = alike::called(&names, &self.shown.names).into_iter().map(str::to_owned).collect();
        }
        let mut called = called.into_iter();
        for (name, raw) in members {
            let name = called.next().unwrap_or(name);
            let place = self.places.get(&name).copied();
            if let Some((slot, to)) = place.and_then(|at| cells.get_mut(at).zip(self.types.get(at))) {
                // Which of two values is meant nobody knows.
                if slot.replace(text_of(raw, *to)?).is_some() {
                    return Err(serde::de::Error::custom(format!("the key '{name}' is there twice")));
                }
            } else if self.shown.lacks(&name) && raw.get() != "null" {
                self.stranger.get_or_insert(name);
            }
        }
        Ok(cells.into_iter().map(Option::flatten).collect())
    }
}

/// The objects of a file, one text each.
enum Texts {
    Lines(BufReader<Bytes>),
    Array(std::vec::IntoIter<Box<RawValue>>),
}

/// Whether an object is opened in the first line and goes on behind it.
fn spans_lines(sample: &[u8]) -> bool {
    let first = sample.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.len() < sample.trim_ascii_start().len()
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|error| error.is_eof())
}

enum Line {
    Object(String),
    Broken(&'static str, Vec<u8>),
    End,
}

impl Texts {
    fn open(path: &Path) -> Result<Self> {
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

    fn next(&mut self) -> std::io::Result<Line> {
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

/// Whether a float cannot hold the number as it is written.
fn loses_digits(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= FLOAT_DIGITS || text.contains(['e', 'E']) {
        return false;
    }
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    text.parse::<f64>().is_ok_and(|float| float.to_string() != plain)
}

/// What a member's values were.
#[derive(Default)]
pub struct Seen {
    booleans: bool,
    integers: bool,
    floats: bool,
    texts: bool,
    nested: bool,
    /// A float would not keep the digits of some number.
    exact: bool,
    numbers: Inference,
    words: Inference,
}

impl Seen {
    pub fn observe(&mut self, raw: &RawValue) {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b't' | b'f') => self.booleans = true,
            Some(b'{' | b'[') => self.nested = true,
            Some(b'"') => {
                self.texts = true;
                let word = serde_json::from_str::<String>(text).unwrap_or_default();
                // An empty word is no date, whatever the others are.
                self.words.observe(Some(if word.is_empty() { "-" } else { &word }));
            }
            Some(b'n') | None => {}
            Some(_) => {
                let whole = !text.contains(['.', 'e', 'E']);
                self.integers |= whole;
                self.floats |= !whole;
                self.exact |= loses_digits(text);
                self.numbers.observe(Some(text));
            }
        }
    }

    pub fn data_type(&self) -> (DataType, &'static str) {
        let number = self.integers || self.floats;
        match (self.booleans, number, self.texts, self.nested) {
            (true, false, false, false) => (DataType::Boolean, "boolean"),
            (false, true, false, false) if self.floats && !self.exact => (DataType::Float64, "number"),
            (false, true, false, false) => (self.numbers.data_type(), "number"),
            (false, false, true, false) => {
                let iso = self.words.data_type();
                let kept = matches!(iso, DataType::Date | DataType::Timestamp | DataType::TimestampTz);
                (if kept { iso } else { DataType::Text }, "string")
            }
            (false, false, false, true) => (DataType::Json, "object or array"),
            (false, false, false, false) => (DataType::Text, "null"),
            _ => (DataType::Text, "mixed"),
        }
    }
}

/// The columns and their types, as far as a sample of this many rows shows.
pub(super) fn describe(path: &Path, sample: u64) -> Result<Described> {
    let mut texts = Texts::open(path)?;
    let mut columns: Vec<(String, Seen)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rows = 0;
    let mut bytes = 0;
    let mut whole = false;
    while rows < sample {
        rows += 1;
        let line = match texts.next().map_err(|error| failure(path, "read", &error))? {
            Line::End => {
                (whole, rows) = (true, rows - 1);
                break;
            }
            Line::Broken(..) => continue,
            Line::Object(line) => line,
        };
        bytes += line.len() as u64;
        let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(&line) else { continue };
        for (name, raw) in members {
            let at = *places.entry(name).or_insert_with_key(|name| {
                columns.push((name.clone(), Seen::default()));
                columns.len() - 1
            });
            if let Some((_, seen)) = columns.get_mut(at) {
                seen.observe(raw);
            }
        }
    }
    let fields = columns.into_iter().map(|(name, seen)| {
        let (data_type, native) = seen.data_type();
        Field { native_type: Some(native.to_owned()), ..Field::new(name, data_type) }
    });
    let fields = Schema::new(fields.collect());
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    let total = match &texts {
        _ if whole => Some(rows),
        Texts::Array(rest) => Some(rows + rest.len() as u64),
        Texts::Lines(_) if decode::is_compressed(path) || bytes == 0 => None,
        Texts::Lines(_) => u64::try_from(u128::from(size) * u128::from(rows) / u128::from(bytes)).ok(),
    };
    Ok(Described { fields, rows: total, exact: whole || matches!(texts, Texts::Array(_)) })
}

/// The rows of one file.
pub(super) struct JsonRows {
    path: PathBuf,
    texts: Texts,
    objects: Objects,
    builder: RowBuilder,
    row: u64,
    ended: bool,
}

impl JsonRows {
    pub(super) fn open(path: &Path, schema: &Schema, nulls: &[String], capacity: usize, shown: &Shown) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            texts: Texts::open(path)?,
            objects: Objects { shown: shown.clone(), ..Objects::new(schema) },
            builder: RowBuilder::new(schema, nulls, capacity),
            row: 0,
            ended: false,
        })
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        while !self.ended && !self.builder.is_full() {
            match self.texts.next().map_err(|error| failure(&self.path, "read", &error))? {
                Line::End => self.ended = true,
                Line::Broken(reason, raw) => {
                    self.row += 1;
                    self.builder.reject(self.row, reason, &raw);
                }
                Line::Object(line) => {
                    self.row += 1;
                    self.objects.push(&line, self.row, &mut self.builder);
                    if let Some(member) = &self.objects.stranger {
                        return Err(unshown(member));
                    }
                }
            }
        }
        if self.builder.is_empty() { Ok(None) } else { self.builder.finish().map(Some) }
    }
}

impl Iterator for JsonRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
