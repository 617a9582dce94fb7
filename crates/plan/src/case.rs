//! A table that is made at the target, beside the source's table that it comes from.

use std::collections::BTreeSet;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::schema::sql::Dialect;
use windvane_core::spec::keep::Keeps;
use windvane_core::spec::target::{Mode, Target};
use windvane_engine::step::Lineage;

pub(super) struct Case<'a> {
    pub(super) found: &'a Declared,
    pub(super) lineage: &'a Lineage,
    /// The columns that are loaded.
    pub(super) schema: &'a Schema,
    pub(super) target: &'a Target,
    /// The table's name there.
    pub(super) table: &'a str,
    pub(super) mode: Mode,
    pub(super) keep: Keeps,
    /// Columns of the input that are read as the server's own text.
    pub(super) carried: &'a BTreeSet<String>,
}

/// Whose words the target speaks, where it is a database.
pub(super) fn words(target: &Target) -> Option<Dialect> {
    target.kind().words
}

/// Whether steps may have made a column of the key null that was not.
pub(super) fn nulled(case: &Case<'_>, column: &str, field: &windvane_core::schema::Field) -> bool {
    field.nullable && case.found.column(column).is_some_and(|known| known.required)
}

/// Whether MySQL indexes a whole text or binary of this type.
pub(super) fn is_short(native: &str) -> bool {
    let lower = native.to_ascii_lowercase();
    ["varchar", "char", "varbinary", "binary", "enum", "set", "inet"].iter().any(|word| lower.starts_with(word))
}
