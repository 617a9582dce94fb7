//! Steps as a pipe: frames go in one after the other, and come out as soon as they can.
//!
//! Steps that need one row at a time pass each frame on at once. A step that needs all rows takes up what reaches it,
//! within its share of the budget, and gives its result when the pipe is finished; what does not fit is spilled.
//!
//! What needs one row at a time can be done ahead, on any thread: [`Pipe::front`], whose results [`Pipe::take`] takes in
//! the order of the frames.

use super::aggregate::{self, Aggregating};
use super::deduplicate::Deduplicating;
use super::flow::{Give, Others};
use super::join::{self, Joining};
use super::parallel;
use super::program::Program;
use super::rows::Outcome;
use super::runner::Runner;
use super::sort::Sorting;
use super::verb::Verb;
use crate::frame::Frame;
use crate::spill::Budget;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use windvane_connect::BATCH_ROWS;
use windvane_core::error::{Error, Result};

/// A program that rows flow through once.
#[derive(Debug)]
pub struct Pipe {
    runner: Arc<Runner>,
    stages: Vec<Stage>,
}

/// Steps that pass frames on, and the one behind them that needs all rows.
#[derive(Debug)]
struct Stage {
    front: Front,
    whole: Option<Whole>,
    taken: u64,
    added: u64,
    given: u64,
    left: u64,
}

#[derive(Debug)]
enum Whole {
    Aggregate(Box<Aggregating>),
    Deduplicate(Box<Deduplicating>),
    Join(Box<Joining>),
    Sort(Box<Sorting>),
    /// Nothing but all rows at once will do for this step.
    Held(usize, Vec<Frame>),
}

/// Steps that need one row at a time, and what the step behind them does to each frame by itself.
#[derive(Debug, Clone)]
pub struct Front {
    runner: Arc<Runner>,
    steps: Range<usize>,
    grouping: Option<aggregate::Grouping>,
}

/// A frame that has passed a front.
#[derive(Debug)]
pub struct Ready {
    rows: u64,
    outcome: Outcome,
    /// What the step behind has left out already.
    own: Outcome,
    made: Made,
}

#[derive(Debug)]
enum Made {
    Frame(Frame),
    Grouped(Box<aggregate::Rows>),
}

impl Front {
    pub fn run(&self, frame: Frame) -> Result<Ready> {
        let (mut outcome, mut own) = (Outcome::default(), Outcome::default());
        let frame = self.runner.run(self.steps.clone(), frame, &mut outcome)?;
        let rows = frame.len() as u64;
        let made = match &self.grouping {
            None => Made::Frame(frame),
            Some(grouping) => Made::Grouped(Box::new(grouping.rows(&frame, &mut own)?)),
        };
        Ok(Ready { rows, outcome, own, made })
    }

    /// On how many threads this is worth while. A function of the user's sees the frames in order.
    pub fn threads(&self) -> usize {
        let steps = || self.steps.clone().filter_map(|at| self.runner.program.verbs.get(at));
        let calls_python = steps().any(|checked| matches!(checked.verb, Verb::Python(_)));
        let idle = self.grouping.is_none() && steps().all(|checked| matches!(checked.verb, Verb::Keep(_)));
        if calls_python || idle { 1 } else { parallel::threads() }
    }
}

impl Pipe {
    /// Holds whatever the steps need. `others` are the datasets that joins read, whole.
    pub fn new(program: Program, others: &BTreeMap<String, Frame>) -> Result<Self> {
        Self::within(program, others, &Budget::unlimited())
    }

    /// Holds no more than the budget, and spills the rest.
    pub fn within(program: Program, others: &dyn Others, budget: &Budget) -> Result<Self> {
        let holds = program.verbs.iter().filter(|checked| matches!(checked.verb, Verb::Join(_))).count();
        let mut from = 0;
        let mut wholes = 0;
        while let Some(step) = program.next_whole(from) {
            wholes += 1;
            from = step + 1;
        }
        let budget = budget.share(holds + wholes);
        let mut runner = Runner::within(program, others, &budget)?;
        let ends = ends(&mut runner, &budget)?;
        let runner = Arc::new(runner);
        let mut from = 0;
        let stages = ends.into_iter().map(|(at, whole)| {
            let grouping = if let Some(Whole::Aggregate(all)) = &whole { Some(all.grouping()) } else { None };
            let front = Front { runner: Arc::clone(&runner), steps: from..at, grouping };
            from = at + 1;
            Stage { front, whole, taken: 0, added: 0, given: 0, left: 0 }
        });
        let stages = stages.collect();
        Ok(Self { runner, stages })
    }

    /// The next rows. What leaves on the way is counted in `outcome`.
    pub fn push(&mut self, frame: Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        flow(&mut self.stages, frame, outcome, give)
    }

    /// What every frame goes through first.
    pub fn front(&self) -> Option<Front> {
        self.stages.first().map(|stage| stage.front.clone())
    }

