//! Inclusion dependencies: columns all of whose values occur in a key, whatever the names say.
//!
//! Not every one is a foreign key: small whole numbers occur in any key that counts from 1.

use super::answer::Inclusion;
use super::naming::comparable;
use super::side::{Column, Side};

/// Inclusions that are told.
const SHOWN: usize = 1_000;

/// The inclusions in keys of one column, those of many values first: they are the least likely by chance.
pub(super) fn inclusions(sides: &[Side]) -> Vec<Inclusion> {
    let mut found = Vec::new();
    for from in sides {
        for column in &from.columns {
            for to in sides {
                found.extend(to.single_keys().filter_map(|(key, _)| included(from, column, to, &to.columns[key])));
            }
        }
    }
    found.sort_by(|a: &Inclusion, b: &Inclusion| {
        let place = |one: &Inclusion| (one.dataset.clone(), one.column.clone(), one.ref_dataset.clone());
        b.values.cmp(&a.values).then_with(|| place(a).cmp(&place(b)))
    });
    found.truncate(SHOWN);
    found
}

fn included(from: &Side, column: &Column, to: &Side, key: &Column) -> Option<Inclusion> {
    let (mine, theirs) = (column.values.as_ref()?, key.values.as_ref()?);
    let itself = from.name == to.name && column.name == key.name;
    if itself || !comparable(column.data_type, key.data_type) || mine.covered_by(theirs)? < 1.0 {
        return None;
    }
    Some(Inclusion {
        dataset: from.name.clone(),
        column: column.name.clone(),
        ref_dataset: to.name.clone(),
        ref_column: key.name.clone(),
        values: mine.distinct(),
        exact: from.exact && to.exact && mine.exact() && theirs.exact(),
    })
}
