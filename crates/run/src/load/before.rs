//! What is at the target before a load, and the guards that compare with it.

use super::joined;
use super::load_attempt::{self, LoadAttempt};
use crate::extract::staged::Joined;
use windvane_connectors::rerun::owner::NewestLoad;
use windvane_connectors::rerun::{Facts, LedgerLoad, Noted};
use windvane_connectors::target_state::{LatestLoads, TargetState};
use windvane_connectors::{Connection, Context, LoadRequest};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::guard::{self, Allow, Existing, Guard, Incoming, Limits, RowOwner};
use windvane_core::spec::drift::Policy;
use windvane_core::spec::target::Mode;
use windvane_plan::{Output, Plan};

/// Looked up before the load takes its locks: a question from beside would wait for them.
#[derive(Debug, Clone, Default)]
pub struct Before {
    there: Existing,
    /// The target's own ledger knows a load, of whomever.
    known: bool,
    /// Columns that have values.
    filled: Vec<String>,
    /// Columns that no row of the load names: who takes the rows away takes their values.
    unnamed: Vec<String>,
    whose: RowOwner,
    /// The load that told it.
    seen: NewestLoad,
    /// Rows that were there before any load.
    beside: Option<u64>,
    joined: Joined,
    /// Of mended rows: no other load has come behind that to which they belong.
    latest: bool,
}

impl Before {
    /// Asks the target; for these columns also whether they have values. What the output joins to is judged at once.
    pub async fn look(
        plan: &Plan,
        output: &Output,
        load_attempt: &LoadAttempt,
        context: &Context,
        (columns, joined): (&[String], &Joined),
    ) -> Result<Self> {
        let connection = Connection::open_target(&plan.target, context)?;
        if let Some(quarantine) = &plan.quarantine {
            super::quarantine_table::admit(&connection, &quarantine.table).await?;
        }
        let held = connection.target_state(&output.dataset).await?;
        let LatestLoads { newest, own } = if held.exists {
            connection.latest_loads(&output.dataset, (&plan.pipeline, &output.name)).await?
        } else {
            LatestLoads::default()
        };
        let last = own.as_ref().map(|own| own.rows);
        if let Some(own) = &own {
            joined::judge(plan, output, &context.allow, joined, &own.facts)?;
        }
        let there = Existing { rows: held.rows, last };
        let known = newest.is_some();
        if let Some(column) = output.load_id.as_ref().filter(|_| held.exists) {
            marks(plan, output, context, &held, column)?;
        }
        let asks =
            held.rows.is_none_or(|rows| rows > 0) && reads_whole(output) && Limits::of(&output.guard).emptied_columns;
        let unnamed = if output.mode == Mode::Replace { unnamed(output, &held) } else { Vec::new() };
        let columns: Vec<String> = columns.iter().chain(&unnamed).cloned().collect();
        let filled = if held.exists && asks && !columns.is_empty() {
            connection.filled(&output.dataset, &columns).await?
        } else {
            Vec::new()
        };
        let beside = match &newest {
            Some(newest) => newest.facts.beside,
            None => held.rows.filter(|rows| *rows > 0),
        };
        let latest =
            newest.as_ref().zip(load_attempt.replays.as_ref()).is_some_and(|(newest, replays)| replays.belongs(newest));
        let (noted, seen) = (load_attempt.remembered.last.clone(), NewestLoad::of(newest.as_ref()));
        let whose = match newest {
            Some(LedgerLoad { facts: Facts { pipeline, .. }, .. })
                if !pipeline.is_empty() && pipeline != plan.pipeline =>
            {
                RowOwner::Of(pipeline)
            }
            Some(_) => beside.map_or(RowOwner::Ours, RowOwner::Beside),
            None => noted.map_or(RowOwner::Nobody, |Noted { run, rows, at }| RowOwner::Lost { run, rows, at }),
        };
        Ok(Self { there, known, filled, unnamed, whose, seen, beside, joined: joined.clone(), latest })
    }

