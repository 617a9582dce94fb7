//! What was seen against what is allowed.

use super::limits::{Guard, Limits, share};
use crate::error::{Error, Kind};
use crate::spec::target::{Absent, Mode};

/// Something that must not pass in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Nothing where only the spec can let it pass.
    pub guard: Option<Guard>,
    /// What was seen and what is allowed, for people: true whether it stops the load or is let pass.
    pub saw: String,
    /// What a person can do, beside letting it pass once.
    pub way: String,
}

impl Finding {
    pub fn new(guard: Guard, saw: impl Into<String>, way: impl Into<String>) -> Self {
        Self { guard: Some(guard), saw: saw.into(), way: way.into() }
    }

    /// The finding as the end of a load.
    pub fn refused(&self) -> Error {
        let Some(guard) = self.guard else { return Error::new(Kind::Conflict, &self.saw).hint(&self.way) };
        let kind = match guard {
            Guard::Quarantined | Guard::Rows | Guard::EmptiedColumns => Kind::Data,
            Guard::LostColumns | Guard::Format => Kind::Conflict,
        };
        let name = guard.as_str();
        // A new run of a scheduled day is refused by Airflow (409): the day has its run.
        Error::new(kind, format!("{}; nothing is loaded", self.saw)).hint(format!(
            "{}. If it is meant: --allow {name} (in Airflow a backfill of that day with the configuration \
             {{\"allow\": [\"{name}\"]}} that reprocesses failed runs, or `allow` of a run that was triggered by hand) \
             lets this run pass, `guard: {{{name}: …}}` in the spec every run",
            self.way
        ))
    }
}

/// What a load is about to do.
#[derive(Debug, Clone, Copy)]
pub struct Incoming {
    pub mode: Mode,
    pub absent: Absent,
    /// Only what is new since the last load is read.
    pub incremental: bool,
    /// That are left to load.
    pub rows: u64,
}

impl Incoming {
    /// Whether rows that are there go.
    pub fn takes_away(&self) -> bool {
        match (self.mode, self.absent) {
            (Mode::Replace, Absent::Keep | Absent::Delete) | (Mode::Merge | Mode::History, Absent::Delete) => true,
            (Mode::Append, Absent::Keep | Absent::Delete) | (Mode::Merge | Mode::History, Absent::Keep) => false,
        }
    }
}

/// What is at the target before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Existing {
    /// Nothing when nobody knows.
    pub rows: Option<u64>,
    /// Of the newest load of the same output, when there was one.
    pub last: Option<u64>,
}

/// Whom rows are that would go, where they are not those of the last load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RowOwner {
    #[default]
    Nobody,
    /// Of nobody else.
    Ours,
    /// So many were there before our first load, which has added others to them.
    Beside(u64),
    /// Of another pipeline.
    Of(String),
    /// The target's own ledger says nothing; the store remembers this.
    Lost { run: String, rows: u64, at: String },
}

/// Too many rows in quarantine. `files` say where.
pub fn quarantined(limits: &Limits, quarantined: u64, rows_in: u64, files: &[String]) -> Option<Finding> {
    if quarantined <= limits.budget(rows_in) {
        return None;
    }
    let saw = match limits.most {
        Some(most) if quarantined > most => {
            format!("{quarantined} rows went to quarantine where {most} are allowed")
        }
        _ => format!(
            "{quarantined} of {rows_in} rows went to quarantine, a share of {:.4} where {} is allowed",
            share(quarantined, rows_in),
            limits.share
        ),
    };
    let way = if files.is_empty() {
        "Look at the rows that are refused".to_owned()
    } else {
        format!("Read the reasons in {}", files.join(", "))
    };
    Some(Finding::new(Guard::Quarantined, saw, way))
}

/// So many rows must be left for [`rows`] to find nothing.
pub fn least(limits: &Limits, brings: &Incoming, there: &Existing) -> u64 {
    let found = |rows: u64| self::rows(limits, &Incoming { rows, ..*brings }, there).is_some();
    let (mut low, mut high) = (0, there.last.max(there.rows).unwrap_or_default());
    // A share of at most 1: as many rows as there were are enough.
    while low < high {
        let middle = low + (high - low) / 2;
        if found(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Fewer rows than what was there lets expect.
///
/// A replace is compared with what it would take away: the rows of the last load or those that the target holds, whichever
/// are more. A merge or a history of a whole source that deletes what is absent is compared with the last load. What only
/// adds is refused when a whole source that had rows has none; a window of an incremental load may be of any size.
pub fn rows(limits: &Limits, brings: &Incoming, there: &Existing) -> Option<Finding> {
    if brings.incremental || limits.rows <= 0.0 {
        return None;
    }
    let before = match (brings.mode, brings.absent) {
        (Mode::Replace, Absent::Keep | Absent::Delete) => there.last.max(there.rows),
        (Mode::Merge | Mode::History | Mode::Append, Absent::Keep | Absent::Delete) => there.last,
    }?;
    if before == 0 {
        return None;
    }
    let (takes_away, now) = (brings.takes_away(), brings.rows);
    if now > 0 && (!takes_away || share(now, before) >= limits.rows) {
        return None;
    }
    let way = "Look at what the source gives and what was filtered";
    let saw = if now == 0 {
        format!("no row is left to load where there were {before} before")
    } else {
        format!(
            "{now} rows are left to load where there were {before} before, a share of {:.4} where at least {} is wanted",
            share(now, before),
            limits.rows
        )
    };
    Some(Finding::new(Guard::Rows, saw, way))
}

/// Columns that had values and would have none.
pub fn emptied(limits: &Limits, columns: &[String]) -> Option<Finding> {
    if !limits.emptied_columns || columns.is_empty() {
        return None;
    }
    let (what, verb) = if columns.len() == 1 { ("column", "has") } else { ("columns", "have") };
    let saw = format!("the {what} '{}' had values at the target and now {verb} none in any row", columns.join("', '"));
    Some(Finding::new(Guard::EmptiedColumns, saw, "Look whether the source still gives it, perhaps under another name"))
}

/// Rows that somebody else brought and that would go: nobody knows who, or another pipeline.
pub fn adopted(adopt: bool, brings: &Incoming, there: &Existing, whose: &RowOwner) -> Option<Finding> {
    let rows = there.rows.filter(|rows| *rows > 0)?;
    if adopt || !brings.takes_away() {
        return None;
    }
    let other =
        "Nothing was changed. Name another table or folder (`to`), or say `adopt: true` at the dataset or the target";
    let (saw, way) = match whose {
        RowOwner::Ours => return None,
        RowOwner::Beside(others) => (
            format!("the target holds {rows} rows, and {others} were there before windvane's first load"),
            other.to_owned(),
        ),
        RowOwner::Nobody => (format!("the target holds {rows} rows that windvane has not loaded"), other.to_owned()),
        RowOwner::Of(pipeline) => (
            format!("the target holds {rows} rows whose last load was one of the pipeline '{pipeline}'"),
            other.to_owned(),
        ),
        RowOwner::Lost { run, rows: brought, at } => (
            format!(
                "the target holds {rows} rows and its ledger (windvane_loads) says nothing of them: it was lost. The store \
                 remembers that run '{run}' has loaded {brought} rows at {at}; whether the rows are still those nobody can say"
            ),
            "Nothing was changed. Bring windvane_loads back from a backup, or empty the table if its rows are those of that \
             load, and run it again. To give all of them up without a look, say `adopt: true` at the dataset or the target \
             for one run: the ledger is kept anew from then on"
                .to_owned(),
        ),
    };
    Some(Finding { guard: None, saw: format!("{saw}, and this load would take them away"), way })
}
