//! What will be done: a pure function from what was asked, found, measured and proposed to a plan file.
//!
//! Doors: `build` (pure), `file` (canonical bytes, content address, reading back, refusing what no longer fits),
//! `diff`, `explain`, `sentences` (steps and checks as people say them), `waiting` (what a person must decide, and has),
//! `answers` (which decisions of the plan before still hold), `order` (which outputs wait for others).
//!
//! Deliberately absent: I/O, clocks, randomness, models. The same input gives the same bytes on every run.
//!
//! Invariants: a plan holds no secret; its id is the hash of its content; every proposal that reached it is in
//! `decisions`, accepted or refused, with the reason.

pub mod answers;
pub mod build;
mod case;
pub mod decide;
pub mod diff;
mod document;
pub mod explain;
pub mod file;
mod foreign_keys;
pub mod graph;
mod indexed;
mod inputs;
mod kept;
pub mod order;
mod output;
pub mod own_text;
pub mod parsed;
pub mod passthrough;
pub mod plan_id;
mod proposed;
pub mod sentences;
mod table;
pub mod target_casts;
mod verbatim;
pub mod waiting;
pub mod work;

pub use document::{Input, Plan, Refused, SCHEMA};
pub use inputs::PlanInputs;
pub use output::{Output, PlannedCheck, PlannedDuplicates, PlannedStep, PlannedStrategy, plain};
