//! How many rows a target may refuse, and how many must be left.

use crate::receipt::RefusedRow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use windvane_core::error::{Error, Result};

/// One refused row more than this, and the load ends with nothing visible. Clones count together.
#[derive(Debug, Clone)]
pub struct ErrorBudget {
    most: u64,
    /// Rows that gave way to others of their key count, too.
    every: bool,
    met: Arc<AtomicU64>,
    /// So many rows must be left to load.
    least: u64,
    left: Arc<AtomicU64>,
}

impl ErrorBudget {
    pub fn of(most: u64) -> Self {
        Self { most, every: false, met: Arc::default(), least: 0, left: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Every row must be loaded.
    pub fn none() -> Self {
        Self { every: true, ..Self::of(0) }
    }

    /// The same, of a load of which so many rows must be left when all others have given way.
    #[must_use]
    pub fn leaving(self, least: u64) -> Self {
        Self { least, ..self }
    }

    /// How many rows were left, when those were too few.
    pub fn short(&self) -> Option<u64> {
        Some(self.left.load(Ordering::Relaxed)).filter(|left| *left < self.least)
    }

    /// An error when the rows that a load is about to show are too few.
    pub fn leaves(&self, rows: u64) -> Result<()> {
        self.left.store(rows, Ordering::Relaxed);
        let Some(left) = self.short() else { return Ok(()) };
        Err(Error::data(format!("{left} rows are left to load where at least {} are wanted", self.least))
            .hint("Look at the rows that share a key, or that the target refuses: nothing was loaded"))
    }

    /// How many rows were refused, when those were too many.
    pub fn exceeded(&self) -> Option<u64> {
        Some(self.met.load(Ordering::Relaxed)).filter(|met| *met > self.most)
    }

    /// An error when these, all that the load has met so far, are too many.
    pub fn allows(&self, refused: &[RefusedRow]) -> Result<()> {
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
