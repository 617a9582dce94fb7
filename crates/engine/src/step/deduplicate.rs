//! Deduplicate: one row a key, in the order of the source. Null keys are alike here, as in SQL's DISTINCT.
//!
//! The first row of a key passes at once, as long as the keys fit into the budget. Otherwise rows wait in their order,
//! on the disk when they must, until it is known which of them stay: a bit a row.

use super::fields::{position, unique};
use super::flow::Give;
use super::rows::{Outcome, sequence};
use crate::convert::positive_zero;
use crate::errors::broken;
use crate::frame::Frame;
use crate::key::{Encoder, Table};
use crate::spill::parts::{DEEPEST, Parts, Queue, taken};
use crate::spill::{Budget, Chunk};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, UInt32Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, SortField};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, arrow::type_to_arrow};
use windvane_core::spec::step::{Deduplicate as Step, Keep};

#[derive(Debug, Clone)]
pub(super) struct Deduplicate {
    on: Vec<usize>,
    order_by: Vec<usize>,
    keep: Keep,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<Deduplicate> {
    if step.on.0.is_empty() {
        return Err(Error::spec("deduplicate needs a key").at_path("on").hint("Write on: column, or on: [a, b]"));
    }
    unique(step.on.0.iter().map(String::as_str))?;
    let positions = |names: &[String], path: &str| -> Result<Vec<usize>> {
        names.iter().map(|name| position(name, schema).map_err(|error| error.at_path(path))).collect()
    };
    let on = positions(&step.on.0, "on")?;
    Ok(Deduplicate { on, order_by: positions(&step.order_by, "order_by")?, keep: step.keep })
}

impl Deduplicate {
    /// All rows in one frame.
    pub(super) fn run(&self, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut all = Deduplicating::new(self, &frame.schema, &Budget::unlimited())?;
        let mut frames = Vec::new();
        let mut give = |frame: Frame| {
            frames.push(frame);
            Ok(())
        };
        all.push(frame, outcome, &mut give)?;
        all.finish(outcome, &mut give)?;
        Frame::concat(&frame.schema, &frames)
    }

    /// The columns of the input that are read.
    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.on.iter().chain(&self.order_by).copied()
    }
}

/// A deduplicate that rows flow through.
#[derive(Debug)]
pub(super) struct Deduplicating {
    verb: Deduplicate,
    schema: Schema,
    /// The first row of a key can pass at once.
    eager: bool,
    choice: Choice,
    waiting: Queue,
    rows: u64,
}

impl Deduplicating {
    pub(super) fn new(verb: &Deduplicate, schema: &Schema, budget: &Budget) -> Result<Self> {
        let types = |positions: &[usize]| -> Vec<DataType> {
            let fields = positions.iter().filter_map(|index| schema.fields.get(*index));
            fields.map(|field| type_to_arrow(field.data_type)).collect()
        };
        let half = budget.share(2);
        Ok(Self {
            verb: verb.clone(),
            schema: schema.clone(),
            eager: verb.order_by.is_empty() && verb.keep == Keep::First,
            choice: Choice::new(
                Arc::new(Kind { on: types(&verb.on), by: types(&verb.order_by), keep: verb.keep }),
                half.clone(),
                0,
            )?,
            waiting: Queue::new(half),
            rows: 0,
        })
    }

    pub(super) fn push(&mut self, frame: &Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let columns = |positions: &[usize]| -> Chunk {
            positions.iter().filter_map(|index| frame.rows.columns().get(*index).cloned()).collect()
        };
        let mut rows = frame.rows.columns().to_vec();
        rows.push(Arc::new(frame.numbers.clone()));
        let mut keys = columns(&self.verb.on);
        if self.eager {
            let (fresh, unknown) = self.choice.first(&keys)?;
            outcome.filtered += (frame.len() - fresh.len() - unknown.len()) as u64;
            if !fresh.is_empty() {
                give(if fresh.len() == frame.len() {
                    frame.clone()
                } else {
                    frame.take(&UInt32Array::from(fresh))?
                })?;
            }
            if unknown.is_empty() {
                return Ok(());
            }
            let unknown = UInt32Array::from(unknown);
            (rows, keys) = (taken(&rows, &unknown)?, taken(&keys, &unknown)?);
        }
        let count = rows.first().map_or(0, Array::len);
        keys.extend(columns(&self.verb.order_by));
        keys.push(Arc::new(sequence(self.rows, count)));
        self.rows += count as u64;
        self.waiting.push(rows)?;
        self.choice.absorb(&keys)
    }

    pub(super) fn finish(self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let Self { schema, choice, waiting, rows, .. } = self;
        if rows == 0 {
            return Ok(());
        }
        let rows = usize::try_from(rows).map_err(|error| broken(&error))?;
        let mut chosen = BooleanBufferBuilder::new(rows);
        chosen.append_n(rows, false);
        choice.finish(&mut chosen)?;
        let chosen = chosen.finish();
        outcome.filtered += (rows - chosen.count_set_bits()) as u64;
        let mut at = 0;
        for chunk in waiting.finish()? {
            let mut columns = chunk?;
            let numbers = columns.pop().ok_or_else(|| Error::internal("waiting rows lost their numbers"))?;
            let frame = Frame::new(schema.clone(), columns, numbers.as_primitive::<Int64Type>().clone())?;
            let mask = BooleanArray::new(chosen.slice(at, frame.len()), None);
            at += frame.len();
            let kept = frame.filter(&mask)?;
            if !kept.is_empty() {
                give(kept)?;
            }
        }
        Ok(())
    }
}

