//! Call evenly: never more than so many calls in any stretch of time, and none before the outside wants one.
//!
//! The state is one moment: when the next call may be made. A caller takes that moment for itself and moves it on, so
//! that each of many callers waits exactly once and none is overtaken for ever.

use super::clock::Now;
use serde::{Deserialize, Serialize};

/// When the next call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    pub next: Now,
}

impl Default for Pace {
    fn default() -> Self {
        Self { next: Now(0.0) }
    }
}

/// Takes the next place, `interval` seconds before the one after it; says how many seconds away it is. A place that is
/// more than `max_wait` seconds away is not taken.
pub fn take(pace: Pace, interval: f64, max_wait: f64, now: Now) -> (Pace, f64) {
    let slot = pace.next.0.max(now.0);
    let wait = slot - now.0;
    let next = if wait > max_wait || interval <= 0.0 { pace.next.0 } else { slot + interval };
    (Pace { next: Now(next) }, wait)
}

/// No call before `seconds` from now.
pub fn hold(pace: Pace, seconds: f64, now: Now) -> Pace {
    Pace { next: Now(pace.next.0.max(now.0 + seconds)) }
}