    /// The request of a load that comes after what was seen.
    pub fn request(&self, plan: &Plan, output: &Output, load_attempt: &LoadAttempt) -> LoadRequest {
        let mut request = load_attempt::request(plan, output, load_attempt);
        request.widen = self.widens(plan, output);
        // Rows that it takes away are nobody's any more.
        let takes_away = brings(output, 0).takes_away();
        request.facts.beside = self.beside.filter(|_| !takes_away);
        joined::note(&mut request.facts, &self.joined);
        request.seen = Some(self.seen.clone()).filter(|_| takes_away && !output.adopt);
        if let Some(replays) = &mut request.facts.replays {
            replays.changes &= self.latest;
        }
        request
    }

    /// Whether types of the target's columns may widen: the policy says so, and what is there was loaded by us.
    fn widens(&self, plan: &Plan, output: &Output) -> bool {
        plan.drift_of(output).types == Policy::Evolve && self.known
    }

    /// So many rows must be left when the target has taken or refused them.
    pub fn least(&self, output: &Output, allow: &Allow) -> u64 {
        if allow.lets(Guard::Rows) {
            return 0;
        }
        guard::least(&Limits::of(&output.guard), &brings(output, 0), &self.there)
    }

    /// The error of a load of which too few rows were left at the target.
    pub fn too_few(&self, output: &Output, came: u64, left: u64) -> Option<Error> {
        let mut found = guard::rows(&Limits::of(&output.guard), &brings(output, left), &self.there)?;
        found.saw = format!(
            "of {came} rows {} give way to others of their key or are refused by the target: {}",
            came.saturating_sub(left),
            found.saw
        );
        Some(found.refused().in_table(&output.name))
    }

    /// Judges a load of so many rows, in which these columns have no value.
    pub fn judge(&self, output: &Output, allow: &Allow, rows: u64, empty: &[String]) -> Result<()> {
        let limits = Limits::of(&output.guard);
        let brings = brings(output, rows);
        allow.judge(&output.name, guard::adopted(output.adopt, &brings, &self.there, &self.whose))?;
        allow.judge(&output.name, guard::rows(&limits, &brings, &self.there))?;
        let empty = empty.iter().chain(&self.unnamed);
        let emptied: Vec<String> = empty.filter(|column| self.filled.contains(column)).cloned().collect();
        allow.judge(&output.name, guard::emptied(&limits, &emptied))
    }
}

fn brings(output: &Output, rows: u64) -> Incoming {
    Incoming { mode: output.mode, absent: output.absent, incremental: output.incremental.is_some(), rows }
}

fn unnamed(output: &Output, held: &TargetState) -> Vec<String> {
    let named = |column: &String| {
        let mut ours = output.schema.names().chain(output.load_id.as_deref());
        ours.any(|name| name.eq_ignore_ascii_case(column))
    };
    held.unfilled.iter().filter(|column| !named(column)).cloned().collect()
}

/// A table that lacks the column of the load's id gets it where new columns are welcome, and that is said.
fn marks(plan: &Plan, output: &Output, context: &Context, held: &TargetState, column: &str) -> Result<()> {
    if held.columns.iter().any(|known| known.eq_ignore_ascii_case(column)) {
        return Ok(());
    }
    let table = &output.dataset;
    match plan.drift_of(output).columns {
        Policy::Evolve => {
            let what = format!(
                "the table '{table}' gets the column '{column}' for the ids of its loads; it stays empty in the rows that are there"
            );
            context.notes.add(&output.name, &what);
            Ok(())
        }
        Policy::Freeze | Policy::Quarantine | Policy::Fail => Err(Error::new(
            Kind::Conflict,
            format!("the table lacks the column '{column}', which takes the ids of its loads (load_id)"),
        )
        .in_table(table)
        .hint("Add it (a text that may be null), write `drift: evolve`, or leave `load_id` out")),
    }
}

/// Whether a load brings all that there is: a window, or rows that are added to others, may lack a value by right.
fn reads_whole(output: &Output) -> bool {
    output.incremental.is_none() && !output.mode.adds()
}
