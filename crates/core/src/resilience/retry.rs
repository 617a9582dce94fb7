//! Call again, later: exponential backoff with full jitter.
//!
//! The delay before attempt n is drawn evenly from zero to the n-th step of the backoff, so that many clients that
//! failed together do not come back together. What the outside asks for (`retry_after`) is always waited for.

use super::clock::Stopwatch;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{future::Future, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How often it is tried at most, the first time included.
    pub attempts: u32,
    /// The first step of the backoff in seconds; each further one is twice as long.
    pub base: f64,
    /// No step is longer than this; `retry_after` may be.
    pub max_delay: f64,
    /// No attempt starts later than this many seconds after the first one.
    pub max_elapsed: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { attempts: 4, base: 0.5, max_delay: 30.0, max_elapsed: 300.0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Again { after: f64 },
    Stop { why: Why },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Another attempt cannot cure it.
    Terminal,
    Attempts,
    Elapsed,
}

/// What to do after a failure. `attempt` counts from 1; `elapsed` are the seconds since the first attempt began.
pub fn decide(policy: &Policy, seed: u64, attempt: u32, elapsed: f64, error: &Error) -> Decision {
    if !error.retryable() {
        return Decision::Stop { why: Why::Terminal };
    }
    if attempt >= policy.attempts {
        return Decision::Stop { why: Why::Attempts };
    }
    let after = delay(policy, seed, attempt).max(error.retry_after_seconds().unwrap_or(0.0));
    if elapsed + after > policy.max_elapsed {
        return Decision::Stop { why: Why::Elapsed };
    }
    Decision::Again { after }
}

/// Calls until it succeeds or [`decide`] says stop; gives the last error. The operation is told which attempt it is.
pub async fn run<T, F>(policy: &Policy, seed: u64, mut operation: impl FnMut(u32) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let watch = Stopwatch::start();
    let mut attempt = 1;
    loop {
        let error = match operation(attempt).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match decide(policy, seed, attempt, watch.seconds(), &error) {
            Decision::Again { after } => {
                tracing::debug!(attempt, after, "trying again after: {error}");
                tokio::time::sleep(Duration::try_from_secs_f64(after).unwrap_or_default()).await;
                attempt += 1;
            }
            Decision::Stop { why: Why::Terminal | Why::Attempts | Why::Elapsed } => return Err(error),
        }
    }
}

/// An even draw from `[0, step)`; the same seed and attempt give the same delay.
fn delay(policy: &Policy, seed: u64, attempt: u32) -> f64 {
    let doublings = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let step = (policy.base * 2f64.powi(doublings)).min(policy.max_delay);
    step * unit(seed ^ u64::from(attempt).rotate_left(32))
}

/// SplitMix64: a number in `[0, 1)` that depends on every bit of the seed.
fn unit(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // The upper 32 bits fit a float exactly.
    f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0
}
