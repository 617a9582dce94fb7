//! Names that no column has.

use windvane_core::schema::Schema;

/// A name that no column has.
pub(super) fn free(name: &str, schema: &Schema) -> String {
    let mut free = name.to_owned();
    while schema.field(&free).is_some() {
        free.push('_');
    }
    free
}
