//! Foreign keys of several columns: where all rows are held, rows are compared with rows.

use super::naming::{comparable, meant};
use super::side::Side;
use crate::dependencies::Table;
use crate::profile::ForeignKeyGuess;
use ahash::AHashSet as HashSet;

/// Columns that a key which is referred to may have.
const COLUMNS: usize = 4;

/// The foreign keys of several columns whose rows all occur in the key and whose names all mean its columns.
pub(super) fn composite(sides: &[Side]) -> Vec<ForeignKeyGuess> {
    let mut guesses = Vec::new();
    for to in sides {
        // The one that a person would declare; of the others there are too many.
        let Some(key) = to.keys.first().filter(|key| (2..=COLUMNS).contains(&key.columns.len())) else { continue };
        let Some(theirs) = &to.table else { continue };
        let positions: Vec<usize> = key.columns.iter().filter_map(|name| to.position(name)).collect();
        let mut known = None;
        for from in sides.iter().filter(|from| from.name != to.name) {
            let (Some((mine, confidence)), Some(table)) = (alike(from, to, &positions), &from.table) else { continue };
            let known = known.get_or_insert_with(|| rows(theirs, &positions).collect::<HashSet<_>>());
            let all: HashSet<u128> = rows(table, &mine).collect();
            if all.is_empty() || !all.iter().all(|row| known.contains(row)) {
                continue;
            }
            guesses.push(ForeignKeyGuess {
                dataset: from.name.clone(),
                columns: mine.iter().map(|&at| from.columns[at].name.clone()).collect(),
                ref_dataset: to.name.clone(),
                ref_columns: key.columns.clone(),
                confidence,
                declared: false,
                coverage: Some(1.0),
                exact: from.exact && to.exact,
            });
        }
    }
    guesses
}

/// The columns that mean those of a key by the same names, and how sure that makes.
fn alike(from: &Side, to: &Side, key: &[usize]) -> Option<(Vec<usize>, f64)> {
    let mut found = Vec::new();
    let mut sure = 0.95_f64;
    for &at in key {
        let wanted = &to.columns[at];
        let same = |column: &&super::side::Column| {
            column.words == wanted.words && comparable(column.data_type, wanted.data_type)
        };
        let position = from.columns.iter().position(|column| same(&column))?;
        sure = sure.min(0.8 + 0.2 * meant(from, &from.columns[position], to, wanted));
        found.push(position);
    }
    // Two that tie the same things together know nothing of each other: the one that refers holds more than the key.
    let own = from.keys.first().is_some_and(|own| {
        own.columns.len() == found.len() && found.iter().all(|&at| own.columns.contains(&from.columns[at].name))
    });
    (!own).then_some((found, sure))
}

/// Rows without nulls, each a hash of its values.
fn rows<'a>(table: &'a Table, columns: &'a [usize]) -> impl Iterator<Item = u128> + 'a {
    (0..table.rows).filter_map(move |row| {
        let mut bytes = Vec::with_capacity(columns.len() * 16);
        for &at in columns {
            match table.hashes[at][table.columns[at][row] as usize] {
                0 => return None,
                hash => bytes.extend_from_slice(&hash.to_le_bytes()),
            }
        }
        Some(twox_hash::XxHash3_128::oneshot(&bytes))
    })
}
