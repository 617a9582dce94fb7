//! Steps: checked once against the columns they meet ([`Program`]), then run on frames ([`Runner`]).
//!
//! Most steps need one row at a time, so a frame may be any part of the data. Deduplicate, aggregate, sort, window and a
//! fill from other rows need all rows: in one frame for a [`Runner`], one after the other for a [`pipe::Pipe`], which
//! spills what the budget does not hold (all but window and fill, which it holds). Pivot and sql are done by other verbs
//! ([`expand`], [`select`]).

mod aggregate;
mod columns;
mod compute;
mod deduplicate;
mod expand;
mod join;
pub mod lanes;
mod needed;
pub mod pipe;
mod json;
pub mod order;
mod python;
mod reshape;
pub mod select;
mod sort;
mod text;
mod trace;
mod uses;
mod window;

pub use needed::{Needed, needed, without};
pub use trace::{Origin, Trace, trace};
pub use uses::{Use, Uses, uses};

use crate::frame::Frame;
use crate::no_column;
use crate::spill::Budget;
use arrow::array::{BooleanArray, Int64Array};
use std::collections::BTreeMap;
use std::ops::Range;
use windvane_connect::Rejected;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema};
use windvane_core::spec::step::Step;
use windvane_core::spec::verb::Filling;

pub(crate) use expand::expand;
pub use expand::{Plain, plain};
pub use select::reads;

/// Steps that fit their input.
#[derive(Debug, Clone)]
pub struct Program {
    input: Schema,
    verbs: Vec<Checked>,
    /// Of each written step the verbs that do it.
    parts: Vec<Range<usize>>,
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
    Filter(crate::expression::Expression),
    Compute(compute::Compute),
    Join(join::Join),
    Deduplicate(deduplicate::Deduplicate),
    Aggregate(aggregate::Aggregate),
    Refill(Vec<window::Refill>),
    Window(window::Window),
    Sort(order::Sort),
    Unpivot(reshape::Unpivot),
    Explode(reshape::Explode),
    Flatten(json::Flatten),
    Split(text::Split),
    Mask(text::Mask),
    Python(python::Python),
}

/// How what becomes of a row depends on other rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Company {
    /// One of several is taken.
    Chooses,
    /// Its values, or whether it is there.
    Folds,
}

/// The first of the written steps, by index, for which a row needs the others; one that folds before one that chooses.
pub fn company(
    steps: &[Step],
    input: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
) -> Result<Option<(usize, Company)>> {
    let program = Program::new(steps, input, lookup)?;
    let of = |step: usize| program.part(step).filter_map(|at| program.company(at)).max();
    let all = (0..steps.len()).filter_map(|step| Some((step, of(step)?)));
    Ok(all.min_by_key(|(step, company)| (std::cmp::Reverse(*company), *step)))
}

/// What became of the rows that are not in the resulting frame.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that a step made beside those that it got.
    pub added: u64,
    pub filtered: u64,
    pub rejected: Vec<Rejected>,
}

impl Outcome {
    /// How many rows left.
    fn left(&self) -> u64 {
        self.filtered + self.rejected.len() as u64
    }

    fn add(&mut self, other: Self) {
        self.added += other.added;
        self.filtered += other.filtered;
        self.rejected.extend(other.rejected);
    }
}

impl Program {
    /// The first mistake is located: `steps[2].derive.total`.
    pub fn new(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let mut verbs: Vec<Checked> = Vec::with_capacity(steps.len());
        let mut parts = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let from = verbs.len();
            let before = verbs.last().map_or(input, |checked| &checked.schema);
            let located = |error: Error, inner: Option<String>| {
                let inner = inner.map(|inner| format!(".{inner}")).unwrap_or_default();
                error.at_path(format!("steps[{index}].{}{inner}", step.verb()))
            };
            let expanded = expand(step, before, lookup).map_err(|error| {
                let inner = error.place().path.clone();
                located(error, inner)
            })?;
            for part in expanded.as_deref().unwrap_or(std::slice::from_ref(step)) {
                let before = verbs.last().map_or(input, |checked| &checked.schema);
                let (verb, schema) = check(part, before, lookup).map_err(|error| {
                    // The places inside an expansion are not the user's.
                    let inner = if expanded.is_none() { error.place().path.clone() } else { None };
                    located(error, inner)
                })?;
                verbs.push(Checked { verb, schema });
            }
            parts.push(from..verbs.len());
        }
        Ok(Self { input: input.clone(), verbs, parts })
    }

    /// The verbs that do a written step.
    pub fn part(&self, step: usize) -> Range<usize> {
        self.parts.get(step).cloned().unwrap_or(0..0)
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
            Verb::Deduplicate(_) | Verb::Aggregate(_) | Verb::Refill(_) | Verb::Window(_) | Verb::Sort(_) => true,
            Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Unpivot(_)
            | Verb::Explode(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_)
            | Verb::Python(_) => false,
        };
        (from..self.verbs.len()).find(|index| self.verbs.get(*index).is_some_and(whole))
    }

    /// What a step at this place makes of a row with the others.
    fn company(&self, at: usize) -> Option<Company> {
        match &self.verbs.get(at)?.verb {
            Verb::Aggregate(_) | Verb::Refill(_) | Verb::Window(_) => Some(Company::Folds),
            Verb::Deduplicate(_) => Some(Company::Chooses),
            Verb::Sort(sort) if sort.is_cut() => Some(Company::Folds),
            Verb::Sort(_)
            | Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Unpivot(_)
            | Verb::Explode(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_)
            | Verb::Python(_) => None,
        }
    }

    /// Whether a row of the input is one row of the result at most.
    fn keeps_rows_single(&self) -> bool {
        self.verbs.iter().all(|checked| match checked.verb {
            Verb::Aggregate(_) | Verb::Unpivot(_) | Verb::Explode(_) | Verb::Python(_) => false,
            Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Deduplicate(_)
            | Verb::Refill(_)
            | Verb::Window(_)
            | Verb::Sort(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_) => true,
        })
    }

    /// The columns after so many steps.
    pub fn schema_after(&self, steps: usize) -> &Schema {
        steps.checked_sub(1).and_then(|last| self.verbs.get(last)).map_or(&self.input, |checked| &checked.schema)
    }
}

