//! Doors for `fuzz/`: one file read as its readers read it, in portions of the caller's choice; a manifest's text.

use super::described::Described;
use super::manifest::Manifest;
use super::portions::Portions;
use super::{content, csv, jsonl, read, sniff};
use std::path::Path;
use windvane_connect::sampled_columns::SampledColumns;
use windvane_connect::{BATCH_ROWS, Batch, FoundKind, Skipped, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::kinds::csv::CsvSource;

/// What a file holds, and how it is written if it is delimited text.
pub fn described(path: &Path, kind: FoundKind, given: &CsvSource) -> Result<(Schema, Option<TextFormat>)> {
    content::check(path, kind)?;
    let (Described { fields, .. }, format) = match kind {
        FoundKind::Csv => {
            let format = sniff::detect(path, given)?;
            (csv::describe(path, &format, u64::MAX)?, Some(format))
        }
        FoundKind::Jsonl => (jsonl::describe(path, u64::MAX)?, None),
        FoundKind::Parquet | FoundKind::Table | FoundKind::View => {
            return Err(Error::internal("only texts are looked at here"));
        }
    };
    Ok((fields, format))
}

/// Its rows.
pub fn rows(path: &Path, kind: FoundKind, format: Option<&TextFormat>, schema: &Schema) -> Result<Vec<Batch>> {
    let (skipped, shown) = (Skipped::default(), SampledColumns::new(schema.names(), false));
    read::file_rows(path, kind, format, false, schema, BATCH_ROWS, None, &skipped, &shown)?.collect()
}

/// The same rows of delimited text, read `read_size` bytes at a time, and `chunk` bytes a thread.
pub fn in_portions(
    path: &Path,
    format: &TextFormat,
    (read_size, chunk): (usize, u64),
    schema: &Schema,
) -> Result<Vec<Batch>> {
    let (skipped, shown) = (Skipped::default(), SampledColumns::new(schema.names(), false));
    csv::rows(path, format, false, Portions { read_size, chunk }, schema, BATCH_ROWS, &skipped, &shown)?.collect()
}

/// A manifest as the next load would write it, and the files that it names.
pub fn manifest(text: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
    let manifest = Manifest::understood(text, "_manifest.json")?;
    let names = manifest.parts.iter().map(|part| part.path.clone()).chain(manifest.retired.iter().cloned());
    Ok((manifest.text()?, names.collect()))
}
