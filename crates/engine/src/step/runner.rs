//! Steps as they run on frames.

use super::flow::Others;
use super::program::{Checked, Program};
use super::rows::Outcome;
use super::verb::Verb;
use super::{columns, compute, join, text};
use crate::frame::Frame;
use crate::spill::Budget;
use std::collections::BTreeMap;
use std::ops::Range;
use windvane_core::error::{Error, Result};

/// A program with the other datasets that its joins read, indexed once.
#[derive(Debug)]
pub struct Runner {
    pub(super) program: Program,
    pub(super) indexes: BTreeMap<usize, join::Index>,
    keys: BTreeMap<usize, text::Key>,
}

impl Runner {
    pub fn new(program: Program, others: &BTreeMap<String, Frame>) -> Result<Self> {
        Self::within(program, others, &Budget::unlimited())
    }

    /// A join's other side that needs more than the budget is on the disk; only a pipe can do that join.
    pub(super) fn within(program: Program, others: &dyn Others, budget: &Budget) -> Result<Self> {
        let mut indexes = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for (index, checked) in program.verbs.iter().enumerate() {
            if let Verb::Join(join) = &checked.verb {
                indexes.insert(index, join.index(others, budget)?);
            }
            if let Verb::Mask(mask) = &checked.verb
                && let Some(key) = mask.key()?
            {
                keys.insert(index, key);
            }
        }
        Ok(Self { program, indexes, keys })
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Runs these steps on a frame; what leaves is counted in `outcome`.
    pub fn run(&self, steps: Range<usize>, frame: Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut frame = frame;
        for index in steps {
            let Some(checked) = self.program.verbs.get(index) else { break };
            let before = frame.len() as u64;
            let (added, filtered, rejected) = (outcome.added, outcome.filtered, outcome.rejected.len());
            frame = self.step(index, checked, &frame, outcome)?;
            let left = outcome.filtered - filtered + (outcome.rejected.len() - rejected) as u64;
            let made = outcome.added - added;
            if before + made != frame.len() as u64 + left {
                return Err(Error::internal(format!(
                    "step {index} took {before} rows, made {made}, gave {} and accounts for {left}",
                    frame.len()
                )));
            }
        }
        Ok(frame)
    }

    fn step(&self, index: usize, checked: &Checked, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let schema = &checked.schema;
        match &checked.verb {
            Verb::Keep(positions) => columns::keep(positions, schema, frame),
            Verb::Convert(convert) => convert.run(schema, frame, outcome),
            Verb::Fill(fill) => fill.run(schema, frame),
            Verb::Filter(condition) => compute::filter(condition, frame, outcome),
            Verb::Compute(compute) => compute.run(schema, frame, outcome),
            Verb::Join(join) => {
                let Some(join::Index::Held(other)) = self.indexes.get(&index) else {
                    return Err(Error::internal("a join was not prepared"));
                };
                join.run(other, schema, frame, outcome)
            }
            Verb::Deduplicate(deduplicate) => deduplicate.run(frame, outcome),
            Verb::Aggregate(aggregate) => aggregate.run(schema, frame, outcome),
            Verb::Refill(columns) => {
                let mut arrays = frame.rows.columns().to_vec();
                for column in columns {
                    column.run(frame, &mut arrays)?;
                }
                Frame::new(schema.clone(), arrays, frame.numbers.clone())
            }
            Verb::Window(window) => window.run(schema, frame, outcome),
            Verb::Sort(sort) => sort.run(frame, outcome),
            Verb::Unpivot(unpivot) => unpivot.run(schema, frame, outcome),
            Verb::Explode(explode) => explode.run(schema, frame, outcome),
            Verb::Flatten(flatten) => flatten.run(schema, frame, outcome),
            Verb::Split(split) => split.run(schema, frame),
            Verb::Mask(mask) => mask.run(self.keys.get(&index), schema, frame),
            Verb::Python(python) => python.run(schema, frame, outcome),
        }
    }
}
