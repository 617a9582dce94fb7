//! Aggregate: one row a group, in the order in which the groups appear. A group has the row number of its first row.
//!
//! Groups grow while rows pass. When they need more than the budget, the groups that are there stay and grow on; rows
//! of other groups go to the disk by the hash of their key, and each part is aggregated alone at the end. So every
//! group sees its rows in their order, and even sums of floats are the same whatever the budget.

use super::fields::{position, unique};
use super::flow::Give;
use super::rows::{Failures, Outcome, reject, sequence};
use crate::expression::accumulate::Accumulator;
use crate::expression::measure::Measure;
use crate::frame::Frame;
use crate::grouping::KeyGroups;
use crate::key::{Encoder, Keys, Table};
use crate::spill::parts::{DEEPEST, Parts, joined, taken};
use crate::spill::{Budget, Chunk, merge, size};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_connect::BATCH_ROWS;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema, arrow::type_to_arrow};
use windvane_core::spec::step::Aggregate as Step;

#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    by: Vec<usize>,
    measures: Vec<Measure>,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<(Aggregate, Schema)> {
    unique(step.by.0.iter().map(String::as_str))?;
    let by = step.by.0.iter().map(|name| position(name, schema).map_err(|error| error.at_path("by")));
    let by = by.collect::<Result<Vec<_>>>()?;
    let mut after = Schema::new(by.iter().filter_map(|index| schema.fields.get(*index).cloned()).collect());
    let grouped = after.clone();
    let mut measures = Vec::new();
    for (name, text) in &step.measures {
        let measure = Measure::parse(name, text, schema, &grouped);
        let measure = measure.map_err(|error| error.at_path(format!("measures.{name}")))?;
        after.fields.push(measure.field.clone());
        measures.push(measure);
    }
    if after.fields.is_empty() {
        return Err(Error::spec("the aggregate makes no column").hint("Give it `by`, `measures`, or both"));
    }
    unique(after.names())?;
    Ok((Aggregate { by, measures }, after))
}

impl Aggregate {
    /// All rows in one frame.
    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut all = Aggregating::new(self, &frame.schema, schema, &Budget::unlimited())?;
        all.push(all.grouping().rows(frame, outcome)?)?;
        let mut frames = Vec::new();
        all.finish(outcome, &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
        Frame::concat(schema, &frames)
    }

    fn columns(&self, into: &mut std::collections::BTreeSet<usize>) {
        into.extend(&self.by);
        self.measures.iter().for_each(|measure| measure.columns(into));
    }

    /// The columns of the input that are read.
    pub(super) fn needed(&self) -> std::collections::BTreeSet<usize> {
        let mut needed = std::collections::BTreeSet::new();
        self.columns(&mut needed);
        needed
    }

    /// Rows whose aggregated expression fails go before the groups are made.
    fn arguments(&self, frame: &Frame, outcome: &mut Outcome) -> Result<(Frame, Vec<Vec<Option<ArrayRef>>>)> {
        let mut frame = frame.clone();
        loop {
            let mut failures = Failures::new();
            let mut arguments = Vec::with_capacity(self.measures.len());
            for measure in &self.measures {
                let (values, failed) = measure.arguments(&frame)?;
                arguments.push(values);
                for (row, reason) in failed {
                    failures.entry(row).or_insert((Some(measure.field.name.clone()), reason));
                }
            }
            if failures.is_empty() {
                return Ok((frame, arguments));
            }
            frame = reject(&frame, frame.clone(), failures, outcome)?;
        }
    }
}

/// An aggregate that rows flow into.
pub(super) struct Aggregating {
    verb: Aggregate,
    keys: Vec<Field>,
    schema: Schema,
    groups: Groups,
    rows: u64,
}

impl std::fmt::Debug for Aggregating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aggregating {} rows", self.rows)
    }
}

impl Aggregating {
    pub(super) fn new(verb: &Aggregate, before: &Schema, after: &Schema, budget: &Budget) -> Result<Self> {
        let keys: Vec<Field> = verb.by.iter().filter_map(|index| before.fields.get(*index).cloned()).collect();
        let groups = Groups::new(verb, &keys, budget, 0)?;
        Ok(Self { verb: verb.clone(), keys, schema: after.clone(), groups, rows: 0 })
    }

