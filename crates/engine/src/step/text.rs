//! Split and mask: text taken apart, and text that nobody behind this step may read.

use super::fields::{changed, position, unique};
use crate::callbacks;
use crate::convert;
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use regex::Regex;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::pattern;
use windvane_core::spec::verb::{Mask as MaskStep, MaskHow, Split as SplitStep};

#[derive(Debug, Clone)]
pub(super) struct Split {
    index: usize,
    into: Vec<String>,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Separator(String),
    Pattern(Regex),
}

pub(super) fn split(step: &SplitStep, schema: &Schema) -> Result<(Split, Schema)> {
    let index = position(&step.column, schema).map_err(|error| error.at_path("column"))?;
    if let Some(field) = schema.fields.get(index).filter(|field| field.data_type != DataType::Text) {
        return Err(Error::spec(format!("column '{}' is {} and not text", field.name, field.data_type))
            .at_path("column")
            .hint("Only text is split; cast the column first"));
    }
    let (into, how) = match (&step.by, &step.pattern) {
        (Some(by), None) if by.is_empty() => {
            return Err(Error::spec("the separator is empty")
                .at_path("by")
                .hint("Write what stands between the parts"));
        }
        (Some(by), None) => (step.into.clone(), How::Separator(by.clone())),
        (None, Some(text)) if step.into.is_empty() => {
            let pattern = pattern::compile(text).map_err(|error| error.at_path("pattern"))?;
            (pattern.capture_names().flatten().map(str::to_owned).collect(), How::Pattern(pattern))
        }
        _ => {
            return Err(Error::spec("split needs `by` and `into`, or `pattern` alone")
                .hint("Write by: \"-\" with into: [a, b], or pattern: \"(?<a>\\\\d+)-(?<b>.*)\""));
        }
    };
    if into.is_empty() {
        let (path, hint) = if step.by.is_some() {
            ("into", "Name the new columns")
        } else {
            ("pattern", "Name its groups: (?<year>\\d{4})")
        };
        return Err(Error::spec("the split makes no column").at_path(path).hint(hint));
    }
    let mut after = schema.clone();
    after.fields.extend(into.iter().map(|name| Field::new(name, DataType::Text)));
    unique(after.names())
        .map_err(|error| error.at_path("into").hint("Give the part another name, or drop the column first"))?;
    Ok((Split { index, into, how }, after))
}

