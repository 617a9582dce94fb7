//! What the data looks like: one streaming pass over batches becomes a profile.
//!
//! Deliberately absent: opinions about what to do (agents), HTML (Python draws from the same document).
//!
//! Doors: [`Profiler`] (batches in, figures out) and [`run`] (reads a dataset through its connector).
//!
//! Invariants: every figure reflects rows that were read; `exact` and `distinct_exact` say whether it is exact; memory
//! does not grow with the rows; the same rows in the same order give the same profile (samples are drawn by a fixed
//! sequence, so no sketch here tosses coins).

pub(crate) mod cells;
pub mod column;
pub mod dates;
mod disguise;
mod distinct;
mod feature;
mod figures;
mod keys;
pub mod mask;
mod numbers;
mod run;
pub mod semantic;
mod shapes;
mod suspects;

pub use figures::{
    CandidateKey, ColumnProfile, Dependency, ForeignKeyGuess, Histogram, Lengths, NumberFormat, PatternCount, Profile,
    Suspect, TopValue,
};
pub(crate) use keys::{bare, candidates, promised, ranked};
pub use run::{Profiler, run, run_with_dependencies};
pub(crate) use run::{open, schema};