    pub(super) fn grouping(&self) -> Grouping {
        Grouping { verb: self.verb.clone(), encoder: self.groups.encoder.clone() }
    }

    pub(super) fn push(&mut self, mut rows: Rows) -> Result<()> {
        let count = rows.numbers.len();
        if count == 0 {
            return Ok(());
        }
        rows.order = sequence(self.rows, count);
        self.rows += count as u64;
        self.groups.absorb(&self.verb, &rows)
    }

    pub(super) fn finish(self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let Self { verb, keys, schema, groups, rows } = self;
        let mut made = 0;
        groups.finish(&verb, &keys, &mut |chunk| {
            let mut columns = chunk.into_iter();
            let grouped: Vec<(Field, ArrayRef)> = keys.iter().cloned().zip(columns.by_ref()).collect();
            let mut done: Vec<ArrayRef> = grouped.iter().map(|(_, column)| column.clone()).collect();
            let mut failures = Failures::new();
            for measure in &verb.measures {
                let calls: Chunk = columns.by_ref().take(measure.argument_types().count()).collect();
                let (values, failed) = measure.outer(&grouped, &calls)?;
                done.push(values);
                for (group, reason) in failed {
                    failures.entry(group).or_insert((Some(measure.field.name.clone()), reason));
                }
            }
            let numbers = columns.next().ok_or_else(|| Error::internal("groups lost their row numbers"))?;
            let frame = Frame::new(schema.clone(), done, numbers.as_primitive::<Int64Type>().clone())?;
            made += frame.len() as u64;
            give(reject(&frame, frame.clone(), failures, outcome)?)
        })?;
        outcome.filtered += rows - made;
        Ok(())
    }
}

/// What an aggregate does to each frame by itself.
#[derive(Debug, Clone)]
pub(super) struct Grouping {
    verb: Aggregate,
    encoder: Option<Arc<Encoder>>,
}

impl Grouping {
    /// The rows of a frame, without those whose aggregated expressions fail.
    pub(super) fn rows(&self, frame: &Frame, outcome: &mut Outcome) -> Result<Rows> {
        let (frame, arguments) = self.verb.arguments(frame, outcome)?;
        let by: Chunk = self.verb.by.iter().filter_map(|index| frame.rows.columns().get(*index).cloned()).collect();
        let keyed = match &self.encoder {
            None => Keyed::One,
            Some(encoder) => match KeyGroups::of(&by, frame.len()) {
                Some(key_groups) => {
                    let first = taken(&by, &UInt32Array::from_iter_values(key_groups.first.iter().copied()))?;
                    Keyed::KeyGroups(encoder.encode(&first)?, key_groups)
                }
                None => Keyed::All(encoder.encode(&by)?),
            },
        };
        Ok(Rows { by, arguments, numbers: frame.numbers.clone(), order: sequence(0, 0), keyed })
    }
}

/// Rows as the groups need them.
pub(super) struct Rows {
    by: Chunk,
    arguments: Vec<Vec<Option<ArrayRef>>>,
    numbers: Int64Array,
    /// Which row comes before which.
    order: Int64Array,
    keyed: Keyed,
}

/// How the groups of rows are found.
enum Keyed {
    /// By the key of each row.
    All(Keys),
    /// By the keys of the first rows of those that are alike.
    KeyGroups(Keys, KeyGroups),
    /// All rows are one group.
    One,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows to aggregate", self.numbers.len())
    }
}

impl Rows {
    fn into_chunk(self) -> Chunk {
        let mut chunk = self.by;
        chunk.extend(self.arguments.into_iter().flatten().flatten());
        chunk.push(Arc::new(self.numbers));
        chunk.push(Arc::new(self.order));
        chunk
    }

