//! What a set of files holds, and its rows: one file after the other, on a thread of its own.

use super::csv;
use super::jsonl::{self, JsonRows};
use super::locate::Item;
use super::parquet::{self, ParquetRows};
use super::{Files, sniff};
use crate::connectors::{BATCH_ROWS, Batch, BatchStream, Found, FoundKind, ReadRequest, TextFormat};
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema};
use futures::StreamExt;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Rows that types are inferred from, over all files of a dataset.
const SAMPLE_ROWS: u64 = 20_000;
const LEAST_ROWS_A_FILE: u64 = 500;
/// Batches that wait for a slow reader.
const WAITING: usize = 2;

pub(super) type Rows = Box<dyn Iterator<Item = Result<Batch>> + Send>;

/// The rows of a part that we wrote.
pub(super) fn own_rows(path: &Path, kind: FoundKind, schema: &Schema, capacity: usize) -> Result<Rows> {
    file_rows(path, kind, Some(&csv::own_format()), true, schema, capacity)
}

fn file_rows(
    path: &Path,
    kind: FoundKind,
    format: Option<&TextFormat>,
    strict: bool,
    schema: &Schema,
    capacity: usize,
) -> Result<Rows> {
    let nulls = format.map(|format| format.nulls.as_slice()).unwrap_or_default();
    Ok(match (kind, format) {
        (FoundKind::Csv, Some(format)) => csv::rows(path, format, strict, schema, capacity)?,
        (FoundKind::Jsonl, _) => Box::new(JsonRows::open(path, schema, nulls, capacity)?),
        (FoundKind::Parquet, _) => Box::new(ParquetRows::open(path, schema, capacity, None)?),
        (FoundKind::Csv, None) | (FoundKind::Table | FoundKind::View, _) => {
            return Err(Error::internal("a file was to be read as something it cannot be"));
        }
    })
}

impl Files {
    /// The dataset's columns, size and format.
    pub(super) fn describe(&self, item: &Item) -> Result<Found> {
        let mut fields = Schema::default();
        let mut formats: Vec<TextFormat> = Vec::new();
        let mut rows = Some(0);
        let mut exact = true;
        let mut bytes = 0;
        let sample = (SAMPLE_ROWS / (item.files.len() as u64).max(1)).max(LEAST_ROWS_A_FILE);
        if let Some(manifest) = &item.manifest {
            fields = manifest.columns.clone();
            rows = Some(manifest.rows());
            bytes = manifest.parts.iter().map(|part| part.bytes).sum();
        }
        for path in item.files.iter().filter(|_| item.manifest.is_none()) {
            self.bounds.admit(path)?;
            let described = match item.kind {
                FoundKind::Csv => {
                    let format = sniff::detect(path, &self.options)?;
                    let described = csv::describe(path, &format, sample)?;
                    formats.push(format);
                    described
                }
                FoundKind::Jsonl => jsonl::describe(path, sample)?,
                FoundKind::Parquet => parquet::describe(path)?,
                FoundKind::Table | FoundKind::View => return Err(Error::internal("a table is not a kind of file")),
            };
            union(&mut fields, described.fields);
            rows = rows.zip(described.rows).map(|(sum, more)| sum + more);
            exact &= described.exact;
            bytes += std::fs::metadata(path).map_err(|error| super::failure(path, "read", &error))?.len();
        }
        // One format is promised only when all files have it; otherwise each file is looked at when it is read.
        formats.dedup();
        let format = if formats.len() == 1 { formats.pop() } else { None };
        let format = format.or_else(|| (item.manifest.is_some() && item.kind == FoundKind::Csv).then(csv::own_format));
        Ok(Found {
            locator: item.locator.clone(),
            kind: item.kind,
            rows,
            rows_exact: exact && rows.is_some(),
            bytes: Some(bytes),
            fields,
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            format,
        })
    }

    /// Opens the first file at once, so that what is missing or broken is said here.
    pub(super) fn rows(&self, request: ReadRequest) -> Result<AllRows> {
        let item = self.item(&request.locator, request.kind)?;
        for path in &item.files {
            self.bounds.admit(path)?;
        }
        let strict = item.manifest.is_some();
        let format = if strict { Some(csv::own_format()) } else { request.format };
        let mut all = AllRows {
            files: self.clone(),
            paths: item.files.into(),
            kind: item.kind,
            format,
            strict,
            schema: request.schema,
            limit: request.limit,
            current: None,
            before: 0,
            row: 0,
        };
        all.advance()?;
        Ok(all)
    }
}

