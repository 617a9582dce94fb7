//! Steps as a pipe: frames go in one after the other, and come out as soon as they can.
//!
//! Steps that need one row at a time pass each frame on at once. A step that needs all rows holds what reaches it and
//! gives its result when the pipe is finished.

use super::{Outcome, Program, Runner};
use crate::engine::frame::Frame;
use crate::error::Result;
use std::collections::BTreeMap;

/// Takes what leaves the pipe.
pub type Give<'a> = dyn FnMut(Frame) -> Result<()> + 'a;

/// A program that rows flow through once.
#[derive(Debug)]
pub struct Pipe {
    runner: Runner,
    /// The first step that needs all rows; the number of steps when none does.
    whole: usize,
    held: Vec<Frame>,
}

impl Pipe {
    /// `others` are the datasets that joins read, whole.
    pub fn new(program: Program, others: &BTreeMap<String, Frame>) -> Result<Self> {
        let whole = program.next_whole(0).unwrap_or(program.len());
        Ok(Self { runner: Runner::new(program, others)?, whole, held: Vec::new() })
    }

    /// The next rows. What leaves on the way is counted in `outcome`.
    pub fn push(&mut self, frame: Frame, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let frame = self.runner.run(0..self.whole, frame, outcome)?;
        if self.whole == self.runner.program().len() {
            return give(frame);
        }
        self.held.push(frame);
        Ok(())
    }

    /// There are no more rows: gives what was held.
    pub fn finish(self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let program = self.runner.program();
        if self.whole == program.len() {
            return Ok(());
        }
        let whole = Frame::concat(program.schema_after(self.whole), &self.held)?;
        drop(self.held);
        let whole = self.runner.run(self.whole..program.len(), whole, outcome)?;
        let size = crate::connectors::BATCH_ROWS;
        for offset in (0..whole.len()).step_by(size) {
            give(whole.slice(offset, size.min(whole.len() - offset)))?;
        }
        Ok(())
    }
}
