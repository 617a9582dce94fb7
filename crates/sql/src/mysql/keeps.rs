//! What columns keep of the values that they take: the server rounds, cuts or fills up the others.

use super::table::{Existing, NativeColumn, same};
use windvane_connect::narrow::{Keeps, Narrow};
use windvane_core::schema::Schema;

/// Of the columns that a load writes.
pub(super) fn narrow(schema: &Schema, existing: &Existing) -> Narrow {
    Narrow::of(schema, |field| {
        let column = existing.columns.iter().find(|column| same(&column.name, &field.name))?;
        Some((column.declared.clone(), keeps(column)?))
    })
}

fn keeps(column: &NativeColumn) -> Option<Keeps> {
    let inside = column.declared.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
    let inside = inside.map_or("", |(inside, _)| inside);
    Some(match column.base.as_str() {
        "datetime" | "timestamp" | "time" => Keeps::Fraction(inside.parse().unwrap_or(0)),
        "float" | "double" => Keeps::Places(inside.split_once(',')?.1.trim().parse().ok()?),
        "varchar" => Keeps::Letters(inside.parse().ok()?),
        "char" => Keeps::Unpadded(None),
        "binary" => Keeps::Filled(inside.parse().ok()?),
        "year" => Keeps::Years,
        "enum" => Keeps::Members(members(inside), false),
        "set" => Keeps::Members(members(inside), true),
        _ => return None,
    })
}

/// `'a','it''s'`.
fn members(list: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut rest = list;
    while let Some(inner) = rest.trim_start_matches([',', ' ']).strip_prefix('\'') {
        let mut member = String::new();
        let mut letters = inner.char_indices().peekable();
        let mut end = inner.len();
        while let Some((at, letter)) = letters.next() {
            if letter != '\'' {
                member.push(letter);
            } else if letters.peek().is_some_and(|(_, next)| *next == '\'') {
                letters.next();
                member.push('\'');
            } else {
                end = at + 1;
                break;
            }
        }
        members.push(member);
        rest = &inner[end..];
    }
    members
}
