//! What columns keep of the texts that they take: SQLite makes numbers of those that look like one, wherever the declared type
//! has no word of a text (`STRING`, `JSON`).

use super::table::{NativeColumn, same};
use windvane_connect::narrow::{Keeps, Narrow};
use windvane_core::schema::{DataType, Schema};

/// Of the columns that a load writes.
pub(super) fn narrow(schema: &Schema, native: &[NativeColumn]) -> Narrow {
    Narrow::of(schema, |field| {
        let column = native.iter().find(|column| same(&column.name, &field.name))?;
        let text = matches!(field.data_type, DataType::Text | DataType::Json | DataType::Uuid);
        (text && makes_numbers(&column.declared)).then(|| (column.declared.clone(), Keeps::Numbers))
    })
}

/// SQLite's own rule, in its order.
fn makes_numbers(declared: &str) -> bool {
    let declared = declared.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    !declared.is_empty() && (has(&["int"]) || !has(&["char", "clob", "text", "blob"]))
}
