//! The rows of one file, whatever its kind.

use super::csv;
use super::described::Rows;
use super::dialect::own_format;
use super::extension::kind_by_extension;
use super::hive;
use super::jsonl::JsonRows;
use super::parquet::ParquetRows;
use super::piece::{Copy, Piece};
use super::portions::Portions;
use std::ops::Range;
use std::path::Path;
use windvane_connect::sampled_columns::SampledColumns;
use windvane_connect::{BATCH_ROWS, Batch, FoundKind, Skipped, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// The rows of a local file that we wrote.
pub(super) fn own_rows(path: &Path, kind: FoundKind, schema: &Schema, capacity: usize) -> Result<Rows> {
    file_rows(
        path,
        kind,
        Some(&own_format()),
        true,
        schema,
        capacity,
        None,
        &Skipped::default(),
        &SampledColumns::new(schema.names(), false),
    )
}

/// The rows of a part that we wrote, with the values of its folders.
pub(super) fn piece_rows(piece: &Piece, copy: &Copy, schema: &Schema) -> Result<Rows> {
    let kind = kind_by_extension(piece.name()).unwrap_or(FoundKind::Parquet);
    let names: Vec<String> = piece.values.iter().map(|(name, _)| name.clone()).collect();
    let rows = own_rows(&copy.path, kind, &hive::without(schema, &names), BATCH_ROWS)?;
    let (values, schema) = (piece.values.clone(), schema.clone());
    Ok(Box::new(rows.map(move |batch| {
        let batch = batch?;
        let rows = if values.is_empty() { batch.rows } else { hive::attach(&batch.rows, &values, &schema)? };
        Ok(Batch { rows, ..batch })
    })))
}

#[expect(clippy::too_many_arguments, reason = "what a file's rows are made of, handed through once")]
pub(super) fn file_rows(
    path: &Path,
    kind: FoundKind,
    format: Option<&TextFormat>,
    strict: bool,
    schema: &Schema,
    capacity: usize,
    groups: Option<Range<usize>>,
    skipped: &Skipped,
    shown: &SampledColumns,
) -> Result<Rows> {
    let nulls = format.map(|format| format.nulls.as_slice()).unwrap_or_default();
    Ok(match (kind, format) {
        (FoundKind::Csv, Some(format)) => {
            csv::rows(path, format, strict, Portions::default(), schema, capacity, skipped, shown)?
        }
        (FoundKind::Jsonl, _) => Box::new(JsonRows::open(path, schema, nulls, capacity, shown)?),
        (FoundKind::Parquet, _) => Box::new(ParquetRows::open(path, schema, capacity, groups, shown)?),
        (FoundKind::Csv, None) | (FoundKind::Table | FoundKind::View, _) => {
            return Err(Error::internal("a file was to be read as something it cannot be"));
        }
    })
}
