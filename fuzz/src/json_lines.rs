//! JSON lines: two bytes say where they are cut, the rest is the file. Cut or not, as lines or as one array, its rows are the
//! same.

use super::batches::{All, all};
use super::choices::{Choices, cut};
use super::errors::told;
use super::scratch;
use serde_json::{Map, Value};
use std::path::Path;
use windvane_connect::FoundKind;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::kinds::csv::CsvSource;
use windvane_files::fuzzing::{described, rows};

fn read(path: &Path) -> Result<(Schema, All)> {
    let (schema, _) = described(path, FoundKind::Jsonl, &CsvSource::default())?;
    let batches = rows(path, FoundKind::Jsonl, None, &schema)?;
    let all = all(&schema, batches);
    Ok((schema, all))
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let cuts = choices.bytes::<2>();
    let whole = match read(&scratch::file("jsonl", choices.0)) {
        Ok(whole) => whole,
        Err(error) => return told(&error),
    };
    if !choices.0.starts_with(&[0x1F, 0x8B]) && !choices.0.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
        let path = scratch::file("jsonl.gz", &scratch::compressed(&cut(choices.0, &cuts)));
        assert_eq!(read(&path).ok().as_ref(), Some(&whole), "read compressed, in three members");
    }
    let text = std::str::from_utf8(choices.0).unwrap_or_default();
    let lines: Vec<&str> = text.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty()).collect();
    let objects = lines.iter().all(|line| serde_json::from_str::<Map<String, Value>>(line).is_ok());
    if lines.len() > 1 && objects {
        let apart = read(&scratch::file("lines.jsonl", lines.join("\n").as_bytes())).ok();
        let array = read(&scratch::file("array.json", format!("[{}]", lines.join(",")).as_bytes())).ok();
        assert_eq!(apart, array, "lines and an array of them");
        assert!(apart.is_some(), "good lines can be read");
    }
}
