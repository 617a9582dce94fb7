//! What columns keep of the values that they take: the server rounds or cuts the others.

use super::table::{Existing, NativeColumn};
use windvane_connect::narrow::{Keeps, Narrow};
use windvane_core::schema::Schema;

/// Of the columns that a load writes.
pub(super) fn narrow(schema: &Schema, existing: &Existing) -> Narrow {
    Narrow::of(schema, |field| {
        let column = existing.columns.iter().find(|column| column.name == field.name)?;
        Some((column.declared.clone(), keeps(column)?))
    })
}

fn keeps(column: &NativeColumn) -> Option<Keeps> {
    // Lengths are declared with those of their header.
    let length = usize::try_from(column.modifier - 4).ok();
    // An interval says there which of its fields it has, too.
    let digits =
        (column.modifier >= 0).then_some(column.modifier & 0xffff).and_then(|digits| u8::try_from(digits).ok());
    let fraction = digits.filter(|digits| *digits < 6).map(Keeps::Fraction);
    match column.base.as_str() {
        "timestamp" | "timestamptz" | "time" | "timetz" | "interval" => fraction,
        "varchar" => length.map(Keeps::Letters),
        "bpchar" => length.map(|length| Keeps::Unpadded(Some(length))),
        "name" => Some(Keeps::Bytes(63)),
        "char" => Some(Keeps::Bytes(1)),
        "money" => Some(Keeps::Places(2)),
        _ => None,
    }
}