impl Split {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame) -> Result<Frame> {
        let array =
            frame.rows.columns().get(self.index).ok_or_else(|| Error::internal("a split outlived its column"))?;
        let mut parts: Vec<Vec<Option<&str>>> = vec![Vec::with_capacity(frame.len()); self.into.len()];
        for text in array.as_string::<i32>() {
            match (&self.how, text) {
                (How::Separator(by), Some(text)) => {
                    let mut found = text.splitn(self.into.len(), by.as_str());
                    for part in &mut parts {
                        part.push(found.next());
                    }
                }
                (How::Pattern(pattern), Some(text)) => {
                    let found = pattern.captures(text);
                    for (part, name) in parts.iter_mut().zip(&self.into) {
                        part.push(found.as_ref().and_then(|found| found.name(name)).map(|group| group.as_str()));
                    }
                }
                (_, None) => {
                    for part in &mut parts {
                        part.push(None);
                    }
                }
            }
        }
        let mut columns = frame.rows.columns().to_vec();
        columns.extend(parts.into_iter().map(|part| Arc::new(StringArray::from(part)) as ArrayRef));
        Frame::new(schema.clone(), columns, frame.numbers.clone())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Mask {
    columns: Vec<(usize, MaskHow)>,
}

pub(super) fn mask(step: &MaskStep, schema: &Schema) -> Result<(Mask, Schema)> {
    if step.columns.is_empty() {
        return Err(Error::spec("mask names no column").at_path("columns").hint("Write columns: {email: hash}"));
    }
    let mut after = schema.clone();
    let mut columns = Vec::new();
    for (name, how) in &step.columns {
        let located = |error: Error| error.at_path(format!("columns.{name}"));
        let index = position(name, schema).map_err(located)?;
        let Some(field) = after.fields.get_mut(index) else { continue };
        match how {
            MaskHow::Clear => field.nullable = true,
            MaskHow::Email if field.data_type != DataType::Text => {
                return Err(located(Error::spec(format!("a {} is no address", field.data_type)))
                    .hint("Use hash, redact or clear"));
            }
            MaskHow::Hash | MaskHow::Redact | MaskHow::Last4 | MaskHow::Email => {
                *field = changed(field, Field { nullable: field.nullable, ..Field::new(name, DataType::Text) });
            }
        }
        columns.push((index, *how));
    }
    Ok((Mask { columns }, after))
}

/// Where the key of `hash` is: never in a spec, a plan or a message.
const KEY: &str = "WINDVANE_MASK_KEY";

impl Mask {
    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|(index, _)| *index)
    }

    /// The columns that hold something else than null afterwards.
    pub(super) fn rewritten(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().filter(|(_, how)| *how != MaskHow::Clear).map(|(index, _)| *index)
    }

    /// The key, when one is needed. A run without it must not begin.
    pub(super) fn key(&self) -> Result<Option<Key>> {
        if !self.columns.iter().any(|(_, how)| *how == MaskHow::Hash) {
            return Ok(None);
        }
        match callbacks::variable(KEY)? {
            Some(key) if key.len() >= 16 => Ok(Some(Key::new(key.as_bytes()))),
            Some(_) => Err(Error::spec(format!("the key in {KEY} is too short to keep anything secret"))
                .hint("Use at least 16 characters, for example from `openssl rand -hex 32`")),
            None => Err(Error::missing(format!("a mask step hashes, and the environment has no {KEY}"))
                .hint(format!("Set {KEY} where the run executes, or use redact, last4, email or clear"))),
        }
    }

    pub(super) fn run(&self, key: Option<&Key>, schema: &Schema, frame: &Frame) -> Result<Frame> {
        let mut columns = frame.rows.columns().to_vec();
        for (index, how) in &self.columns {
            let (Some(slot), Some(field)) = (columns.get_mut(*index), frame.schema.fields.get(*index)) else {
                return Err(Error::internal("a mask outlived its column"));
            };
            *slot = match how {
                MaskHow::Clear => convert::nulls(field.data_type, slot.len()),
                MaskHow::Hash | MaskHow::Redact | MaskHow::Last4 | MaskHow::Email => {
                    let text = |row| convert::text_at(slot, field.data_type, row);
                    let masked = (0..slot.len()).map(|row| text(row).map(|text| masked(&text, *how, key)).transpose());
                    Arc::new(masked.collect::<Result<StringArray>>()?)
                }
            };
        }
        Frame::new(schema.clone(), columns, frame.numbers.clone())
    }
}

fn masked(text: &str, how: MaskHow, key: Option<&Key>) -> Result<String> {
    Ok(match how {
        _ if faults::planted("unmasked_step") => text.to_owned(),
        MaskHow::Hash => key.ok_or_else(|| Error::internal("a hash lost its key"))?.hash(text),
        MaskHow::Redact | MaskHow::Clear => "***".to_owned(),
        MaskHow::Last4 => {
            let count = text.chars().count();
            let kept = if count < 8 { count } else { count - 4 };
            format!("****{}", text.chars().skip(kept).collect::<String>())
        }
        MaskHow::Email => match (text.rsplit_once('@'), text.chars().next()) {
            (Some((user, domain)), Some(first)) if !user.is_empty() && !domain.is_empty() => {
                format!("{first}***@{domain}")
            }
            _ => "***".to_owned(),
        },
    })
}

/// HMAC-SHA-256 (RFC 2104) with its key worked in.
pub(super) struct Key {
    inner: Sha256,
    outer: Sha256,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        let mut block = [0_u8; 64];
        if secret.len() > block.len() {
            block[..32].copy_from_slice(&Sha256::digest(secret));
        } else {
            block[..secret.len()].copy_from_slice(secret);
        }
        let padded = |with: u8| Sha256::new().chain_update(block.map(|byte| byte ^ with));
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    fn hash(&self, text: &str) -> String {
        let inner = self.inner.clone().chain_update(text).finalize();
        let mut hex = String::with_capacity(64);
        for byte in self.outer.clone().chain_update(inner).finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}
