//! Which rows of a table an earlier load has brought.

use super::course::Earlier;
use super::facts::{Known, Manner, Window};
use super::there::Own;
use crate::load::LoadRequest;
use crate::tell::{Tell, apart};
use crate::within::Within;

impl Earlier {
    /// How the rows of the earlier try are told in a table that has these columns; they are still to be counted.
    pub fn told(&self, request: &LoadRequest, has: impl Fn(&str) -> bool) -> Own {
        match &request.tell {
            Some(Tell::Column(column)) if has(column) && self.facts.load_id.as_ref() == Some(column) => Own::Marked(0),
            Some(Tell::Window { within, window }) if request.swap && has(&within.column) => {
                Own::Inside { rows: 0, alone: alone(&request.load_id, within, window, &self.loads), same: None }
            }
            Some(Tell::Column(_) | Tell::Window { .. }) | None => Own::Untold,
        }
    }
}

/// Whether none of the other loads of a dataset may have brought rows of this window.
fn alone(load_id: &str, within: &Within, window: &Window, loads: &[Known]) -> bool {
    let others = loads.iter().filter(|load| load.load_id != load_id && load.rows > 0 && load.manner != Manner::Gone);
    let apart = |load: &Known| load.facts.window.as_ref().is_some_and(|other| apart(window, other, within.data_type));
    others.filter(|load| !apart(load)).count() == 0
}
