//! How long a run waits for its store: a few seconds in all. At its first failure the run gives it up, says so once, and
//! goes on without it: what only remembers must not hold up the rows.

use super::place::Place;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock::Stopwatch;

/// What a run may lose to its store.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// A little less than that, so that the store's own words are heard.
pub(super) const BUSY: Duration = Duration::from_secs(4);
/// An answer within this costs none of it: a long run asks often.
const PROMPT: f64 = 1.0;

#[derive(Debug)]
pub(super) struct Outage {
    left: Mutex<Duration>,
    why: OnceLock<String>,
}

impl Outage {
    pub(super) fn new() -> Self {
        Self { left: Mutex::new(MAX_WAIT), why: OnceLock::new() }
    }

    pub(super) fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Does the work, if the store has not been given up, for no longer than is left.
    pub(super) async fn bound<T>(&self, place: &Place, work: impl Future<Output = Result<T>>) -> Result<T> {
        if let Some(why) = self.why() {
            return Err(given_up(why));
        }
        let left = *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = Stopwatch::start();
        let silent = || {
            let message =
                format!("the store {place} did not answer within the {} s that a run waits", MAX_WAIT.as_secs());
            Error::new(Kind::Timeout, message)
        };
        let done = tokio::time::timeout(left, work).await.unwrap_or_else(|_| Err(silent()));
        let taken = watch.seconds();
        if taken > PROMPT {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            *left = left.saturating_sub(Duration::try_from_secs_f64(taken).unwrap_or(MAX_WAIT));
        }
        match done {
            Err(error) if error.retryable() || error.kind() == Kind::Auth => Err(self.give_up(&error)),
            other => other,
        }
    }

    /// It cannot be opened, for whatever reason. The tables of a newer version are no reason to go on without it.
    pub(super) fn unopened(&self, error: Error) -> Error {
        match error.kind() {
            Kind::Unavailable | Kind::Timeout | Kind::Throttled | Kind::Auth | Kind::Missing => self.give_up(&error),
            Kind::Spec
            | Kind::Data
            | Kind::Unsupported
            | Kind::Conflict
            | Kind::Budget
            | Kind::Cancelled
            | Kind::Internal => error,
        }
    }

    /// Whoever ends the call says it: in the record of the run, or to the log.
    fn give_up(&self, error: &Error) -> Error {
        given_up(self.why.get_or_init(|| error.to_string()))
    }
}

fn given_up(why: &str) -> Error {
    Error::new(Kind::Unavailable, format!("the store is given up for this run: {why}"))
        .hint("Is it running, writable, unlocked, and its disk not full? WINDVANE_STORE names another one")
}
