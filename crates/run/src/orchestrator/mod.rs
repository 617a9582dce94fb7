//! Conducts: the agents while planning, the stages while running.
//!
//! Doors: `planning` (spec -> plan), `stage` (one stage of one output), `fused` (all stages of an output as one stream),
//! `pushdown` (what was extracted, with the steps done at the target), `whole` (a run in one process), `replay` (mended rows of a
//! quarantine), `remade` (what is gone
//! of a run that is over and of which one stage is done again), `checking` (a spec against what is there, nothing written).
//!
//! Deliberately absent: opinions (agents), acceptance (plan), bytes (connectors). Everything here is order, timing,
//! breakers and bookkeeping.
//!
//! Invariants: every call to the outside goes through the breaker of its connection; every stage leaves an event in the
//! store; without a store, or with one that is down, data still moves.

pub mod planning_request;
mod quarantine_table;
mod at_target;
mod channel;
pub mod checking;
mod load_attempt;
mod dry_run;
mod events;
mod flow;
mod flowed;
pub mod fused;
mod held;
mod overlap;
pub mod pieces;
mod planned;
pub mod planning;
pub mod pushdown;
mod reading;
pub mod recording;
pub mod remade;
mod remembered;
pub mod replay;
mod replayed;
pub mod stage;
mod stages;
pub mod whole;
mod window;
mod run_context;

pub use run_context::{Interval, RunContext};
