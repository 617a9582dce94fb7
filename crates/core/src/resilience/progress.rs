//! How far long work is: counted where rows pass, read by whoever shows it. And whether it is still wanted: said by
//! whoever waits for it, asked where rows pass.

use super::clock::Stopwatch;
use crate::error::{Error, Kind, Result};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counters of one call; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    work: Mutex<Option<Work>>,
    read: AtomicU64,
    given: AtomicU64,
    stopped: AtomicBool,
}

#[derive(Debug, Clone)]
struct Work {
    stage: &'static str,
    dataset: String,
    total: Option<u64>,
    since: Stopwatch,
}

/// What there is to see at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    pub stage: &'static str,
    pub dataset: String,
    /// Rows taken from the source or the stage before.
    pub rows: u64,
    /// Rows handed on to the target or the stage after.
    pub rows_out: u64,
    /// How many rows are expected, as far as the plan knows.
    pub total: Option<u64>,
    pub seconds: f64,
    pub rows_per_second: f64,
    /// Seconds that are left at this rate.
    pub remaining: Option<f64>,
}

impl Progress {
    /// A new piece of work: the counters start again.
    pub fn begin(&self, stage: &'static str, dataset: &str, total: Option<u64>) {
        self.0.read.store(0, Ordering::Relaxed);
        self.0.given.store(0, Ordering::Relaxed);
        let work = Work { stage, dataset: dataset.to_owned(), total, since: Stopwatch::start() };
        *self.0.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    pub fn read(&self, rows: usize) {
        self.0.read.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub fn given(&self, rows: usize) {
        self.0.given.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Nobody waits for the work any more.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// An error when nobody waits for the work any more. What computes without awaiting anything cannot be dropped: it
    /// asks for each frame.
    pub fn wanted(&self) -> Result<()> {
        if self.0.stopped.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Cancelled, "the call was stopped").hint("Run it again: nothing is half done"));
        }
        Ok(())
    }

    /// Nothing before the first piece of work.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let work = self.0.work.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (rows, rows_out) = (self.0.read.load(Ordering::Relaxed), self.0.given.load(Ordering::Relaxed));
        let seconds = work.since.seconds();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 15 digits")]
        let rate = |rows: u64| rows as f64 / seconds.max(1e-9);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let remaining = work
            .total
            .filter(|total| rows > 0 && *total >= rows)
            .map(|total| (total - rows) as f64 / rate(rows).max(1e-9));
        Some(Snapshot {
            stage: work.stage,
            dataset: work.dataset,
            rows,
            rows_out,
            total: work.total,
            seconds,
            rows_per_second: rate(rows),
            remaining,
        })
    }
}
