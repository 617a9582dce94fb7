//! Turns at an outside that wants no more than so many calls: kept in the store by all processes together; without a
//! store, or with one that is down, by this process alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::resilience::pace::{self, Pace};
use windvane_store::Store;

/// Nobody waits longer for a turn; the scheduler may come again.
const MAX_WAIT: f64 = 300.0;

/// Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct RateLimiter {
    store: Option<Store>,
    own: Arc<Mutex<BTreeMap<String, Pace>>>,
}

impl RateLimiter {
    pub fn new(store: Option<Store>) -> Self {
        Self { store, own: Arc::default() }
    }

    /// Waits for the next turn at `name`; turns are `interval` seconds apart.
    pub async fn acquire(&self, name: &str, interval: f64) -> Result<()> {
        let wait = match &self.store {
            Some(store) => match store.take_pace(name, interval, MAX_WAIT).await {
                Err(error) if error.retryable() => {
                    if store.given_up().is_none() {
                        tracing::warn!(name, "going on without the shared pace: {error}");
                    }
                    self.take(name, interval)
                }
                other => other?,
            },
            None => self.take(name, interval),
        };
        if wait > MAX_WAIT {
            return Err(Error::new(Kind::Throttled, format!("the next call is allowed in {wait:.0} s"))
                .hint("The API asked for this wait, or its `rate` is used up by other runs; run again later")
                .retry_after(wait));
        }
        if let Some(wait) = Duration::try_from_secs_f64(wait).ok().filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Nobody gets a turn at `name` for so many seconds.
    pub async fn pause(&self, name: &str, seconds: f64) {
        if let Some(store) = &self.store
            && let Err(error) = store.hold_pace(name, seconds).await
            && store.given_up().is_none()
        {
            tracing::warn!(name, "other processes do not learn of a wait: {error}");
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let known = own.entry(name.to_owned()).or_default();
        *known = pace::hold(*known, seconds, clock::now());
    }

    fn take(&self, name: &str, interval: f64) -> f64 {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let known = own.entry(name.to_owned()).or_default();
        let (next, wait) = pace::take(*known, interval, MAX_WAIT, clock::now());
        *known = next;
        wait
    }
}