    /// The next rows, which have passed the front.
    pub fn take(&mut self, ready: Ready, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let Some((stage, behind)) = self.stages.split_first_mut() else {
            return Err(Error::internal("a pipe without an end"));
        };
        stage.take(behind, ready, outcome, give)
    }

    /// There are no more rows: gives what was held.
    pub fn finish(mut self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let mut rest = self.stages.as_mut_slice();
        while let Some((stage, behind)) = rest.split_first_mut() {
            stage.finish(&self.runner, behind, outcome, give)?;
            rest = behind;
        }
        Ok(())
    }
}

/// The steps that need all rows, with their places, and the end behind them.
fn ends(runner: &mut Runner, budget: &Budget) -> Result<Vec<(usize, Option<Whole>)>> {
    let mut ends = Vec::new();
    for at in 0..runner.program.verbs.len() {
        let Some(checked) = runner.program.verbs.get(at) else { break };
        let (before, after) = (runner.program.schema_after(at), &checked.schema);
        let whole = match &checked.verb {
            Verb::Aggregate(verb) => Whole::Aggregate(Box::new(Aggregating::new(verb, before, after, budget)?)),
            Verb::Deduplicate(verb) => Whole::Deduplicate(Box::new(Deduplicating::new(verb, before, budget)?)),
            Verb::Sort(verb) => Whole::Sort(Box::new(Sorting::new(verb, before, budget))),
            Verb::Join(verb) => match runner.indexes.get_mut(&at) {
                Some(join::Index::Parts(parts)) => {
                    let parts = std::mem::take(parts);
                    Whole::Join(Box::new(Joining::new(verb, after, parts, budget, 0)?))
                }
                _ => continue,
            },
            _ if runner.program.next_whole(at) == Some(at) => Whole::Held(at, Vec::new()),
            _ => continue,
        };
        ends.push((at, Some(whole)));
    }
    ends.push((runner.program.len(), None));
    Ok(ends)
}

fn flow(stages: &mut [Stage], frame: Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
    let Some((stage, behind)) = stages.split_first_mut() else { return give(frame) };
    let ready = stage.front.run(frame)?;
    stage.take(behind, ready, outcome, give)
}

impl Stage {
    fn take(&mut self, behind: &mut [Self], ready: Ready, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let Ready { rows, outcome: before, mut own, made } = ready;
        outcome.add(before);
        self.taken += rows;
        match (&mut self.whole, made) {
            (None, Made::Frame(frame)) => return give(frame),
            (Some(Whole::Aggregate(aggregating)), Made::Grouped(rows)) => aggregating.push(*rows)?,
            (Some(Whole::Join(joining)), Made::Frame(frame)) => joining.push(&frame)?,
            (Some(Whole::Sort(sorting)), Made::Frame(frame)) => sorting.push(frame)?,
            (Some(Whole::Held(_, frames)), Made::Frame(frame)) => frames.push(frame),
            (Some(Whole::Deduplicate(deduplicating)), Made::Frame(frame)) => {
                let given = &mut self.given;
                deduplicating.push(&frame, &mut own, &mut |frame| {
                    *given += frame.len() as u64;
                    flow(behind, frame, outcome, give)
                })?;
            }
            (Some(Whole::Aggregate(_)), Made::Frame(_)) | (_, Made::Grouped(_)) => {
                return Err(Error::internal("rows came to another step than they were made for"));
            }
        }
        self.added += own.added;
        self.left += own.left();
        outcome.add(own);
        Ok(())
    }

    fn finish(
        &mut self,
        runner: &Runner,
        behind: &mut [Self],
        outcome: &mut Outcome,
        give: &mut Give<'_>,
    ) -> Result<()> {
        let Some(whole) = self.whole.take() else { return Ok(()) };
        let mut own = Outcome::default();
        let given = &mut self.given;
        let mut pass = |frame: Frame| {
            *given += frame.len() as u64;
            flow(behind, frame, outcome, give)
        };
        match whole {
            Whole::Aggregate(aggregating) => aggregating.finish(&mut own, &mut pass)?,
            Whole::Deduplicate(deduplicating) => deduplicating.finish(&mut own, &mut pass)?,
            Whole::Join(joining) => joining.finish(&mut own, &mut pass)?,
            Whole::Sort(sorting) => sorting.finish(&mut own, &mut pass)?,
            Whole::Held(step, frames) => {
                let whole = Frame::concat(runner.program.schema_after(step), &frames)?;
                drop(frames);
                let whole = runner.run(step..step + 1, whole, &mut own)?;
                for offset in (0..whole.len()).step_by(BATCH_ROWS) {
                    pass(whole.slice(offset, BATCH_ROWS.min(whole.len() - offset)))?;
                }
            }
        }
        self.added += own.added;
        self.left += own.left();
        outcome.add(own);
        if self.taken + self.added == self.given + self.left {
            return Ok(());
        }
        Err(Error::internal(format!(
            "step {} took {} rows, made {}, gave {} and accounts for {}",
            self.front.steps.end, self.taken, self.added, self.given, self.left
        )))
    }
}
