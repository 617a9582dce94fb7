//! What is said of loads that must not stand.

use super::refused::Kept;
use crate::extract::Staged;
use windvane_connectors::Loaded;
use windvane_core::error::{Error, Kind};
use windvane_core::guard;
use windvane_core::guard::{Finding, Limits};
use windvane_plan::Output;

/// Whether two sums are known and not the same.
pub(super) fn differ(one: Option<&String>, other: Option<&String>) -> bool {
    one.is_some() && one != other
}

pub(super) fn too_many(limits: &Limits, staged: &Staged, refused: u64, said: &Error) -> Error {
    let seen = guard::quarantined(limits, staged.quarantined + refused, staged.rows_in + staged.added, &[]);
    let told = |mut seen: Finding| {
        seen.way = format!("{}. {}", said.message(), seen.way);
        seen.refused()
    };
    seen.map_or_else(|| said.clone(), told)
}

pub(super) fn unbalanced(output: &Output, staged: &Staged) -> Error {
    let Staged { rows_in, added, rows, filtered, quarantined, .. } = staged;
    let message = format!(
        "{rows_in} rows came in and {added} were added, but {rows} + {filtered} filtered + {quarantined} quarantined go out"
    );
    Error::internal(message).in_table(&output.name)
}

pub(super) fn other_rows(output: &Output, kept: &Kept, loaded: &Loaded, run: &str) -> Error {
    let sum = |checksum: &Option<String>| checksum.clone().unwrap_or_else(|| "not summed".to_owned());
    let message = format!(
        "the target holds {} rows ({}) of this load, the run validated {} ({})",
        loaded.rows,
        sum(&loaded.checksum),
        kept.rows,
        sum(&kept.checksum)
    );
    if loaded.already {
        return changed_since(&output.dataset, run, loaded.rows, kept.rows);
    }
    Error::internal(message).in_table(&output.dataset)
}

/// A run that has appended its rows is done again, and the source does not give the same rows any more.
pub fn changed_since(dataset: &str, run: &str, loaded: u64, now: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "run '{run}' has loaded already, and its source has changed since: the target holds {loaded} rows of this \
             load, the source gives {now} now"
        ),
    )
    .in_table(dataset)
    .hint(
        "Nothing was changed: rows that were appended to a table cannot be told from others. Ask for `load_id: true` at \
         the target, by which later runs can be done again, start a new run for the new rows, load with mode `merge` (and \
         a key), or append to files",
    )
}