/// The types of the key and of what orders rows of one key.
#[derive(Debug)]
struct Kind {
    on: Vec<DataType>,
    by: Vec<DataType>,
    keep: Keep,
}

/// Which row of each key stays.
struct Choice {
    kind: Arc<Kind>,
    budget: Budget,
    level: u32,
    encoder: Encoder,
    order: Option<RowConverter>,
    table: Table,
    /// A key's best row so far, and the bytes that order it.
    best: Vec<(Box<[u8]>, i64)>,
    held: usize,
    parts: Option<Parts>,
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Choice among {:?}", self.table)
    }
}

impl Choice {
    fn new(kind: Arc<Kind>, budget: Budget, level: u32) -> Result<Self> {
        let options = SortOptions { descending: false, nulls_first: false };
        let fields = kind.by.iter().map(|data_type| SortField::new_with_options(data_type.clone(), options));
        let order = (!kind.by.is_empty()).then(|| RowConverter::new(fields.collect())).transpose();
        Ok(Self {
            encoder: Encoder::new(&kind.on)?,
            order: order.map_err(|error| broken(&error))?,
            kind,
            budget,
            level,
            table: Table::default(),
            best: Vec::new(),
            held: 0,
            parts: None,
        })
    }

    fn grown(&mut self) -> Result<()> {
        let best = self.best.capacity() * size_of::<(Box<[u8]>, i64)>();
        if self.parts.is_none()
            && self.table.size() + best + self.held > self.budget.bytes() / 2
            && self.level < DEEPEST
        {
            self.parts = Some(Parts::new(&self.budget, self.level)?);
        }
        Ok(())
    }

    /// The first rows of new keys, and the rows of keys for which there is no room.
    fn first(&mut self, keys: &[ArrayRef]) -> Result<(Vec<u32>, Vec<u32>)> {
        let rows = keys.first().map_or(0, Array::len);
        let keys = self.encoder.encode(keys)?;
        let (mut fresh, mut unknown) = (Vec::new(), Vec::new());
        for (row, position) in (0..rows).zip(0_u32..) {
            if self.parts.is_none() {
                if self.table.intern(&keys, row)?.1 {
                    fresh.push(position);
                }
            } else if self.table.find(&keys, row).is_none() {
                unknown.push(position);
            }
        }
        self.grown()?;
        Ok((fresh, unknown))
    }

    /// Rows as key, order, sequence.
    fn absorb(&mut self, chunk: &[ArrayRef]) -> Result<()> {
        let (on, rest) = chunk.split_at(self.kind.on.len());
        let (by, sequence) = rest.split_at(self.kind.by.len());
        let sequence = sequence.first().ok_or_else(|| Error::internal("rows lost their sequence"))?;
        let sequence = sequence.as_primitive::<Int64Type>();
        let keys = self.encoder.encode(on)?;
        let by: Vec<ArrayRef> = by.iter().map(positive_zero).collect();
        let order = self.order.as_ref().map(|order| order.convert_columns(&by)).transpose();
        let order = order.map_err(|error| broken(&error))?;
        let mut unknown = Vec::new();
        for ((row, position), number) in (0..sequence.len()).zip(0_u32..).zip(sequence.values()) {
            let bytes = order.as_ref().map(|order| order.row(row));
            let bytes = bytes.as_ref().map(arrow::row::Row::data).unwrap_or_default();
            let id = if self.parts.is_none() {
                let (id, new) = self.table.intern(&keys, row)?;
                if new {
                    self.held += bytes.len();
                    self.best.push((bytes.into(), *number));
                    continue;
                }
                id
            } else if let Some(id) = self.table.find(&keys, row) {
                id
            } else {
                unknown.push(position);
                continue;
            };
            let Some(best) = self.best.get_mut(id as usize) else { continue };
            let better = match self.kind.keep {
                Keep::First => bytes < best.0.as_ref(),
                Keep::Last => bytes >= best.0.as_ref(),
            };
            if better {
                self.held = self.held + bytes.len() - best.0.len();
                if best.0.as_ref() != bytes {
                    best.0 = bytes.into();
                }
                best.1 = *number;
            }
        }
        if let Some(parts) = &mut self.parts {
            parts.push(chunk, &keys, unknown.into_iter())?;
        }
        self.grown()
    }

    fn finish(self, chosen: &mut BooleanBufferBuilder) -> Result<()> {
        let Self { kind, budget, level, table, best, parts, .. } = self;
        drop(table);
        for (_, number) in best {
            chosen.set_bit(usize::try_from(number).map_err(|error| broken(&error))?, true);
        }
        let Some(parts) = parts else { return Ok(()) };
        for part in parts.finish()? {
            let mut inner = Self::new(kind.clone(), budget.clone(), level + 1)?;
            for chunk in part.read()? {
                inner.absorb(&chunk?)?;
            }
            inner.finish(chosen)?;
        }
        Ok(())
    }
}
