//! The rows of a load.

use crate::batch::RowStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windvane_core::error::{Error, Kind, Result};

/// The rows of a load. Rows at rest can be read a second time, when the first way to load them did not work; rows that
/// stream cannot.
pub struct Rows {
    open: Box<dyn FnMut() -> Result<RowStream> + Send>,
    again: Arc<AtomicBool>,
}

impl Rows {
    /// Rows that can be read again.
    pub fn at_rest(open: impl FnMut() -> Result<RowStream> + Send + 'static) -> Self {
        Self { open: Box::new(open), again: Arc::default() }
    }

    /// Rows that flow once.
    pub fn flowing(rows: RowStream) -> Self {
        let mut rows = Some(rows);
        let again = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&again);
        Self {
            again,
            open: Box::new(move || {
                rows.take().ok_or_else(|| {
                    asked.store(true, Ordering::Relaxed);
                    Error::new(Kind::Conflict, "the target refuses rows, and they cannot be read a second time")
                        .hint("Let the dataset rest between the stages: strategy: staged")
                })
            }),
        }
    }

    /// The same rows, each time through something that looks at them.
    #[must_use]
    pub fn through(mut self, look: impl Fn(RowStream) -> RowStream + Send + 'static) -> Self {
        Self { open: Box::new(move || Ok(look((self.open)()?))), again: self.again }
    }

    /// Becomes true when flowing rows were asked for a second time.
    pub fn asked_again(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.again)
    }

    pub fn open(&mut self) -> Result<RowStream> {
        (self.open)()
    }
}
