//! Intervals of runs: rows lie in them, and a row that two of those that append hold would be at the target twice.
//!
//! A run that is triggered by hand in Airflow has the interval of a scheduled one, under another name. Looked at before
//! anything is read, and again under the target's lock: two such runs may begin at the very same time.

use super::facts::{Facts, LedgerLoad, LoadEffect, Window};
use super::table_rows::{OwnRows, TableRows, appended};
use crate::load::LoadRequest;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::infer;

/// The newest of these loads (the newest first) of another run that has rows of the interval. Intervals that meet share no
/// row.
pub fn taken<'a>(facts: &Facts, loads: impl IntoIterator<Item = &'a LedgerLoad>) -> Option<&'a LedgerLoad> {
    let mine = facts.window.as_ref().filter(|window| window.interval && !faults::planted("overlaps_unseen"))?;
    let (from, to) = span(mine)?;
    let mut behind = false;
    // What was there before a load that replaced all is there no more.
    let left =
        loads.into_iter().take_while(|load| !std::mem::replace(&mut behind, load.effect == LoadEffect::Replaced));
    let other = |load: &&LedgerLoad| {
        (&load.facts.pipeline, &load.facts.output) == (&facts.pipeline, &facts.output) && load.facts.run != facts.run
    };
    let shares = |load: &&LedgerLoad| {
        let theirs = load.facts.window.as_ref().filter(|theirs| theirs.column == mine.column).and_then(span);
        theirs.is_some_and(|(low, high)| low < high && from < to && from < high && low < to)
    };
    left.filter(other).find(|load| load.rows > 0 && load.effect != LoadEffect::Gone && shares(load))
}

/// The same with what only the store remembers.
pub fn candidate<'a>(request: &'a LoadRequest, loads: &'a [LedgerLoad]) -> Option<&'a LedgerLoad> {
    if !request.adds_interval() {
        return None;
    }
    taken(&request.facts, loads).or_else(|| remembered(request, loads))
}

/// Refuses rows that another run has appended.
pub fn judge(request: &LoadRequest, loads: &[LedgerLoad], there: TableRows) -> Result<()> {
    let rows = there.rows.unwrap_or_default();
    // Rows that somebody has taken away are not there twice.
    if rows == 0 || !request.adds_interval() {
        return Ok(());
    }
    // A ledger that accounts for every row has lost nothing; files are none without their manifest.
    let lost = there.own != OwnRows::Parts && rows > appended(loads);
    let other = taken(&request.facts, loads).or_else(|| remembered(request, loads).filter(|_| lost));
    other.map_or(Ok(()), |other| Err(refused(&request.facts, other)))
}

/// Of loads that the ledger does not know.
fn remembered<'a>(request: &'a LoadRequest, loads: &[LedgerLoad]) -> Option<&'a LedgerLoad> {
    let lost = |other: &&LedgerLoad| !loads.iter().any(|load| load.load_id == other.load_id);
    taken(&request.facts, request.remembered.others.iter().filter(lost))
}

/// Why the interval cannot be added.
pub fn refused(facts: &Facts, LedgerLoad { rows, facts: theirs, .. }: &LedgerLoad) -> Error {
    let (run, window) = (&theirs.run, theirs.window.clone().unwrap_or_default());
    let low = window.low.as_deref().unwrap_or("the beginning");
    let high = window.high.as_deref().unwrap_or_default();
    let mine = facts.window.clone().unwrap_or_default();
    let (start, end) = (mine.low.unwrap_or_default(), mine.high.unwrap_or_default());
    // What was read by watermark ends with its last value.
    let behind = if window.interval { "at" } else { "after" };
    let message = format!(
        "run '{run}' has loaded the rows from {low} to {high} already ({rows} rows), and this run's are those from {start} \
         to {end}: what lies in both would be there twice"
    );
    Error::new(Kind::Conflict, message).hint(format!(
        "Nothing was loaded. Give the run an interval that ends at {low} or begins {behind} {high}; to do that interval again, \
         run (in Airflow: clear) run '{run}'; or use the mode merge, with a key"
    ))
}

/// From its first moment to the first after it. A window that is no interval lacks its lower end and has its upper one.
fn span(window: &Window) -> Option<(i64, i64)> {
    let high = window.high.as_deref().and_then(moment)?;
    let low = match &window.low {
        Some(low) => moment(low)?,
        None => i64::MIN,
    };
    Some(if window.interval { (low, high) } else { (low.saturating_add(1), high.saturating_add(1)) })
}

/// A limit of an interval, with its zone or as the column writes it (of a date, a part of a day is the day): in UTC.
fn moment(text: &str) -> Option<i64> {
    ["", "Z", "T00:00:00Z"].iter().find_map(|end| infer::timestamp_tz(&format!("{text}{end}")))
}
