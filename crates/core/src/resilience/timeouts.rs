//! How long the outside may keep us waiting: the same for every connector.
//!
//! A server may take [`connect`] to let us in, and may then say nothing for [`idle`]; after that it is asked whether it
//! is still at work, or taken for dead. Both are for networks as they mostly are; `WINDVANE_NET_TIMEOUT` (seconds) sets
//! the silence for others, and shortens the first where it is less.

use std::sync::OnceLock;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_mins(1);
const VARIABLE: &str = "WINDVANE_NET_TIMEOUT";

/// Until a server has let us in.
pub fn connect() -> Duration {
    CONNECT.min(idle())
}

/// Without a byte from the other end, or without one taken by it.
pub fn idle() -> Duration {
    static SAID: OnceLock<Duration> = OnceLock::new();
    *SAID.get_or_init(|| said().unwrap_or(IDLE))
}

/// Nothing when it is not set, or no number of seconds above zero.
fn said() -> Option<Duration> {
    #[expect(clippy::disallowed_methods, reason = "a property of the machine's network, the same for every call")]
    let text = std::env::var(VARIABLE).ok()?;
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if seconds.is_none() {
        tracing::warn!("{VARIABLE} is not a number of seconds above zero: it is ignored");
    }
    seconds
}