/// The union of columns by name; where types differ, one that holds both.
fn union(fields: &mut Schema, more: Schema) {
    if fields.fields.is_empty() {
        *fields = more;
        return;
    }
    for field in more.fields {
        match fields.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.data_type = wider(known.data_type, field.data_type),
            None => fields.fields.push(Field { nullable: true, ..field }),
        }
    }
}

fn wider(one: DataType, other: DataType) -> DataType {
    use DataType::{Date, Decimal, Float32, Float64, Int16, Int32, Int64, Text, Timestamp};
    match (one, other) {
        _ if one == other => one,
        (Int16, Int32) | (Int32, Int16) => Int32,
        (Int16 | Int32, Int64) | (Int64, Int16 | Int32) => Int64,
        (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => {
            let (p, q, scale) = (i16::from(p) - i16::from(s), i16::from(q) - i16::from(t), s.max(t));
            let precision = u8::try_from((p.max(q) + i16::from(scale)).min(38)).unwrap_or(38);
            Decimal { precision, scale }
        }
        (Decimal { scale, .. }, Int16 | Int32 | Int64) | (Int16 | Int32 | Int64, Decimal { scale, .. }) => {
            Decimal { precision: 38, scale }
        }
        (Float32 | Float64, Float32 | Float64 | Int16 | Int32 | Int64 | Decimal { .. })
        | (Int16 | Int32 | Int64 | Decimal { .. }, Float32 | Float64) => Float64,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        _ => Text,
    }
}

/// The rows of all files of a dataset, numbered through.
pub(super) struct AllRows {
    files: Files,
    paths: VecDeque<PathBuf>,
    kind: FoundKind,
    format: Option<TextFormat>,
    strict: bool,
    schema: Schema,
    limit: Option<u64>,
    current: Option<Rows>,
    /// Rows of the files before the current one.
    before: u64,
    /// Rows met so far.
    row: u64,
}

impl AllRows {
    fn advance(&mut self) -> Result<()> {
        self.before = self.row;
        self.current = match self.paths.pop_front() {
            None => None,
            Some(path) => {
                let detected = match (&self.format, self.kind) {
                    (None, FoundKind::Csv) => Some(sniff::detect(&path, &self.files.options)?),
                    (Some(_), _)
                    | (None, FoundKind::Jsonl | FoundKind::Parquet | FoundKind::Table | FoundKind::View) => None,
                };
                let format = detected.as_ref().or(self.format.as_ref());
                // Parts are named by their endings: a folder's format may have changed between loads.
                let kind =
                    if self.strict { super::locate::kind_by_ending(&path).unwrap_or(self.kind) } else { self.kind };
                let capacity =
                    self.limit.map_or(BATCH_ROWS, |limit| BATCH_ROWS.min(usize::try_from(limit).unwrap_or(BATCH_ROWS)));
                Some(file_rows(&path, kind, format, self.strict, &self.schema, capacity.max(1))?)
            }
        };
        Ok(())
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        while self.limit.is_none_or(|limit| self.row < limit) {
            let Some(current) = &mut self.current else { return Ok(None) };
            let Some(mut batch) = current.next().transpose()? else {
                self.advance()?;
                continue;
            };
            for number in &mut batch.numbers {
                *number += self.before;
            }
            for refused in &mut batch.rejected {
                refused.row += self.before;
            }
            self.row += (batch.numbers.len() + batch.rejected.len()) as u64;
            if let Some(limit) = self.limit.filter(|limit| *limit < self.row) {
                let kept = batch.numbers.iter().take_while(|number| **number <= limit).count();
                batch.numbers.truncate(kept);
                batch.rows = batch.rows.slice(0, kept);
                batch.rejected.retain(|refused| refused.row <= limit);
            }
            return Ok(Some(batch));
        }
        Ok(None)
    }
}

impl Iterator for AllRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// Runs the reading on a thread; it stops when the stream is dropped, and a panic there is an error here.
pub(super) fn stream(rows: AllRows) -> BatchStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        for batch in rows {
            let failed = batch.is_err();
            if sender.blocking_send(batch).is_err() || failed {
                return;
            }
        }
    });
    futures::stream::unfold(Some((receiver, reading)), |state| async move {
        let (mut receiver, reading) = state?;
        if let Some(batch) = receiver.recv().await {
            return Some((batch, Some((receiver, reading))));
        }
        let failure = reading.await.err()?;
        Some((Err(Error::internal("reading a file failed").caused_by(&failure)), None))
    })
    .boxed()
}
