//! Mended rows of a quarantine: they belong to the load of the run that has put them aside, and are loaded once.
//!
//! They lie beside the rows of that load under an id of their own. When its run is done again they go with its rows, and
//! when it was, what it has put aside before is nobody's any more.

pub use super::facts::Replays;
use super::facts::{Facts, LedgerLoad, LoadEffect};
use super::table_rows::TableRows;
use crate::load::LoadRequest;
use crate::receipt::Loaded;
use std::collections::HashSet;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::spec::target::Mode;

/// Of these loads (the newest first) those of mended rows whose run was done again since have no rows any more.
pub fn settle(loads: &mut [LedgerLoad]) {
    let attempt = |id: &str| loads.iter().find(|load| load.load_id == id).map(|load| load.facts.attempt);
    let gone = |load: &LedgerLoad| {
        let theirs = load.facts.replays.as_ref()?;
        attempt(&theirs.load_id).map(|attempt| attempt > theirs.attempt)
    };
    let gone: Vec<bool> = loads.iter().map(|load| gone(load) == Some(true)).collect();
    for (load, _) in loads.iter_mut().zip(gone).filter(|(_, gone)| *gone) {
        load.effect = LoadEffect::Gone;
    }
}

/// The loads of mended rows that go when an appended load (as its earlier attempt is known) is done again.
pub fn swept<'a>(request: &LoadRequest, earlier: &Facts, loads: &'a [LedgerLoad]) -> Vec<&'a LedgerLoad> {
    if !request.swap || request.facts.attempt <= earlier.attempt || faults::planted("leaves_replayed") {
        return Vec::new();
    }
    let own = |load: &&LedgerLoad| {
        let theirs = load.facts.replays.as_ref();
        theirs.is_some_and(|theirs| theirs.load_id == request.load_id && theirs.attempt >= earlier.attempt)
    };
    loads.iter().filter(own).filter(|load| load.rows > 0 && load.effect != LoadEffect::Gone).collect()
}

/// Refuses rows whose load is not there as they left it, and those that were loaded already.
pub fn judge(request: &LoadRequest, loads: &[LedgerLoad], there: TableRows) -> Result<()> {
    let Some(mine) = &request.facts.replays else { return Ok(()) };
    let run = &mine.run;
    let Some(at) = loads.iter().position(|load| load.load_id == mine.load_id) else {
        return Err(refused(
            format!("the target knows of no load by run '{run}', which has put these rows aside"),
            run,
        ));
    };
    let load = &loads[at];
    if load.facts.attempt > mine.attempt {
        let message = format!("run '{run}' was done again since it has put these rows aside");
        return Err(refused(message, run));
    }
    if load.rows > 0 && (load.effect == LoadEffect::Gone || there.rows.unwrap_or_default() == 0) {
        return Err(refused(
            format!("the rows of run '{run}', which has put these aside, are not there any more"),
            run,
        ));
    }
    let since = || loads[..at].iter().filter(|load| load.effect != LoadEffect::Gone && !mine.belongs(load));
    let replaced = |load: &&LedgerLoad| load.effect == LoadEffect::Replaced || mine.mode == Mode::Replace;
    if let Some(other) = since().find(replaced) {
        let message = format!("run '{}' has replaced the rows of run '{run}', to which these belong", other.facts.run);
        return Err(refused(message, &other.facts.run));
    }
    if let Some(other) = since().next().filter(|_| mine.changes) {
        let message = format!("run '{}' has loaded while the replay began", other.facts.run);
        return Err(Error::new(Kind::Unavailable, message).hint("Run the replay again"));
    }
    let others = loads.iter().filter(|load| load.load_id != request.load_id && load.effect != LoadEffect::Gone);
    let theirs = others.filter_map(|load| Some((load, load.facts.replays.as_ref()?)));
    let known = mine.rows.iter().collect::<HashSet<_>>();
    let live = |theirs: &Replays| theirs.load_id == mine.load_id && theirs.attempt >= load.facts.attempt;
    for (other, theirs) in theirs.filter(|(_, theirs)| live(theirs) && !faults::planted("replays_again")) {
        let twice = theirs.rows.iter().filter(|row| known.contains(row)).count();
        if twice > 0 {
            return Err(loaded_before(twice, mine.rows.len(), &other.facts.run));
        }
    }
    Ok(())
}

/// Refuses mended rows that would take the place of what a later load has brought.
pub fn close(request: &LoadRequest, loaded: &Loaded) -> Result<()> {
    let changed = loaded.changes.map_or(0, |changes| changes.updated);
    let Some(mine) = request.facts.replays.as_ref().filter(|mine| changed > 0 && !mine.changes) else { return Ok(()) };
    let message = format!(
        "{changed} of the rows that run '{}' has put aside have the key of a row that is there, and which of both is newer cannot \
         be told: the table was loaded since, or one row a key was chosen",
        mine.run
    );
    Err(Error::new(Kind::Conflict, message)
        .hint(format!("Nothing was loaded. Take the lines out whose key ({}) is there", request.key.join(", "))))
}

/// What people should know when mended rows went with the run's.
pub fn went(loads: usize) -> Option<String> {
    (loads > 0).then(|| {
        format!(
            "the rows of {loads} replay(s) went with those of the run, which was done again: what it puts aside now can be \
             mended and replayed"
        )
    })
}

fn refused(message: String, run: &str) -> Error {
    Error::new(Kind::Conflict, message).hint(format!(
        "Nothing was loaded. Mend the source and run '{run}' again, or replay what its last doing has put aside"
    ))
}

fn loaded_before(twice: usize, of: usize, run: &str) -> Error {
    let message = format!("{twice} of these {of} rows were loaded already, by the replay '{run}'");
    Error::new(Kind::Conflict, message).hint("Nothing was loaded: they would be there twice. Take their lines out")
}
