//! Call not too often: a token bucket.

use super::clock::Now;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Tokens that come back in a second; above zero.
    pub rate: f64,
    /// How many tokens the bucket holds at most.
    pub burst: f64,
}

/// The bucket. A new one is full.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    pub tokens: f64,
    pub at: Now,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    Granted,
    /// Nothing was taken. Ask again after this many seconds.
    Refused {
        retry_after: f64,
    },
}

impl Bucket {
    pub fn full(settings: &Settings, now: Now) -> Self {
        Self { tokens: settings.burst, at: now }
    }
}

/// Takes tokens, all or none. Asking for more than the bucket can ever hold is granted when the bucket is full, which
/// leaves a debt: the rate is kept and nobody waits for ever.
pub fn take(bucket: Bucket, settings: &Settings, tokens: f64, now: Now) -> (Bucket, Taken) {
    let gone = (now.0 - bucket.at.0).max(0.0);
    let filled = (bucket.tokens + gone * settings.rate).min(settings.burst);
    let needed = tokens.min(settings.burst);
    let at = Now(now.0.max(bucket.at.0));
    if filled >= needed {
        (Bucket { tokens: filled - tokens, at }, Taken::Granted)
    } else {
        (Bucket { tokens: filled, at }, Taken::Refused { retry_after: (needed - filled) / settings.rate })
    }
}
