//! Which rows of a table an earlier load has brought.

use super::action::EarlierLoad;
use super::facts::{LedgerLoad, LoadEffect, Window};
use super::table_rows::OwnRows;
use crate::load::LoadRequest;
use crate::load_marker::{LoadMarker, disjoint};
use crate::range_filter::RangeFilter;

impl EarlierLoad {
    /// How the rows of the earlier try are told in a table that has these columns; they are still to be counted.
    pub fn own_rows(&self, request: &LoadRequest, has: impl Fn(&str) -> bool) -> OwnRows {
        match &request.marker {
            Some(LoadMarker::Column(column)) if has(column) && self.facts.load_id.as_ref() == Some(column) => {
                OwnRows::Marked(0)
            }
            Some(LoadMarker::Window { within, window }) if request.swap && has(&within.column) => {
                OwnRows::InWindow { rows: 0, alone: alone(&request.load_id, within, window, &self.loads), same: None }
            }
            Some(LoadMarker::Column(_) | LoadMarker::Window { .. }) | None => OwnRows::Unmarked,
        }
    }
}

/// Whether none of the other loads of a dataset may have brought rows of this window.
fn alone(load_id: &str, within: &RangeFilter, window: &Window, loads: &[LedgerLoad]) -> bool {
    let others =
        loads.iter().filter(|load| load.load_id != load_id && load.rows > 0 && load.effect != LoadEffect::Gone);
    let apart =
        |load: &LedgerLoad| load.facts.window.as_ref().is_some_and(|other| disjoint(window, other, within.data_type));
    others.filter(|load| !apart(load)).count() == 0
}
