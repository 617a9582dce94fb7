//! Faults that are planted on purpose, to prove that the checks find them: `make mutants`.
//!
//! A build with the cargo feature `faults` reads the names of its faults from `WINDVANE_FAULT`, with commas between
//! them. Every other build, the wheel too, has none: [`planted`] is a constant there and [`spoilt`] a copy of pointers.

use arrow::array::RecordBatch;

#[cfg(feature = "faults")]
pub fn planted(name: &str) -> bool {
    static NAMES: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| std::env::var("WINDVANE_FAULT").unwrap_or_default());
    names.split(',').any(|planted| planted == name)
}

#[cfg(not(feature = "faults"))]
pub const fn planted(_: &str) -> bool {
    false
}

/// The rows as a broken connector would write them.
#[cfg(not(feature = "faults"))]
pub fn spoilt(_: &str, rows: &RecordBatch) -> RecordBatch {
    rows.clone()
}

/// The rows as a broken connector would write them; `place` goes before the fault's name.
#[cfg(feature = "faults")]
pub fn spoilt(place: &str, rows: &RecordBatch) -> RecordBatch {
    broken::spoilt(place, rows).unwrap_or_else(|_| rows.clone())
}

#[cfg(feature = "faults")]
mod broken {
    use super::planted;
    use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
    use arrow::error::ArrowError;
    use std::sync::Arc;

    pub(super) fn spoilt(place: &str, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let has = |fault: &str| planted(&format!("{place}{fault}"));
        let count = rows.num_rows();
        if count == 0 {
            return Ok(rows.clone());
        }
        if has("loses_row") {
            return Ok(rows.slice(0, count - 1));
        }
        if has("doubles_row") {
            return arrow::compute::concat_batches(&rows.schema(), [rows, &rows.slice(count - 1, 1)]);
        }
        if has("swaps_columns") {
            return swapped(rows);
        }
        if has("truncates_text") {
            return texts(rows, |text| Some(text.chars().take(10).collect()));
        }
        if has("null_for_empty") {
            return texts(rows, |text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        }
        Ok(rows.clone())
    }

    /// The first two columns of one type change places.
    fn swapped(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut columns = rows.columns().to_vec();
        let alike = |one: &usize, other: &usize| columns[*one].data_type() == columns[*other].data_type();
        let mut pairs = (0..columns.len()).flat_map(|one| (one + 1..rows.num_columns()).map(move |other| (one, other)));
        if let Some((one, other)) = pairs.find(|(one, other)| alike(one, other)) {
            columns.swap(one, other);
        }
        RecordBatch::try_new(rows.schema(), columns)
    }

    fn texts(rows: &RecordBatch, change: impl Fn(&str) -> Option<String>) -> Result<RecordBatch, ArrowError> {
        let column = |column: &ArrayRef| -> ArrayRef {
            match column.as_string_opt::<i32>() {
                Some(texts) => Arc::new(texts.iter().map(|text| text.and_then(&change)).collect::<StringArray>()),
                None => Arc::clone(column),
            }
        };
        RecordBatch::try_new(rows.schema(), rows.columns().iter().map(column).collect())
    }
}