fn check(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(Verb, Schema)> {
    match step {
        Step::Select(names) => columns::select(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Drop(names) => columns::drop(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Rename(names) => columns::rename(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Cast(types) => columns::cast(types, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Parse(parse) => columns::parse(parse, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Fill(values) => filled(values, schema),
        Step::Filter(condition) => {
            let condition = crate::expression::Expression::condition(condition, schema)?;
            Ok((Verb::Filter(condition), schema.clone()))
        }
        Step::Derive(values) => compute::derive(values, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Set(set) => compute::set(set, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Join(step) => join::check(step, schema, lookup).map(|(verb, after)| (Verb::Join(verb), after)),
        Step::Deduplicate(step) => {
            deduplicate::check(step, schema).map(|verb| (Verb::Deduplicate(verb), schema.clone()))
        }
        Step::Aggregate(step) => aggregate::check(step, schema).map(|(verb, after)| (Verb::Aggregate(verb), after)),
        Step::Window(step) => window::check(step, schema).map(|(verb, after)| (Verb::Window(verb), after)),
        Step::Sort(step) => order::check(step, schema).map(|verb| (Verb::Sort(verb), schema.clone())),
        Step::Unpivot(step) => reshape::unpivot(step, schema).map(|(verb, after)| (Verb::Unpivot(verb), after)),
        Step::Explode(step) => reshape::explode(step, schema).map(|(verb, after)| (Verb::Explode(verb), after)),
        Step::Flatten(step) => json::check(step, schema).map(|(verb, after)| (Verb::Flatten(verb), after)),
        Step::Split(step) => text::split(step, schema).map(|(verb, after)| (Verb::Split(verb), after)),
        Step::Mask(step) => text::mask(step, schema).map(|(verb, after)| (Verb::Mask(verb), after)),
        Step::Python(step) => python::check(step).map(|(verb, after)| (Verb::Python(verb), after)),
        Step::Pivot(_) | Step::Sql(_) => Err(Error::internal("a step was not expanded")),
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
        let frame = self.get(name).ok_or_else(|| not_given(name))?;
        Ok(Box::new(std::iter::once(Ok(frame.clone()))))
    }
}

impl Others for BTreeMap<String, Vec<Frame>> {
    fn frames(&self, name: &str, _: &[String]) -> Result<Frames<'_>> {
        let frames = self.get(name).ok_or_else(|| not_given(name))?;
        Ok(Box::new(frames.iter().cloned().map(Ok)))
    }
}

fn not_given(name: &str) -> Error {
    Error::missing(format!("the dataset '{name}' was not given")).hint("Extract it first")
}

/// Constants need one row at a time, other rows' values need them all: `expand` has told the two apart.
fn filled(values: &BTreeMap<String, Filling>, schema: &Schema) -> Result<(Verb, Schema)> {
    let mut constants = BTreeMap::new();
    let mut others = Vec::new();
    for (name, value) in values {
        match value {
            Filling::Value(value) => _ = constants.insert(name.clone(), value.to_json()),
            Filling::From(from) => others.push(window::refill(name, from, schema)?),
        }
    }
    if others.is_empty() {
        return columns::fill(&constants, schema).map(|(verb, after)| (Verb::Fill(verb), after));
    }
    Ok((Verb::Refill(others), schema.clone()))
}

/// A program with the other datasets that its joins read, indexed once.
#[derive(Debug)]
pub struct Runner {
    program: Program,
    indexes: BTreeMap<usize, join::Index>,
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
