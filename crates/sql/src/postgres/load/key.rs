//! The columns by which rows are told apart.

use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// Where the columns of the key stand in the schema.
pub(super) fn places(schema: &Schema, key: &[String]) -> Result<Vec<usize>> {
    if key.is_empty() {
        return Err(Error::spec("a load by key needs a key").hint("Say which columns identify a row: `key`"));
    }
    let place = |name: &String| {
        schema.names().position(|column| column == name).ok_or_else(|| {
            Error::spec(format!("the key's column '{name}' is not one of the rows"))
                .at_path(name)
                .hint("Check the key and the steps that rename or drop columns")
        })
    };
    key.iter().map(place).collect()
}