    fn of_chunk(verb: &Aggregate, chunk: Chunk) -> Result<Self> {
        let lost = || Error::internal("spilled rows lost a column");
        let mut columns = chunk.into_iter();
        let by = columns.by_ref().take(verb.by.len()).collect();
        let mut arguments = Vec::with_capacity(verb.measures.len());
        for measure in &verb.measures {
            let types = measure.argument_types();
            let values = types.map(|argument| argument.map(|_| columns.next().ok_or_else(lost)).transpose());
            arguments.push(values.collect::<Result<Vec<_>>>()?);
        }
        let mut numbers =
            || -> Result<Int64Array> { Ok(columns.next().ok_or_else(lost)?.as_primitive::<Int64Type>().clone()) };
        Ok(Self { by, arguments, numbers: numbers()?, order: numbers()?, keyed: Keyed::One })
    }

    fn taken(&self, rows: &UInt32Array) -> Result<Self> {
        let arguments = self.arguments.iter().map(|measure| {
            let one = |argument: &Option<ArrayRef>| {
                let Some(argument) = argument else { return Ok(None) };
                Ok(taken(std::slice::from_ref(argument), rows)?.pop())
            };
            measure.iter().map(one).collect::<Result<Vec<_>>>()
        });
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let numbers: [ArrayRef; 2] = [Arc::new(self.numbers.clone()), Arc::new(self.order.clone())];
        let numbers = taken(&numbers, rows)?;
        let number = |at: usize| numbers.get(at).map(|column| column.as_primitive::<Int64Type>().clone());
        let (Some(numbers), Some(order)) = (number(0), number(1)) else {
            return Err(Error::internal("rows lost their numbers"));
        };
        Ok(Self { by: taken(&self.by, rows)?, arguments, numbers, order, keyed: Keyed::One })
    }
}

/// Groups in memory, and the rows of those that found no room there.
struct Groups {
    budget: Budget,
    level: u32,
    encoder: Option<Arc<Encoder>>,
    table: Table,
    /// The key columns of new groups, as they came.
    by: Vec<Chunk>,
    numbers: Vec<i64>,
    order: Vec<i64>,
    states: Vec<Vec<Accumulator>>,
    held: usize,
    parts: Option<Parts>,
}

impl Groups {
    fn new(verb: &Aggregate, keys: &[Field], budget: &Budget, level: u32) -> Result<Self> {
        let types: Vec<_> = keys.iter().map(|field| type_to_arrow(field.data_type)).collect();
        let states = verb.measures.iter().map(Measure::accumulators).collect::<Result<_>>()?;
        Ok(Self {
            budget: budget.clone(),
            level,
            encoder: if types.is_empty() { None } else { Some(Arc::new(Encoder::new(&types)?)) },
            table: Table::default(),
            by: Vec::new(),
            numbers: Vec::new(),
            order: Vec::new(),
            states,
            held: 0,
            parts: None,
        })
    }

    fn absorb(&mut self, verb: &Aggregate, rows: &Rows) -> Result<()> {
        let count = rows.numbers.len();
        let mut groups: Vec<u32> = Vec::with_capacity(count);
        let mut fresh: Vec<u32> = Vec::new();
        let Some(encoder) = &self.encoder else {
            if self.numbers.is_empty() {
                fresh.push(0);
            }
            groups.resize(count, 0);
            return self.grow(verb, rows, groups, fresh);
        };
        let all = 0..u32::try_from(count).map_err(|_| Error::internal("a frame has more than 4 billion rows"))?;
        let Some(parts) = &mut self.parts else {
            let mut known = |keys: &Keys, at: usize, row: u32| -> Result<u32> {
                let (group, new) = self.table.intern(keys, at)?;
                if new {
                    fresh.push(row);
                }
                Ok(group)
            };
            match &rows.keyed {
                Keyed::All(keys) => groups = all.map(|row| known(keys, row as usize, row)).collect::<Result<_>>()?,
                Keyed::KeyGroups(keys, key_groups) => {
                    let first = key_groups.first.iter().enumerate();
                    let of = first.map(|(at, row)| known(keys, at, *row)).collect::<Result<Vec<u32>>>()?;
                    groups.extend(key_groups.group.iter().filter_map(|group| of.get(*group as usize)));
                }
                Keyed::One => return Err(Error::internal("rows to be grouped have no keys")),
            }
            self.grow(verb, rows, groups, fresh)?;
            if self.size() > self.budget.bytes() / 2 && self.level < DEEPEST {
                self.parts = Some(Parts::new(&self.budget, self.level)?);
            }
            return Ok(());
        };
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        let keys = &encoder.encode(&rows.by)?;
        for row in all {
            match self.table.find(keys, row as usize) {
                Some(group) => {
                    groups.push(group);
                    here.push(row);
                }
                None => elsewhere.push(row),
            }
        }
        let resident = rows.taken(&UInt32Array::from(here))?;
        let whole = Rows {
            by: rows.by.clone(),
            arguments: rows.arguments.clone(),
            numbers: rows.numbers.clone(),
            order: rows.order.clone(),
            keyed: Keyed::One,
        };
        parts.push(&whole.into_chunk(), keys, elsewhere.into_iter())?;
        self.grow(verb, &resident, groups, fresh)
    }

