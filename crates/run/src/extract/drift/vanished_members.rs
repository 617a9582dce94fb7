//! Members of JSON that no row has any more. One that some rows lack is null there; one that all lack is gone, as a column
//! of a table would be, and must not write nulls over values. Only the end of the rows tells.

use super::case::Case;
use arrow::array::{Array, RecordBatch};
use windvane_core::error::Result;
use windvane_core::guard::{Allow, Finding, Guard, Notes};
use windvane_core::schema::Field;

#[derive(Debug, Clone)]
pub struct Silent {
    output: String,
    /// By their places in the rows.
    columns: Vec<(usize, Field)>,
    rows: usize,
    allow: Allow,
    /// Rows that are only added write over nothing: then it is only said.
    notes: Option<(String, Notes)>,
}

impl Silent {
    /// Of members that a look at the source has not shown.
    pub(super) fn of(case: Case<'_>, columns: Vec<(usize, Field)>) -> Option<Self> {
        if columns.is_empty() {
            return None;
        }
        let passes = case.output.mode.adds() || case.output.guard.emptied_columns == Some(false);
        let notes = passes.then(|| (case.input.name.clone(), case.context.notes.clone()));
        Some(Self { output: case.output.name.clone(), columns, rows: 0, allow: case.context.allow.clone(), notes })
    }

    pub fn see(&mut self, rows: &RecordBatch) {
        self.rows += rows.num_rows();
        self.columns.retain(|(at, _)| rows.columns().get(*at).is_none_or(|column| column.null_count() == column.len()));
    }

    /// All rows have been seen.
    pub fn end(&self) -> Result<()> {
        if self.rows == 0 || self.columns.is_empty() {
            return Ok(());
        }
        let names: Vec<String> =
            self.columns.iter().map(|(_, field)| format!("'{}' ({})", field.name, field.data_type)).collect();
        let what = if names.len() == 1 { "member" } else { "members" };
        let saw = format!("the {what} {} is in no row of the source any more and would become null", names.join(", "));
        if let Some((input, notes)) = &self.notes {
            notes.add(input, &saw);
            return Ok(());
        }
        let way = "Nothing was loaded. Look whether the source gives it under another name; `windvane plan SPEC` plans for what \
                   is there now";
        self.allow.judge(&self.output, Some(Finding::new(Guard::EmptiedColumns, saw, way)))
    }
}
