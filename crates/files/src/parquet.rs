//! Parquet: columns from the file's own words, rows without a detour.

use super::corrupt::broken;
use super::decode::is_compressed;
use super::described::Described;
use super::groups::{Batches, Groups};
use super::int96::fine_rows;
use arrow::array::{Array, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::util::display::array_value_to_string;
use parquet::basic::LogicalType;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use windvane_connect::disk::failure;
use windvane_connect::sampled_columns::SampledColumns;
use windvane_connect::{Batch, Rejected};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{
    DataType, Schema,
    arrow::{from_arrow, pick, refused, to_arrow},
    name_match,
};

fn open(path: &Path) -> Result<Groups> {
    let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    if is_compressed(path) {
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
    once(&fields).map_err(|error| error.in_file(path.display().to_string()))?;
    for (field, column) in fields.fields.iter_mut().zip(about.parquet_schema().root_schema().get_fields()) {
        if column.is_primitive() {
            // Writers that know nothing of Arrow say it in Parquet's own words.
            match (column.get_basic_info().logical_type_ref(), field.data_type) {
                (Some(LogicalType::Uuid), DataType::Binary) => field.data_type = DataType::Uuid,
                (Some(LogicalType::Json), DataType::Text) => field.data_type = DataType::Json,
                _ => {}
            }
            let logical = column.get_basic_info().logical_type_ref().map(|kind| format!(" ({kind:?})"));
            if column.get_physical_type() == parquet::basic::Type::INT96 {
                // Nanoseconds, though they are read as microseconds.
                field.shape = "timestamp(ns)".parse().ok();
            }
            field.native_type = Some(format!("{}{}", column.get_physical_type(), logical.unwrap_or_default()));
        }
    }
    let rows = u64::try_from(about.metadata().file_metadata().num_rows()).unwrap_or_default();
    Ok(Described { fields, rows: Some(rows), exact: true })
}

/// Columns are told by their names.
fn once(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.names().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::data(format!("the file has two columns called '{name}'"))
            .at_path(name)
            .hint("Rename one of them where the file is written: one would be lost here")),
    }
}

/// The rows of one file.
pub(super) struct ParquetRows {
    path: PathBuf,
    batches: Batches,
    /// What is wanted, and the same by the names that the file has.
    schema: Schema,
    here: Schema,
    row: u64,
    /// Rows with an INT96 that is finer than ours, and its column.
    fine: BTreeMap<u64, String>,
}

impl ParquetRows {
    /// All row groups, or those of the range. Only the columns of the schema are decoded.
    pub(super) fn open(
        path: &Path,
        schema: &Schema,
        capacity: usize,
        groups: Option<Range<usize>>,
        shown: &SampledColumns,
    ) -> Result<Self> {
        let file = open(path)?;
        let groups = groups.unwrap_or(0..file.count());
        let mut here = schema.clone();
        let names: Vec<&str> = file.metadata().schema().fields().iter().map(|field| field.name().as_str()).collect();
        for (name, called) in names.iter().zip(name_match::matched(&names, &shown.names)) {
            for field in here.fields.iter_mut().filter(|field| field.name == called) {
                (*name).clone_into(&mut field.name);
            }
        }
        let fine = fine_rows(path, groups.clone(), |name| here.field(name).is_some())?;
        let batches = file.batches(groups, |name| here.field(name).is_some(), capacity);
        let batches = batches.map_err(|error| broken(path, &error))?;
        Ok(Self { path: path.to_owned(), batches, schema: schema.clone(), here, row: 0, fine })
    }

    /// The rows as they are wanted; those with a value that our types would cut are refused, row by row.
    fn wanted(&self, batch: &RecordBatch, first: u64) -> Result<Batch> {
        let wrong = |error: Error| {
            let mut place = error.place().clone();
            place.file = Some(self.path.display().to_string());
            error.at(place)
        };
        let numbers: Vec<u64> = (first..).take(batch.num_rows()).collect();
        let fine: Vec<(&u64, &String)> = self.fine.range(first..first + batch.num_rows() as u64).collect();
        let told = match pick(batch, &self.here) {
            Ok(rows) if fine.is_empty() => {
                return Ok(Batch { rows: self.named(rows)?, numbers, rejected: Vec::new() });
            }
            Ok(_) => BTreeMap::new(),
            Err(error) => {
                let told = refused(batch, &self.here).map_err(wrong)?;
                if told.is_empty() {
                    return Err(wrong(error));
                }
                told
            }
        };
        let mut told: BTreeMap<u64, (String, String)> =
            told.into_iter().map(|(row, why)| (first + row as u64, why)).collect();
        for (row, column) in fine {
            let reason = "a timestamp (INT96) is finer than a microsecond".to_owned();
            told.entry(*row).or_insert((column.clone(), reason));
        }
        let keep: BooleanArray = numbers.iter().map(|number| Some(!told.contains_key(number))).collect();
        let kept = filter_record_batch(batch, &keep)
            .map_err(|error| wrong(Error::internal("rows could not be chosen").caused_by(&error)))?;
        let record = |row: u64| {
            let at = usize::try_from(row - first).unwrap_or(usize::MAX);
            let text = |name: &str| {
                let column = batch.column_by_name(name).filter(|column| at < column.len() && column.is_valid(at))?;
                array_value_to_string(column, at).ok()
            };
            let names = self.here.names().zip(self.schema.names());
            names.map(|(here, name)| (name.to_owned(), text(here).map_or(Value::Null, Value::String))).collect()
        };
        let numbers = numbers.into_iter().filter(|number| !told.contains_key(number)).collect();
        let rejected = told.into_iter().map(|(row, (column, reason))| Rejected {
            row,
            column: Some(self.name(&column)),
            reason,
            record: record(row),
        });
        let rows = self.named(pick(&kept, &self.here).map_err(wrong)?)?;
        Ok(Batch { rejected: rejected.collect(), rows, numbers })
    }
}

impl ParquetRows {
    /// The rows by the names that are wanted.
    fn named(&self, rows: RecordBatch) -> Result<RecordBatch> {
        if self.here == self.schema {
            return Ok(rows);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(to_arrow(&self.schema), rows.columns().to_vec(), &options)
            .map_err(|error| Error::internal("a file's columns could not be named").caused_by(&error))
    }

    fn name(&self, here: &str) -> String {
        let at = self.here.names().position(|name| name == here);
        at.and_then(|at| self.schema.names().nth(at)).unwrap_or(here).to_owned()
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
        Some(self.wanted(&batch, first))
    }
}
