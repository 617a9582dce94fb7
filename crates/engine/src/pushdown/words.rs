//! The words of ours that every part of the statement uses.

use windvane_core::schema::sql::quote;

/// The column that the raw table must have beside its own: the row's number in the source.
pub const ROW: &str = "windvane_row";

/// The number of the source row, which stays when steps give rows another place.
pub(super) const NUMBER: &str = "windvane_number";

/// The raw rows, inside the statement.
pub(super) const FIRST: &str = "s0";

/// The columns of ours that go with every row.
pub(super) fn own() -> String {
    format!("{}, {}", quote(ROW), quote(NUMBER))
}

pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quote).collect::<Vec<_>>().join(", ")
}
