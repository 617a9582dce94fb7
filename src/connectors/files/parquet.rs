//! Parquet: columns from the file's own words, rows without a detour.

use super::groups::{Batches, Groups};
use super::{Described, failure};
use crate::connectors::Batch;
use crate::error::{Error, Result};
use crate::schema::{
    Schema,
    arrow::{from_arrow, pick},
};
use arrow::array::RecordBatch;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

fn broken(path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    let text = error.to_string();
    let about = if text.contains("Disabled feature") || text.contains("NYI") || text.contains("not yet implemented") {
        Error::unsupported("the Parquet file uses a feature that is not read here")
            .hint("Write it with zstd, snappy or no compression")
    } else {
        Error::data("the file is not sound Parquet").hint("Write the file anew; it may have been cut short")
    };
    about.in_file(path.display().to_string()).caused_by(error)
}

fn open(path: &Path) -> Result<Groups> {
    let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    if super::decode::is_compressed(path) {
        return Err(Error::unsupported("a compressed Parquet file is not read")
            .in_file(path.display().to_string())
            .hint("Unpack it: Parquet is compressed inside"));
    }
    Groups::open(file).map_err(|error| broken(path, &error))
}

pub(super) fn describe(path: &Path) -> Result<Described> {
    let groups = open(path)?;
    let about = groups.metadata();
    let mut fields = from_arrow(about.schema()).map_err(|error| error.in_file(path.display().to_string()))?;
    for (field, column) in fields.fields.iter_mut().zip(about.parquet_schema().root_schema().get_fields()) {
        if column.is_primitive() {
            let logical = column.get_basic_info().logical_type_ref().map(|kind| format!(" ({kind:?})"));
            field.native_type = Some(format!("{}{}", column.get_physical_type(), logical.unwrap_or_default()));
        }
    }
    let rows = u64::try_from(about.metadata().file_metadata().num_rows()).unwrap_or_default();
    Ok(Described { fields, rows: Some(rows), exact: true })
}

/// The rows of one file.
pub(super) struct ParquetRows {
    path: PathBuf,
    batches: Batches,
    schema: Schema,
    row: u64,
}

impl ParquetRows {
    /// All row groups, or those of the range. Only the columns of the schema are decoded.
    pub(super) fn open(path: &Path, schema: &Schema, capacity: usize, groups: Option<Range<usize>>) -> Result<Self> {
        let file = open(path)?;
        let groups = groups.unwrap_or(0..file.count());
        let batches = file.batches(groups, |name| schema.field(name).is_some(), capacity);
        let batches = batches.map_err(|error| broken(path, &error))?;
        Ok(Self { path: path.to_owned(), batches, schema: schema.clone(), row: 0 })
    }

    fn wanted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        pick(batch, &self.schema).map_err(|error| {
            let file = self.path.display().to_string();
            let mut place = error.place().clone();
            place.file = Some(file);
            error.at(place)
        })
    }
}

impl Iterator for ParquetRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(broken(&self.path, &error))),
        };
        let first = self.row + 1;
        self.row += batch.num_rows() as u64;
        let rows = self.wanted(&batch);
        Some(rows.map(|rows| Batch { rows, numbers: (first..=self.row).collect(), rejected: Vec::new() }))
    }
}
