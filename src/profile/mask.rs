//! A profile without personal values: what is shown, logged and kept. Counts, types and shapes stay.
//!
//! Deliberately absent: whether a column is personal (`semantic` has judged it).

use super::{ColumnProfile, Profile, semantic};

impl Profile {
    /// The same figures with a mark in the place of each personal value.
    #[must_use]
    pub fn masked(mut self) -> Self {
        self.columns.iter_mut().for_each(mask);
        self
    }
}

fn mask(column: &mut ColumnProfile) {
    if column.pii {
        let mark = format!("[{}]", column.semantic_type.as_deref().unwrap_or("hidden"));
        let hide = |value: &mut String| value.clone_from(&mark);
        values(column, hide);
        // Of numbers (telephones, accounts) these are values too, or as good as.
        column.quantiles.clear();
        (column.mean, column.std, column.histogram) = (None, None, None);
    } else {
        values(column, |value| {
            if let Some(meaning) = semantic::personal(value) {
                *value = format!("[{meaning}]");
            }
        });
    }
}

fn values(column: &mut ColumnProfile, mut hide: impl FnMut(&mut String)) {
    let ends = [&mut column.min, &mut column.max].into_iter().flatten();
    let top = column.top.iter_mut().map(|top| &mut top.value);
    let suspects = column.suspects.iter_mut().map(|suspect| &mut suspect.value);
    ends.chain(top).chain(suspects).for_each(&mut hide);
}
