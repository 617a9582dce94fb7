//! Steps: checked once against the columns they meet ([`Program`]), then run on frames ([`Runner`]).
//!
//! Select, drop, rename, cast, parse, filter, derive, set, fill and join need one row at a time, so a frame may be any
//! part of the data. Deduplicate, aggregate and sort need all rows: in one frame for a [`Runner`], one after the other
//! for a [`pipe::Pipe`], which spills what the budget does not hold.

mod aggregate;
mod columns;
mod compute;
mod deduplicate;
mod join;
mod needed;
mod order;
pub mod pipe;
mod sort;

pub use needed::{Needed, needed};

use crate::connectors::Rejected;
use crate::engine::frame::Frame;
use crate::engine::no_column;
use crate::engine::spill::Budget;
use crate::error::{Error, Result};
use crate::schema::{Field, Schema};
use crate::spec::step::Step;
use arrow::array::{BooleanArray, Int64Array};
use std::collections::BTreeMap;
use std::ops::Range;

/// Steps that fit their input.
#[derive(Debug, Clone)]
pub struct Program {
    input: Schema,
    verbs: Vec<Checked>,
}

#[derive(Debug, Clone)]
struct Checked {
    verb: Verb,
    /// After the step.
    schema: Schema,
}

#[derive(Debug, Clone)]
enum Verb {
    /// Columns by position, under the names of the schema: select, drop, rename.
    Keep(Vec<usize>),
    Convert(columns::Convert),
    Fill(columns::Fill),
    Filter(crate::engine::expression::Expression),
    Compute(compute::Compute),
    Join(join::Join),
    Deduplicate(deduplicate::Deduplicate),
    Aggregate(aggregate::Aggregate),
    Sort(order::Sort),
}

/// What became of the rows that are not in the resulting frame.
#[derive(Debug, Default)]
pub struct Outcome {
    pub filtered: u64,
    pub rejected: Vec<Rejected>,
}

impl Outcome {
    /// How many rows left.
    fn left(&self) -> u64 {
        self.filtered + self.rejected.len() as u64
    }

    fn add(&mut self, other: Self) {
        self.filtered += other.filtered;
        self.rejected.extend(other.rejected);
    }
}

impl Program {
    /// The first mistake is located: `steps[2].derive.total`.
    pub fn new(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let mut verbs: Vec<Checked> = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let before = verbs.last().map_or(input, |checked| &checked.schema);
            let (verb, schema) = check(step, before, lookup).map_err(|error| {
                let inner = error.place().path.clone();
                let path =
                    inner.map_or_else(|| verb_name(step).to_owned(), |inner| format!("{}.{inner}", verb_name(step)));
                error.at_path(format!("steps[{index}].{path}"))
            })?;
            verbs.push(Checked { verb, schema });
        }
        Ok(Self { input: input.clone(), verbs })
    }

    /// The columns after the last step.
    pub fn schema(&self) -> &Schema {
        self.verbs.last().map_or(&self.input, |checked| &checked.schema)
    }

    pub fn len(&self) -> usize {
        self.verbs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.verbs.is_empty()
    }

    /// The first step at or after `from` that needs all rows in one frame.
    pub fn next_whole(&self, from: usize) -> Option<usize> {
        let whole = |checked: &Checked| match checked.verb {
            Verb::Deduplicate(_) | Verb::Aggregate(_) | Verb::Sort(_) => true,
            Verb::Keep(_) | Verb::Convert(_) | Verb::Fill(_) | Verb::Filter(_) | Verb::Compute(_) | Verb::Join(_) => {
                false
            }
        };
        (from..self.verbs.len()).find(|index| self.verbs.get(*index).is_some_and(whole))
    }

    /// The columns after so many steps.
    pub fn schema_after(&self, steps: usize) -> &Schema {
        steps.checked_sub(1).and_then(|last| self.verbs.get(last)).map_or(&self.input, |checked| &checked.schema)
    }
}

fn verb_name(step: &Step) -> &'static str {
    match step {
        Step::Select(_) => "select",
        Step::Drop(_) => "drop",
        Step::Rename(_) => "rename",
        Step::Cast(_) => "cast",
        Step::Parse(_) => "parse",
        Step::Filter(_) => "filter",
        Step::Derive(_) => "derive",
        Step::Set(_) => "set",
        Step::Fill(_) => "fill",
        Step::Join(_) => "join",
        Step::Deduplicate(_) => "deduplicate",
        Step::Aggregate(_) => "aggregate",
        Step::Sort(_) => "sort",
    }
}

