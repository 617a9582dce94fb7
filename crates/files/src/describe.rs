//! What a set of files holds: its columns, how many rows, how its text is written.

use super::described::Described;
use super::dialect::own_format;
use super::files::Files;
use super::hive::{self, Values};
use super::item::Item;
use super::piece::{Need, Piece};
use super::union::{call_alike, union};
use super::{content, csv, jsonl, parquet, sniff};
use std::path::Path;
use windvane_connect::{Found, FoundKind, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// Rows that types are inferred from, over all files of a dataset.
const SAMPLE_ROWS: u64 = 20_000;
const LEAST_ROWS_A_FILE: u64 = 500;

impl Files {
    /// The dataset's columns, size and format.
    pub(super) fn describe(&self, item: &Item) -> Result<Found> {
        let mut fields = Schema::default();
        let mut formats: Vec<TextFormat> = Vec::new();
        let mut rows = Some(0);
        let mut exact = true;
        let mut bytes = 0;
        let mut seen: Vec<(String, Schema)> = Vec::new();
        let sample = if self.thorough {
            u64::MAX
        } else {
            (SAMPLE_ROWS / (item.files.len() as u64).max(1)).max(LEAST_ROWS_A_FILE)
        };
        if let Some(manifest) = &item.manifest {
            fields = manifest.columns.clone();
            rows = Some(manifest.rows());
            bytes = manifest.parts.iter().map(|part| part.bytes).sum();
        }
        for piece in item.files.iter().filter(|_| item.manifest.is_none()) {
            self.admit(piece)?;
            let (mut described, format) =
                self.described(piece, item.kind, sample).map_err(|error| piece.named(error))?;
            if let Some(first) = formats.first()
                && format.as_ref().is_some_and(|format| (format.header_rows == 0) != (first.header_rows == 0))
                && !described.fields.fields.is_empty()
            {
                let here = format.as_ref().is_some_and(|format| format.header_rows == 0);
                return Err(headless(here).in_file(piece.shown()));
            }
            formats.extend(format.filter(|_| !described.fields.fields.is_empty()));
            call_alike(&mut described.fields, &fields);
            if described.fields.fields.is_empty() && described.rows == Some(0) && item.files.len() > 1 {
                tracing::warn!("the file '{}' is empty: it has neither a header nor rows", piece.shown());
            }
            seen.push((beside(piece), described.fields.clone()));
            union(&mut fields, described.fields);
            rows = rows.zip(described.rows).map(|(sum, more)| sum + more);
            exact &= described.exact;
            bytes += piece.size()?;
        }
        let lacking = |name: &str| seen.iter().find(|(_, columns)| columns.field(name).is_none()).map(|(file, _)| file);
        let partial = fields.names().filter_map(|name| Some((name.to_owned(), lacking(name)?.clone()))).collect();
        if item.manifest.is_none() {
            let values: Vec<&Values> = item.files.iter().map(|piece| &piece.values).collect();
            for field in hive::columns(&values) {
                // A folder's value stands for the whole file, whatever the file says.
                fields.fields.retain(|known| known.name != field.name);
                fields.fields.push(field);
            }
        }
        // One format is promised only when all files have it; otherwise each file is looked at when it is read.
        formats.dedup();
        let format = if formats.len() == 1 { formats.pop() } else { None };
        let format = format.or_else(|| (item.manifest.is_some() && item.kind == FoundKind::Csv).then(own_format));
        Ok(Found {
            locator: item.locator.clone(),
            kind: item.kind,
            rows,
            rows_exact: exact && rows.is_some(),
            bytes: Some(bytes),
            fields,
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            partial,
            format,
            declared: None,
        })
    }

    /// Of an object only what is needed is fetched: the first part of a text, the end of a Parquet file.
    fn described(&self, piece: &Piece, kind: FoundKind, sample: u64) -> Result<(Described, Option<TextFormat>)> {
        let look = |path: &Path| {
            content::check(path, kind)?;
            Ok(match kind {
                FoundKind::Csv => {
                    let format = sniff::detect(path, &self.options)?;
                    (csv::describe(path, &format, sample)?, Some(format))
                }
                FoundKind::Jsonl => (jsonl::describe(path, sample)?, None),
                FoundKind::Parquet => (parquet::describe(path)?, None),
                FoundKind::Table | FoundKind::View => return Err(Error::internal("a table is not a kind of file")),
            })
        };
        let need = match kind {
            FoundKind::Parquet => Need::Footer,
            FoundKind::Csv | FoundKind::Jsonl | FoundKind::Table | FoundKind::View if self.thorough => Need::Whole,
            FoundKind::Csv | FoundKind::Jsonl | FoundKind::Table | FoundKind::View => Need::Head,
        };
        let copy = piece.copy(&need)?;
        if copy.whole || kind == FoundKind::Parquet {
            return look(&copy.path);
        }
        match look(&copy.path) {
            // The sample ended before the copy did: only the estimate is of a part.
            Ok((described, format)) if !described.exact => {
                let head = std::fs::metadata(&copy.path).map_or(0, |metadata| metadata.len()).max(1);
                let scaled = |rows: u64| {
                    u64::try_from(u128::from(rows) * u128::from(piece.size().unwrap_or(head)) / u128::from(head))
                };
                let rows = described.rows.and_then(|rows| scaled(rows).ok());
                Ok((Described { rows, ..described }, format))
            }
            Ok(_) | Err(_) => look(&piece.copy(&Need::Whole)?.path),
        }
    }
}

/// A file as it is told from the others of its dataset: with the folders that hold values.
fn beside(piece: &Piece) -> String {
    let file = piece.name().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let values: Vec<_> = piece.values.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    if values.is_empty() { file } else { format!("{}/{file}", hive::folder(&values)) }
}

/// One dataset's files are read alike.
fn headless(here: bool) -> Error {
    let (this, others) = if here { ("no header", "one") } else { ("a header", "none") };
    Error::data(format!("the file has {this}, where the other files of its dataset have {others}")).hint(
        "Mend the file; or say what is right: a `csv` source with `header: true` (or false) reads all files so; or read it as a \
         dataset of its own",
    )
}