    /// Rows whose groups are known; `fresh` are the first rows of new groups.
    fn grow(&mut self, verb: &Aggregate, rows: &Rows, groups: Vec<u32>, fresh: Vec<u32>) -> Result<()> {
        for row in &fresh {
            self.numbers.push(rows.numbers.value(*row as usize));
            self.order.push(rows.order.value(*row as usize));
        }
        if !fresh.is_empty() && !rows.by.is_empty() {
            let chunk = taken(&rows.by, &UInt32Array::from(fresh))?;
            self.held += size(&chunk);
            self.by.push(chunk);
        }
        let groups = UInt32Array::from(groups);
        let numbers = &self.numbers;
        let first = |group: usize| numbers.get(group).and_then(|number| u64::try_from(*number).ok()).unwrap_or(0);
        for ((measure, states), arguments) in verb.measures.iter().zip(&mut self.states).zip(&rows.arguments) {
            measure.update(states, arguments, &groups, numbers.len(), first)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let states: usize = self.states.iter().flatten().map(Accumulator::size).sum();
        self.table.size() + self.held + (self.numbers.capacity() + self.order.capacity()) * size_of::<i64>() + states
    }

    /// Gives, in the order of the groups: keys, aggregates, row numbers, order.
    fn finish(self, verb: &Aggregate, keys: &[Field], give: &mut dyn FnMut(Chunk) -> Result<()>) -> Result<()> {
        let Self { budget, level, table, by, numbers, order, states, parts, .. } = self;
        drop(table);
        let mut chunk = joined(&by)?;
        drop(by);
        for (measure, states) in verb.measures.iter().zip(states) {
            let first = |group: usize| numbers.get(group).and_then(|number| u64::try_from(*number).ok()).unwrap_or(0);
            chunk.extend(measure.finish(states, numbers.len(), first)?);
        }
        let groups = numbers.len();
        chunk.push(Arc::new(Int64Array::from(numbers)));
        chunk.push(Arc::new(Int64Array::from(order)));
        for offset in (0..groups).step_by(BATCH_ROWS) {
            let length = BATCH_ROWS.min(groups - offset);
            give(chunk.iter().map(|column| column.slice(offset, length)).collect())?;
        }
        drop(chunk);
        let Some(parts) = parts else { return Ok(()) };
        let mut done = Vec::new();
        for part in parts.finish()? {
            let mut inner = Self::new(verb, keys, &budget, level + 1)?;
            for chunk in part.read()? {
                let mut rows = Rows::of_chunk(verb, chunk?)?;
                if let Some(encoder) = &inner.encoder {
                    rows.keyed = Keyed::All(encoder.encode(&rows.by)?);
                }
                inner.absorb(verb, &rows)?;
            }
            let mut file = budget.file()?;
            inner.finish(verb, keys, &mut |chunk| file.write(&chunk))?;
            done.push(file.finish()?);
        }
        merge::merge(done, &merge::by_last, &budget, give)
    }
}
