//! Why a load is not done again, in words.

use crate::load_marker::LoadMarker;
use windvane_core::error::{Error, Kind};

/// Not as many rows went as were seen to be of the earlier attempt.
pub fn others_went(seen: u64, went: u64) -> Error {
    Error::new(Kind::Conflict, format!("{seen} rows of the earlier attempt were to go, and {went} would have gone"))
        .hint("Nothing was changed. Somebody else writes to the table: run it again when nobody does")
}

pub(super) fn copied(run: &str, brought: u64, rows: u64) -> Error {
    let message = format!("run '{run}' has appended {brought} rows, and {rows} rows carry the id of its load");
    Error::new(Kind::Conflict, message)
        .hint("Nothing was changed. Somebody has copied rows: delete the copies, or give them another id")
}

pub(super) fn forgotten(run: &str, brought: u64, rows: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "the store remembers that run '{run}' has appended {brought} rows, and the target's ledger (windvane_loads) \
             does not: it was lost, and which of the {rows} rows of the table are those of the run cannot be told"
        ),
    )
    .hint(
        "Nothing was changed: the rows would be there twice. Bring windvane_loads back from a backup, empty the table to \
         load the run again, or start a new run for new rows; with `load_id: true` each run knows its own rows",
    )
}

pub(super) fn taken(who: &str, appended: u64, rows: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "{who} appended {appended} rows, and the table holds {rows} rows now: somebody has taken rows away"
        ),
    )
    .hint("Nothing was changed. Empty the table to load the run again, or start a new run; with `load_id: true` each run knows its own rows")
}

pub(super) fn untold(run: &str, brought: u64, marker: Option<&LoadMarker>) -> Error {
    let why = match marker {
        Some(LoadMarker::Column(column)) => format!("they were loaded before the column '{column}' was there"),
        Some(LoadMarker::Window { .. }) | None => "nothing in them says where they came from".to_owned(),
    };
    Error::new(
        Kind::Conflict,
        format!("the {brought} rows that run '{run}' has appended cannot be told from others: {why}"),
    )
    .hint("Nothing was changed. Delete the rows of the run by hand and start a new run, or leave them as they are")
}

pub(super) fn others_inside(run: &str, brought: u64) -> Error {
    let message = format!(
        "run '{run}' has appended {brought} rows, and the table holds as many in its window, but not the same ones: somebody \
         has added, deleted or changed some"
    );
    Error::new(Kind::Conflict, message).hint(
        "Nothing was changed: rows of others would have gone. Bring the rows of the run back as they were, or delete those of \
         the window by hand and start a new run; `load_id: true` marks the rows of later runs",
    )
}

pub(super) fn not_alone(run: &str, brought: u64, rows: u64, alone: bool) -> Error {
    let other = if alone { "" } else { ", and another load may have brought some of them" };
    Error::new(
        Kind::Conflict,
        format!("run '{run}' has appended {brought} rows, and the table holds {rows} rows in its window{other}"),
    )
    .hint(
        "Nothing was changed: which rows are those of the run cannot be told. Ask for `load_id: true`, which marks the \
         rows of later runs, or load with mode `merge` and a key",
    )
}
