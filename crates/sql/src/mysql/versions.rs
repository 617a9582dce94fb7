//! The columns of a history beside ours.

use super::table::{Existing, TableName};
use windvane_connect::by_key::{no_history, versions};
use windvane_core::error::Result;
use windvane_core::schema::DataType;

/// Whether a table that is there is a history.
pub(super) fn check(existing: &Existing, table: &TableName) -> Result<()> {
    for field in versions() {
        let column = existing.columns.iter().find(|column| column.name == field.name);
        let fits = column.is_some_and(|column| match (column.data_type(), field.data_type) {
            // A table that the user made may keep its times without the mark.
            (DataType::Timestamp, DataType::TimestampTz) => true,
            (theirs, ours) => theirs == ours,
        });
        if !fits {
            return Err(no_history(table, &field));
        }
    }
    Ok(())
}
