//! A load that comes a second time: whether the first one stands, or the work is done again.
//!
//! A retry (the same attempt) finds the first one done. A run that had ended and is run again (a later attempt) means "do
//! this again": replace, merge and history do. Appended rows would be there twice, so an append is only done again where
//! its rows can be told from all others (`Tell`; of files, by their parts) and go first, in the same transaction. What the
//! ledger says is believed after a look: a table that was dropped or emptied by hand is loaded again.

pub mod overlap;
pub mod owner;
pub mod replays;

use crate::read_back::forged;
use crate::tell::Tell;
use crate::{Changes, LoadRequest, Loaded};
use replays::Replays;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::Schema;
use windvane_core::spec::target::{Absent, Mode};

/// What a load is about; kept beside its receipt in the target's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub pipeline: String,
    pub output: String,
    pub run: String,
    /// How often the run was done, this time included: a run that had ended and is run again counts on.
    pub attempt: u32,
    /// The plan that it was done by.
    pub plan: String,
    /// The part of an incremental source that it read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// That were loaded.
    pub columns: Schema,
    /// What was read, as the plan knew it: steps have made the loaded columns of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Value>,
    /// How texts among it were read as days and times that nobody has said it of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parsed: Vec<Value>,
    /// How many rows came and what became of them before the load, where that is known before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The column in which its rows carry the load's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_id: Option<String>,
    /// Columns that were cast to what the table has: it was not made for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fitted: Vec<String>,
    /// So many rows were there before the first load that only added: they are not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<u64>,
    /// Its rows are mended ones that another run has put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replays: Option<Replays>,
}

/// Values of the watermark column above `low`, up to and with `high`, as canonical texts of its type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// Of a data interval: `low` itself is inside, `high` is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interval: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub rows_in: u64,
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
}

/// A load in the list of a ledger.
#[derive(Debug, Clone)]
pub struct Known {
    pub load_id: String,
    /// That it loaded.
    pub rows: u64,
    pub facts: Facts,
    pub manner: Manner,
}

/// What the store remembers of loads into a target: what counts where the ledger there was lost.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// So many rows of this load.
    pub rows: Option<u64>,
    /// The newest load of the same output.
    pub last: Option<Noted>,
    /// Of an append by interval: what other runs have loaded.
    pub others: Vec<Known>,
}

/// A load in the store's notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub run: String,
    pub rows: u64,
    pub at: String,
}

/// What a load did to the rows that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Added,
    Replaced,
    /// By key.
    Changed,
    /// Its table was found empty afterwards: none of its rows is left.
    Gone,
}

/// What the table holds now.
#[derive(Debug, Clone, Copy)]
pub struct There {
    /// Nothing: there is no table.
    pub rows: Option<u64>,
    pub own: Own,
}

/// Which rows of a table are those of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Those of its files.
    Parts,
    /// So many carry its id.
    Marked(u64),
    /// So many lie in its window; whether no other load may have brought any of them, and whether they are what it has
    /// brought, where that was compared.
    Inside {
        rows: u64,
        alone: bool,
        same: Option<bool>,
    },
    Untold,
}

impl Own {
    /// Whether there is something to count.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Marked(_) | Self::Inside { .. })
    }

    /// Whether those of a window are what the load has brought.
    pub fn compared(self, same: bool) -> Self {
        match self {
            Self::Inside { rows, alone, .. } => Self::Inside { rows, alone, same: Some(same) },
            Self::Marked(_) | Self::Parts | Self::Untold => self,
        }
    }

    /// So many of them are there.
    pub fn counted(self, rows: u64) -> Self {
        match self {
            Self::Marked(_) => Self::Marked(rows),
            Self::Inside { alone, same, .. } => Self::Inside { rows, alone, same },
            Self::Parts | Self::Untold => self,
        }
    }
}

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
pub enum Course {
    Done(Box<Loaded>),
    /// Rows of an earlier attempt go first.
    Load {
        undo: Option<Undo>,
    },
}

impl Course {
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
pub struct Earlier {
    pub loaded: Loaded,
    pub facts: Facts,
    /// The loads of the dataset, the newest first, as far as they were looked through.
    pub loads: Vec<Known>,
    /// The ledger does not know of it: the store does.
    pub lost: bool,
}

impl LoadRequest {
    /// So many rows this load has appended, as the store remembers it: what counts where the ledger says nothing of it.
    pub fn appended(&self) -> Option<u64> {
        self.remembered.rows.filter(|rows| *rows > 0 && self.mode == Mode::Append)
    }

