//! Whether an earlier load stands, or the work is done again.

use super::facts::{Facts, LedgerLoad, LoadEffect};
use super::refusals::{copied, forgotten, not_alone, others_inside, taken, untold};
use super::table_rows::{OwnRows, TableRows, appended};
use super::{overlap, owner, replays};
use crate::load::LoadRequest;
use crate::read_back::forged;
use crate::receipt::{Changes, Loaded};
use windvane_core::error::Result;
use windvane_core::faults;
use windvane_core::schema::Schema;
use windvane_core::spec::target::{Absent, Mode};

/// Rows of an earlier attempt that go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    pub rows: u64,
    /// The ids of loads whose rows are among them.
    pub also: Vec<String>,
    /// They were counted, and not compared with what the attempt had brought.
    pub unseen: bool,
}

/// How a load goes on that was looked up in the ledger.
#[derive(Debug)]
pub enum LoadAction {
    Done(Box<Loaded>),
    /// Rows of an earlier attempt go first.
    Load {
        undo: Option<Undo>,
    },
}

impl LoadAction {
    /// Rows go that carry the load's id, or one of these.
    fn marked(rows: u64, also: Vec<String>) -> Self {
        Self::Load { undo: Some(Undo { rows, also, unseen: false }) }
    }

    /// Of a load that the ledger does not know.
    pub fn first(request: &LoadRequest) -> Self {
        forged(request).map_or(Self::Load { undo: None }, |forged| Self::Done(Box::new(forged)))
    }
}

/// A load as the target remembers it.
#[derive(Debug, Clone)]
pub struct EarlierLoad {
    pub loaded: Loaded,
    pub facts: Facts,
    /// The loads of the dataset, the newest first, as far as they were looked through.
    pub loads: Vec<LedgerLoad>,
    /// The ledger does not know of it: the store does.
    pub lost: bool,
}

impl EarlierLoad {
    /// A load that the ledger has lost, from what the store remembers of it.
    pub fn lost(request: &LoadRequest, loads: Vec<LedgerLoad>) -> Self {
        let rows = request.appended().unwrap_or_default();
        let loaded = Loaded { already: true, ..Loaded::counted(&request.load_id, rows, 0) };
        let facts = Facts { load_id: request.marks().map(str::to_owned), ..request.facts.clone() };
        Self { loaded, facts, loads, lost: true }
    }

    /// Whether nothing is known of the load, and no other one has rows of its interval: what the table holds is not asked.
    pub fn is_new(&self, request: &LoadRequest) -> bool {
        self.lost
            && request.appended().is_none()
            && request.facts.replays.is_none()
            && overlap::candidate(request, &self.loads).is_none()
            && owner::other(request, &self.loads).is_none()
    }

    /// The loads of mended rows that go with those of this one.
    pub fn swept(&self, request: &LoadRequest) -> Vec<&LedgerLoad> {
        replays::swept(request, &self.facts, &self.loads)
    }

    /// The ids of the same.
    pub fn also(&self, request: &LoadRequest) -> Vec<String> {
        self.swept(request).into_iter().map(|load| load.load_id.clone()).collect()
    }

    /// The answer of the earlier load, or that the work is done (again).
    pub fn action(mut self, request: &LoadRequest, there: TableRows) -> Result<LoadAction> {
        replays::judge(request, &self.loads, there)?;
        replays::settle(&mut self.loads);
        let twice = overlap::judge(request, &self.loads, there).and(owner::judge(request, &self.loads, there));
        match self.judged(request, there)? {
            LoadAction::Load { undo } => twice.map(|()| LoadAction::Load { undo }),
            done @ LoadAction::Done(_) => Ok(done),
        }
    }

    fn judged(self, request: &LoadRequest, there: TableRows) -> Result<LoadAction> {
        if self.lost {
            return self.found_again(request, there);
        }
        let mine = self.loads.iter().position(|load| load.load_id == self.loaded.load_id);
        let newest = mine.is_none_or(|at| at == 0);
        let gone = mine.is_some_and(|at| self.loads[at].effect == LoadEffect::Gone);
        // Loads that only add leave no table empty; others may.
        let adds = match request.mode {
            Mode::Append | Mode::History => true,
            Mode::Merge => request.absent == Absent::Keep,
            Mode::Replace => false,
        };
        let lost = match there.rows {
            None => true,
            Some(0) => self.loaded.rows > 0 && (newest || adds),
            Some(_) => gone && request.mode != Mode::Replace,
        };
        let same_attempt = self.facts.attempt >= request.facts.attempt || faults::planted("never_again");
        let stands = match request.mode {
            _ if lost && !faults::planted("believes_ledger") => false,
            Mode::Replace => same_attempt && (!newest || there.rows == Some(self.loaded.rows)),
            Mode::Merge | Mode::History => same_attempt,
            Mode::Append => return self.appended(request, there, same_attempt),
        };
        Ok(if stands { LoadAction::Done(self.already()) } else { LoadAction::Load { undo: None } })
    }

