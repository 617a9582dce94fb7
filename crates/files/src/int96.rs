//! The timestamps of old writers (INT96: a day and its nanoseconds), which are read as microseconds.

use super::corrupt::broken;
use parquet::column::reader::ColumnReader;
use parquet::data_type::Int96;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use windvane_connect::disk::failure;
use windvane_core::error::Result;

const STEP: usize = 8192;

/// The rows (from 1) with a value that is finer than a microsecond, and its column: reading would cut it without a word.
pub(super) fn fine_rows(
    path: &Path,
    groups: Range<usize>,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<u64, String>> {
    let mut fine = BTreeMap::new();
    let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    let wrong = |error: ParquetError| broken(path, &error);
    let file = SerializedFileReader::new(file).map_err(wrong)?;
    let schema = file.metadata().file_metadata().schema_descr_ptr();
    for (at, column) in schema.columns().iter().enumerate() {
        let root = column.path().parts().first().map(String::as_str).unwrap_or_default();
        if column.physical_type() != parquet::basic::Type::INT96 || !wanted(root) {
            continue;
        }
        let mut row = 0;
        for group in groups.start..groups.end.min(file.num_row_groups()) {
            let reader = file.get_row_group(group).and_then(|group| group.get_column_reader(at)).map_err(wrong)?;
            let ColumnReader::Int96ColumnReader(mut reader) = reader else { continue };
            loop {
                let (mut values, mut levels, mut repeats) = (Vec::<Int96>::new(), Vec::new(), Vec::new());
                let read = reader.read_records(STEP, Some(&mut levels), Some(&mut repeats), &mut values);
                let (records, _, _) = read.map_err(wrong)?;
                if column.max_def_level() == 0 {
                    levels = vec![0; values.len()];
                }
                // A value for each row that is not null; rows of lists hold several levels and are told as one.
                let mut values = values.iter();
                for (level, at) in levels.iter().zip(0_u64..) {
                    if *level == column.max_def_level() && values.next().is_some_and(is_fine) {
                        let within = if column.max_rep_level() == 0 { at } else { 0 };
                        fine.entry(row + within + 1).or_insert_with(|| root.to_owned());
                    }
                }
                row += records as u64;
                if records == 0 {
                    break;
                }
            }
        }
    }
    Ok(fine)
}

fn is_fine(value: &Int96) -> bool {
    let [low, high, _] = value.data() else { return false };
    (u64::from(*low) | (u64::from(*high) << 32)) % 1_000 != 0
}
