//! The one clock. State machines never read it: they are given a [`Now`].

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment: seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Now(pub f64);

impl Now {
    /// As documents and the store write it: RFC 3339 in UTC with microseconds, so that text sorts like time.
    pub fn rfc3339(self) -> String {
        let since = Duration::try_from_secs_f64(self.0.max(0.0)).unwrap_or_default();
        DateTime::<Utc>::from(UNIX_EPOCH + since.min(LAST)).to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

/// The end of the year 9999: what RFC 3339 can still write.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// What time it is.
pub fn now() -> Now {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    let now = SystemTime::now();
    Now(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

/// Measures how long something takes; not disturbed when somebody sets the clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