    /// Whether rows of another load may be the same ones.
    pub fn adds_interval(&self) -> bool {
        self.mode == Mode::Append && self.facts.window.as_ref().is_some_and(|window| window.interval)
    }

    /// Whether it matters what the ledger holds although it does not know this load.
    pub fn is_looked_at(&self) -> bool {
        self.appended().is_some() || self.adds_interval() || self.seen.is_some() || self.facts.replays.is_some()
    }
}

impl Earlier {
    /// A load that the ledger has lost, from what the store remembers of it.
    pub fn lost(request: &LoadRequest, loads: Vec<Known>) -> Self {
        let loaded = Loaded {
            load_id: request.load_id.clone(),
            rows: request.appended().unwrap_or_default(),
            bytes: 0,
            checksum: None,
            there: None,
            refused: Vec::new(),
            changes: None,
            already: true,
            earlier: None,
            notes: Vec::new(),
        };
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
    pub fn swept(&self, request: &LoadRequest) -> Vec<&Known> {
        replays::swept(request, &self.facts, &self.loads)
    }

    /// The ids of the same.
    pub fn also(&self, request: &LoadRequest) -> Vec<String> {
        self.swept(request).into_iter().map(|load| load.load_id.clone()).collect()
    }

    /// The answer of the earlier load, or that the work is done (again).
    pub fn course(mut self, request: &LoadRequest, there: There) -> Result<Course> {
        replays::judge(request, &self.loads, there)?;
        replays::settle(&mut self.loads);
        let twice = overlap::judge(request, &self.loads, there).and(owner::judge(request, &self.loads, there));
        match self.judged(request, there)? {
            Course::Load { undo } => twice.map(|()| Course::Load { undo }),
            done @ Course::Done(_) => Ok(done),
        }
    }

    fn judged(self, request: &LoadRequest, there: There) -> Result<Course> {
        if self.lost {
            return self.found_again(request, there);
        }
        let mine = self.loads.iter().position(|load| load.load_id == self.loaded.load_id);
        let newest = mine.is_none_or(|at| at == 0);
        let gone = mine.is_some_and(|at| self.loads[at].manner == Manner::Gone);
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
        Ok(if stands { Course::Done(self.already()) } else { Course::Load { undo: None } })
    }

    /// Of a load that only the store remembers: its rows may be there.
    fn found_again(&self, request: &LoadRequest, there: There) -> Result<Course> {
        let (run, brought, rows) = (&request.facts.run, self.loaded.rows, there.rows.unwrap_or_default());
        if rows == 0 {
            return Ok(Course::first(request));
        }
        match there.own {
            Own::Marked(own) if own > brought && brought > 0 => return Err(copied(run, brought, own)),
            Own::Marked(own) if own > 0 => return Ok(Course::marked(own, Vec::new())),
            Own::Marked(_) | Own::Parts | Own::Inside { .. } | Own::Untold => {}
        }
        if brought == 0 {
            return Ok(Course::first(request));
        }
        // A backup that is older than the load: its ledger accounts for every row, and none is of this load.
        if rows <= appended(&self.loads) { Ok(Course::first(request)) } else { Err(forgotten(run, brought, rows)) }
    }

    /// The columns and the checksum of the rows that the load has brought, where those that were found may be them.
    pub fn compared(&self, own: Own) -> Option<(&Schema, &str)> {
        match own {
            Own::Inside { rows, alone: true, .. } if rows == self.loaded.rows => {
                let columns = Some(&self.facts.columns).filter(|columns| !columns.fields.is_empty())?;
                let unseen = faults::planted("swaps_unseen");
                let there = self.loaded.there.as_deref().or(self.loaded.checksum.as_deref());
                there.filter(|_| !unseen).map(|checksum| (columns, checksum))
            }
            Own::Inside { .. } | Own::Marked(_) | Own::Parts | Own::Untold => None,
        }
    }

    fn already(self) -> Box<Loaded> {
        Box::new(Loaded { already: true, earlier: Some(Box::new(self.facts)), ..self.loaded })
    }

    /// Rows that were appended, and of which some are there.
    fn appended(self, request: &LoadRequest, there: There, same_attempt: bool) -> Result<Course> {
        let again = request.swap && !same_attempt;
        let (brought, run) = (self.loaded.rows, self.facts.run.as_str());
        let marked = brought + self.swept(request).iter().map(|load| load.rows).sum::<u64>();
        match there.own {
            _ if faults::planted("adds_again") => return Ok(Course::Load { undo: None }),
            Own::Parts if again => return Ok(Course::Load { undo: None }),
            Own::Marked(rows) if rows > marked => {
                return Err(copied(run, marked, rows));
            }
            // The column was dropped and made again, it seems.
            Own::Marked(0) if brought > 0 && there.rows >= Some(appended(&self.loads).max(1)) => {
                return Err(untold(run, brought, request.tell.as_ref()));
            }
            Own::Marked(rows) if again || rows < brought => return Ok(Course::marked(rows, self.also(request))),
            Own::Inside { rows, alone, same } if again => {
                return match same {
                    _ if !alone || rows != brought => Err(not_alone(run, brought, rows, alone)),
                    Some(false) => Err(others_inside(run, brought)),
                    Some(true) | None => {
                        Ok(Course::Load { undo: Some(Undo { rows, also: Vec::new(), unseen: same.is_none() }) })
                    }
                };
            }
            Own::Untold if again => return Err(untold(run, brought, request.tell.as_ref())),
            Own::Parts | Own::Marked(_) | Own::Inside { .. } | Own::Untold => {}
        }
        let rows = there.rows.unwrap_or_default();
        let newest = self.loads.first().is_none_or(|load| load.load_id == self.loaded.load_id);
        if !same_attempt && there.own != Own::Parts {
            let before = self.loads.iter().take_while(|load| load.load_id != self.loaded.load_id);
            if before.clone().any(|load| load.manner == Manner::Replaced) {
                return Ok(Course::Load { undo: None });
            }
            let appended = appended(&self.loads);
            if rows < appended {
                return Err(taken("the runs of this table have", appended, rows));
            }
        }
        if newest && rows < brought {
            return Err(taken(&format!("run '{run}' has"), brought, rows));
        }
        Ok(Course::Done(self.already()))
    }
}

/// How many rows the newest loads have brought that only added to others.
fn appended(loads: &[Known]) -> u64 {
    let mut sum = 0;
    for load in loads {
        match load.manner {
            Manner::Added => sum += load.rows,
            Manner::Replaced => return sum + load.rows,
            // What they deleted or left alone is not told by their rows.
            Manner::Changed => return sum,
            Manner::Gone => {}
        }
    }
    sum
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

/// Not as many rows went as were seen to be of the earlier attempt.
pub fn others_went(seen: u64, went: u64) -> Error {
    Error::new(Kind::Conflict, format!("{seen} rows of the earlier attempt were to go, and {went} would have gone"))
        .hint("Nothing was changed. Somebody else writes to the table: run it again when nobody does")
}

/// A column of the data that has the name which holds the id of a row's load.
pub fn taken_name(column: &str) -> Error {
    Error::spec(format!("the rows have a column '{column}', which `load_id` keeps for the id of the load"))
        .at_path(column)
        .hint("Rename the column in a step, or choose another name: `load_id: NAME`")
}

fn copied(run: &str, brought: u64, rows: u64) -> Error {
    let message = format!("run '{run}' has appended {brought} rows, and {rows} rows carry the id of its load");
    Error::new(Kind::Conflict, message)
        .hint("Nothing was changed. Somebody has copied rows: delete the copies, or give them another id")
}

fn forgotten(run: &str, brought: u64, rows: u64) -> Error {
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

fn taken(who: &str, appended: u64, rows: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "{who} appended {appended} rows, and the table holds {rows} rows now: somebody has taken rows away"
        ),
    )
    .hint("Nothing was changed. Empty the table to load the run again, or start a new run; with `load_id: true` each run knows its own rows")
}

fn untold(run: &str, brought: u64, tell: Option<&Tell>) -> Error {
    let why = match tell {
        Some(Tell::Column(column)) => format!("they were loaded before the column '{column}' was there"),
        Some(Tell::Window { .. }) | None => "nothing in them says where they came from".to_owned(),
    };
    Error::new(
        Kind::Conflict,
        format!("the {brought} rows that run '{run}' has appended cannot be told from others: {why}"),
    )
    .hint("Nothing was changed. Delete the rows of the run by hand and start a new run, or leave them as they are")
}

fn others_inside(run: &str, brought: u64) -> Error {
    let message = format!(
        "run '{run}' has appended {brought} rows, and the table holds as many in its window, but not the same ones: somebody \
         has added, deleted or changed some"
    );
    Error::new(Kind::Conflict, message).hint(
        "Nothing was changed: rows of others would have gone. Bring the rows of the run back as they were, or delete those of \
         the window by hand and start a new run; `load_id: true` marks the rows of later runs",
    )
}

fn not_alone(run: &str, brought: u64, rows: u64, alone: bool) -> Error {
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
