//! What keeps a failing outside from taking us along: pure state machines.
//!
//! Doors: `breaker` (stop calling what does not answer), `retry` (call again, later), `token_bucket` and `pace` (call not too
//! often), `timeouts` (wait not longer than this), `budget` (call not for more than this), `progress` (how far a call is,
//! and whether it is still wanted), `cleanup` (what is left to do when it is not), `clock` (the one place that knows what time it is).
//!
//! Deliberately absent: storage (`store::breaker` shares a breaker between processes), I/O other than a sleep, and any
//! opinion about which call deserves which policy.
//!
//! Invariants: every transition is a function of state, settings and the time it is given; only errors that another
//! attempt could cure trip a breaker or are tried again; randomness comes from a seed that the caller names.

pub mod breaker;
pub mod budget;
pub mod cleanup;
pub mod clock;
pub mod pace;
pub mod progress;
pub mod retry;
pub mod timeouts;
pub mod token_bucket;
