//! Sort by parts: what the budget holds is put in order and written, and the sorted files are merged at the end.

use super::flow::Give;
use super::order::{self, Sort};
use super::rows::Outcome;
use crate::frame::Frame;
use crate::spill::{Budget, Chunk, Stored, merge, size};
use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_connect::BATCH_ROWS;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// A sort that rows flow into.
#[derive(Debug)]
pub(super) struct Sorting {
    verb: Sort,
    schema: Schema,
    budget: Budget,
    held: Vec<Frame>,
    bytes: usize,
    /// What is held, sorted and cut, needs no file.
    rows: u64,
    files: Vec<Stored>,
}

impl Sorting {
    pub(super) fn new(verb: &Sort, schema: &Schema, budget: &Budget) -> Self {
        let (verb, schema, budget) = (verb.clone(), schema.clone(), budget.clone());
        Self { verb, schema, budget, held: Vec::new(), bytes: 0, rows: 0, files: Vec::new() }
    }

    pub(super) fn push(&mut self, frame: Frame) -> Result<()> {
        self.rows += frame.len() as u64;
        self.bytes += size(frame.rows.columns()) + frame.len() * size_of::<i64>();
        self.held.push(frame);
        // Putting rows in order needs them and their keys once more.
        if self.bytes <= self.budget.bytes() / 3 {
            return Ok(());
        }
        let (whole, order) = self.ordered()?;
        if order.len() < whole.len() / 2 {
            // Only the first rows are wanted.
            let best = whole.take(&UInt32Array::from(order))?;
            self.bytes = size(best.rows.columns()) + best.len() * size_of::<i64>();
            self.held.push(best);
            if self.bytes <= self.budget.bytes() / 6 {
                return Ok(());
            }
            return self.spill();
        }
        self.write(&whole, &order)
    }

    fn spill(&mut self) -> Result<()> {
        let (whole, order) = self.ordered()?;
        self.write(&whole, &order)
    }

    fn write(&mut self, whole: &Frame, order: &[u32]) -> Result<()> {
        let mut file = self.budget.file()?;
        for rows in order.chunks(BATCH_ROWS / 4) {
            file.write(&chunk(&whole.take(&UInt32Array::from(rows.to_vec()))?))?;
        }
        self.files.push(file.finish()?);
        Ok(())
    }

    /// Takes what is held, and the positions of its rows in order, as many as are wanted.
    fn ordered(&mut self) -> Result<(Frame, Vec<u32>)> {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        let whole = Frame::concat(&self.schema, &held)?;
        drop(held);
        let order = self.verb.order(&whole)?;
        Ok((whole, order))
    }

    pub(super) fn finish(mut self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let wanted = self.verb.limit().map_or(self.rows, |limit| limit.min(self.rows));
        outcome.filtered += self.rows - wanted;
        if self.files.is_empty() {
            let (whole, order) = self.ordered()?;
            for rows in order.chunks(BATCH_ROWS) {
                give(whole.take(&UInt32Array::from(rows.to_vec()))?)?;
            }
            return Ok(());
        }
        if !self.held.is_empty() {
            self.spill()?;
        }
        let Self { verb, schema, budget, files, .. } = self;
        let keyed = |columns: &[ArrayRef]| order::encoded(&frame(&schema, columns.to_vec())?, verb.keys());
        let mut left = usize::try_from(wanted).unwrap_or(usize::MAX);
        merge::merge(files, &keyed, &budget, &mut |columns| {
            let frame = frame(&schema, columns)?;
            let frame = frame.slice(0, frame.len().min(left));
            left -= frame.len();
            if frame.is_empty() { Ok(()) } else { give(frame) }
        })
    }
}

fn chunk(frame: &Frame) -> Chunk {
    let mut columns = frame.rows.columns().to_vec();
    columns.push(Arc::new(frame.numbers.clone()));
    columns
}

fn frame(schema: &Schema, mut columns: Chunk) -> Result<Frame> {
    let numbers = columns.pop().ok_or_else(|| Error::internal("sorted rows lost their numbers"))?;
    Frame::new(schema.clone(), columns, numbers.as_primitive::<Int64Type>().clone())
}
