//! Steps as a pipe: frames go in one after the other, and come out as soon as they can.
//!
//! Steps that need one row at a time pass each frame on at once. A step that needs all rows takes up what reaches it,
//! within its share of the budget, and gives its result when the pipe is finished; what does not fit is spilled.

use super::{Others, Outcome, Program, Runner, Verb};
use super::{aggregate::Aggregating, deduplicate::Deduplicating, join, join::Joining, sort::Sorting};
use crate::connectors::BATCH_ROWS;
use crate::engine::frame::Frame;
use crate::engine::spill::Budget;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// Takes what leaves the pipe.
pub type Give<'a> = dyn FnMut(Frame) -> Result<()> + 'a;

/// A program that rows flow through once.
#[derive(Debug)]
pub struct Pipe {
    runner: Runner,
    stages: Vec<Stage>,
}

/// Steps that pass frames on, and the one behind them that needs all rows.
#[derive(Debug)]
struct Stage {
    steps: Range<usize>,
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
        let stages = stages(&mut runner, &budget)?;
        Ok(Self { runner, stages })
    }

    /// The next rows. What leaves on the way is counted in `outcome`.
    pub fn push(&mut self, frame: Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        flow(&self.runner, &mut self.stages, frame, outcome, give)
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

fn stages(runner: &mut Runner, budget: &Budget) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    let mut from = 0;
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
        stages.push(Stage { steps: from..at, whole: Some(whole), taken: 0, added: 0, given: 0, left: 0 });
        from = at + 1;
    }
    stages.push(Stage { steps: from..runner.program.len(), whole: None, taken: 0, added: 0, given: 0, left: 0 });
    Ok(stages)
}

fn flow(runner: &Runner, stages: &mut [Stage], frame: Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
    let Some((stage, behind)) = stages.split_first_mut() else { return give(frame) };
    let frame = runner.run(stage.steps.clone(), frame, outcome)?;
    let Some(whole) = &mut stage.whole else { return give(frame) };
    stage.taken += frame.len() as u64;
    let mut own = Outcome::default();
    match whole {
        Whole::Aggregate(aggregating) => aggregating.push(&frame, &mut own)?,
        Whole::Join(joining) => joining.push(&frame)?,
        Whole::Sort(sorting) => sorting.push(frame)?,
        Whole::Held(_, frames) => frames.push(frame),
        Whole::Deduplicate(deduplicating) => {
            let given = &mut stage.given;
            deduplicating.push(&frame, &mut own, &mut |frame| {
                *given += frame.len() as u64;
                flow(runner, behind, frame, outcome, give)
            })?;
        }
    }
    stage.added += own.added;
    stage.left += own.left();
    outcome.add(own);
    Ok(())
}

impl Stage {
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
            flow(runner, behind, frame, outcome, give)
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
            self.steps.end, self.taken, self.added, self.given, self.left
        )))
    }
}