fn check(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(Verb, Schema)> {
    match step {
        Step::Select(names) => columns::select(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Drop(names) => columns::drop(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Rename(names) => columns::rename(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Cast(types) => columns::cast(types, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Parse(parse) => columns::parse(parse, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Fill(values) => columns::fill(values, schema).map(|(verb, after)| (Verb::Fill(verb), after)),
        Step::Filter(condition) => {
            let condition = crate::engine::expression::Expression::condition(condition, schema)?;
            Ok((Verb::Filter(condition), schema.clone()))
        }
        Step::Derive(values) => compute::derive(values, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Set(set) => compute::set(set, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Join(step) => join::check(step, schema, lookup).map(|(verb, after)| (Verb::Join(verb), after)),
        Step::Deduplicate(step) => {
            deduplicate::check(step, schema).map(|verb| (Verb::Deduplicate(verb), schema.clone()))
        }
        Step::Aggregate(step) => aggregate::check(step, schema).map(|(verb, after)| (Verb::Aggregate(verb), after)),
        Step::Sort(step) => order::check(step, schema).map(|verb| (Verb::Sort(verb), schema.clone())),
    }
}

/// Frames of a dataset, in order.
pub type Frames<'a> = Box<dyn Iterator<Item = Result<Frame>> + 'a>;

/// The datasets that joins read.
pub trait Others {
    /// The frames of a dataset, with these columns at least.
    fn frames(&self, name: &str, columns: &[String]) -> Result<Frames<'_>>;
}

impl Others for BTreeMap<String, Frame> {
    fn frames(&self, name: &str, _: &[String]) -> Result<Frames<'_>> {
        let frame = self
            .get(name)
            .ok_or_else(|| Error::missing(format!("the dataset '{name}' was not given")).hint("Extract it first"))?;
        Ok(Box::new(std::iter::once(Ok(frame.clone()))))
    }
}

/// A program with the other datasets that its joins read, indexed once.
#[derive(Debug)]
pub struct Runner {
    program: Program,
    indexes: BTreeMap<usize, join::Index>,
}

impl Runner {
    pub fn new(program: Program, others: &BTreeMap<String, Frame>) -> Result<Self> {
        Self::within(program, others, &Budget::unlimited())
    }

    /// A join's other side that needs more than the budget is on the disk; only a pipe can do that join.
    pub(super) fn within(program: Program, others: &dyn Others, budget: &Budget) -> Result<Self> {
        let mut indexes = BTreeMap::new();
        for (index, checked) in program.verbs.iter().enumerate() {
            if let Verb::Join(join) = &checked.verb {
                indexes.insert(index, join.index(others, budget)?);
            }
        }
        Ok(Self { program, indexes })
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
            let (filtered, rejected) = (outcome.filtered, outcome.rejected.len());
            frame = self.step(index, checked, &frame, outcome)?;
            let left = outcome.filtered - filtered + (outcome.rejected.len() - rejected) as u64;
            if before != frame.len() as u64 + left {
                return Err(Error::internal(format!(
                    "step {index} took {before} rows, gave {} and accounts for {left}",
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
            Verb::Sort(sort) => sort.run(frame, outcome),
        }
    }
}

/// Per failing row: the column and the reason.
type Failures = BTreeMap<usize, (Option<String>, String)>;

/// Takes the failing rows out of `done`. `before` has the same rows and is what quarantine shows.
fn reject(before: &Frame, done: Frame, failures: Failures, outcome: &mut Outcome) -> Result<Frame> {
    if failures.is_empty() {
        return Ok(done);
    }
    let kept: BooleanArray = (0..before.len()).map(|row| Some(!failures.contains_key(&row))).collect();
    for (row, (column, reason)) in failures {
        outcome.rejected.push(before.reject(row, column.as_deref(), reason));
    }
    done.filter(&kept)
}

/// The numbers of so many rows that follow `before` others.
fn sequence(before: u64, rows: usize) -> Int64Array {
    let first = i64::try_from(before).unwrap_or(i64::MAX);
    Int64Array::from_iter_values((first..).take(rows))
}

fn position(name: &str, schema: &Schema) -> Result<usize> {
    schema.fields.iter().position(|field| field.name == name).ok_or_else(|| no_column(name, schema).at_path(name))
}

/// A field that an expression or a cast made anew.
fn changed(field: &Field, made: Field) -> Field {
    Field { comment: field.comment.clone(), ..made }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::spec(format!("column '{name}' is there twice"))
                .at_path(name)
                .hint("Column names are unique: rename or leave one out"));
        }
    }
    Ok(())
}
