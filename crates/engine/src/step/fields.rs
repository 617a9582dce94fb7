//! Columns by name, as steps find and make them.

use crate::errors::no_column;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema};

pub(super) fn position(name: &str, schema: &Schema) -> Result<usize> {
    schema.fields.iter().position(|field| field.name == name).ok_or_else(|| no_column(name, schema).at_path(name))
}

/// A field that an expression or a cast made anew.
pub(super) fn changed(field: &Field, made: Field) -> Field {
    Field { comment: field.comment.clone(), ..made }
}

pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::spec(format!("column '{name}' is there twice"))
                .at_path(name)
                .hint("Column names are unique: rename or leave one out"));
        }
    }
    Ok(())
}