    /// Of a load that only the store remembers: its rows may be there.
    fn found_again(&self, request: &LoadRequest, there: TableRows) -> Result<LoadAction> {
        let (run, brought, rows) = (&request.facts.run, self.loaded.rows, there.rows.unwrap_or_default());
        if rows == 0 {
            return Ok(LoadAction::first(request));
        }
        match there.own {
            OwnRows::Marked(own) if own > brought && brought > 0 => return Err(copied(run, brought, own)),
            OwnRows::Marked(own) if own > 0 => return Ok(LoadAction::marked(own, Vec::new())),
            OwnRows::Marked(_) | OwnRows::Parts | OwnRows::InWindow { .. } | OwnRows::Unmarked => {}
        }
        if brought == 0 {
            return Ok(LoadAction::first(request));
        }
        // A backup that is older than the load: its ledger accounts for every row, and none is of this load.
        if rows <= appended(&self.loads) { Ok(LoadAction::first(request)) } else { Err(forgotten(run, brought, rows)) }
    }

    /// The columns and the checksum of the rows that the load has brought, where those that were found may be them.
    pub fn compared(&self, own: OwnRows) -> Option<(&Schema, &str)> {
        match own {
            OwnRows::InWindow { rows, alone: true, .. } if rows == self.loaded.rows => {
                let columns = Some(&self.facts.columns).filter(|columns| !columns.fields.is_empty())?;
                let unseen = faults::planted("swaps_unseen");
                let there = self.loaded.there.as_deref().or(self.loaded.checksum.as_deref());
                there.filter(|_| !unseen).map(|checksum| (columns, checksum))
            }
            OwnRows::InWindow { .. } | OwnRows::Marked(_) | OwnRows::Parts | OwnRows::Unmarked => None,
        }
    }

    fn already(self) -> Box<Loaded> {
        Box::new(Loaded { already: true, earlier: Some(Box::new(self.facts)), ..self.loaded })
    }

    /// Rows that were appended, and of which some are there.
    fn appended(self, request: &LoadRequest, there: TableRows, same_attempt: bool) -> Result<LoadAction> {
        let again = request.swap && !same_attempt;
        let (brought, run) = (self.loaded.rows, self.facts.run.as_str());
        let marked = brought + self.swept(request).iter().map(|load| load.rows).sum::<u64>();
        match there.own {
            _ if faults::planted("adds_again") => return Ok(LoadAction::Load { undo: None }),
            OwnRows::Parts if again => return Ok(LoadAction::Load { undo: None }),
            OwnRows::Marked(rows) if rows > marked => {
                return Err(copied(run, marked, rows));
            }
            // The column was dropped and made again, it seems.
            OwnRows::Marked(0) if brought > 0 && there.rows >= Some(appended(&self.loads).max(1)) => {
                return Err(untold(run, brought, request.marker.as_ref()));
            }
            OwnRows::Marked(rows) if again || rows < brought => {
                return Ok(LoadAction::marked(rows, self.also(request)));
            }
            OwnRows::InWindow { rows, alone, same } if again => {
                return match same {
                    _ if !alone || rows != brought => Err(not_alone(run, brought, rows, alone)),
                    Some(false) => Err(others_inside(run, brought)),
                    Some(true) | None => {
                        Ok(LoadAction::Load { undo: Some(Undo { rows, also: Vec::new(), unseen: same.is_none() }) })
                    }
                };
            }
            OwnRows::Unmarked if again => return Err(untold(run, brought, request.marker.as_ref())),
            OwnRows::Parts | OwnRows::Marked(_) | OwnRows::InWindow { .. } | OwnRows::Unmarked => {}
        }
        let rows = there.rows.unwrap_or_default();
        let newest = self.loads.first().is_none_or(|load| load.load_id == self.loaded.load_id);
        if !same_attempt && there.own != OwnRows::Parts {
            let before = self.loads.iter().take_while(|load| load.load_id != self.loaded.load_id);
            if before.clone().any(|load| load.effect == LoadEffect::Replaced) {
                return Ok(LoadAction::Load { undo: None });
            }
            let appended = appended(&self.loads);
            if rows < appended {
                return Err(taken("the runs of this table have", appended, rows));
            }
        }
        if newest && rows < brought {
            return Err(taken(&format!("run '{run}' has"), brought, rows));
        }
        Ok(LoadAction::Done(self.already()))
    }
}

/// The receipt of a load that took the place of an earlier attempt's rows.
pub fn swapped(loaded: Loaded, undone: Option<Undo>) -> Loaded {
    let Some(Undo { rows: deleted, also, unseen }) = undone else { return loaded };
    let changes = Changes { inserted: loaded.rows, deleted, ..Changes::default() };
    let mut notes = loaded.notes;
    notes.extend(replays::went(also.len()));
    notes.extend(unseen.then(|| {
        format!(
            "the {deleted} rows of the window were taken for those of the earlier attempt by their number alone: it was \
             loaded without a checksum (`verify: content` keeps one, `load_id: true` marks rows)"
        )
    }));
    Loaded { changes: Some(changes), notes, ..loaded }
}
