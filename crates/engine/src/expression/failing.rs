//! Where failures of one operation go.

use arrow::buffer::BooleanBuffer;
use std::collections::BTreeMap;
use std::fmt::Arguments;
use windvane_core::schema::DataType;

/// Where failures of one operation go.
pub(super) struct Failing<'a> {
    pub(super) active: Option<&'a BooleanBuffer>,
    pub(super) failures: &'a mut BTreeMap<usize, String>,
}

impl Failing<'_> {
    /// The first reason of a row stays.
    pub(super) fn fail<T>(&mut self, row: usize, reason: impl FnOnce() -> String) -> Option<T> {
        if self.active.is_none_or(|active| active.value(row)) {
            self.failures.entry(row).or_insert_with(reason);
        }
        None
    }

    pub(super) fn by_zero<T>(&mut self, row: usize, what: Arguments<'_>) -> Option<T> {
        self.fail(row, || format!("division by zero: {what}"))
    }

    pub(super) fn out_of_range<T>(&mut self, row: usize, what: Arguments<'_>, to: DataType) -> Option<T> {
        self.fail(row, || format!("{what} is out of range of {to}"))
    }
}
