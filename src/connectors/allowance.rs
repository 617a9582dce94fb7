//! How many rows a target may refuse.

use crate::connectors::RefusedRow;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One refused row more than this, and the load ends with nothing visible. Clones count together.
#[derive(Debug, Clone)]
pub struct Allowance {
    most: u64,
    /// Rows that gave way to others of their key count, too.
    every: bool,
    met: Arc<AtomicU64>,
}

impl Allowance {
    pub fn of(most: u64) -> Self {
        Self { most, every: false, met: Arc::default() }
    }

    /// Every row must be loaded.
    pub fn none() -> Self {
        Self { every: true, ..Self::of(0) }
    }

    /// How many rows were refused, when those were too many.
    pub fn exceeded(&self) -> Option<u64> {
        Some(self.met.load(Ordering::Relaxed)).filter(|met| *met > self.most)
    }

    /// An error when these, all that the load has met so far, are too many.
    pub(super) fn allows(&self, refused: &[RefusedRow]) -> Result<()> {
        let met = refused.iter().filter(|row| self.every || !row.superseded).count();
        self.met.store(met as u64, Ordering::Relaxed);
        let Some((met, last)) = self.exceeded().zip(refused.last()) else { return Ok(()) };
        Err(Error::data(format!(
            "the target refuses {met} rows where {} may be refused, the last one because: {}",
            self.most, last.reason
        ))
        .hint("Look at the rows that break its rules, or allow more: nothing was loaded"))
    }
}
