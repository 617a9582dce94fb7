//! The columns of a history beside ours.

use super::table::{Existing, TableName};
use crate::error::{Error, Kind, Result};
use crate::schema::{DataType, Field};

pub(super) const FROM: &str = "valid_from";
pub(super) const TO: &str = "valid_to";
pub(super) const CURRENT: &str = "is_current";

pub(super) fn fields() -> [Field; 3] {
    [
        Field::new(FROM, DataType::TimestampTz),
        Field::new(TO, DataType::TimestampTz),
        Field::new(CURRENT, DataType::Boolean),
    ]
}

/// Whether a table that is there is a history.
pub(super) fn check(existing: &Existing, table: &TableName) -> Result<()> {
    for field in fields() {
        let column = existing.columns.iter().find(|column| column.name == field.name);
        let fits = column.is_some_and(|column| match (column.data_type(), field.data_type) {
            // A table that the user made may keep its times without the mark.
            (DataType::Timestamp, DataType::TimestampTz) => true,
            (theirs, ours) => theirs == ours,
        });
        if !fits {
            return Err(Error::new(
                Kind::Conflict,
                format!("'{table}' is no history: it lacks the column '{}'", field.name),
            )
            .hint("Choose another name for the output, or add valid_from, valid_to and is_current to the table"));
        }
    }
    Ok(())
}
