//! Staged -> Verdict + quarantine: what may be loaded.
//!
//! Doors: [`run`], [`judge`] (the same on frames in memory).
//!
//! Deliberately absent: judging with hindsight. Each check looks at all rows that came in, also at those that another
//! check refuses: a second row of a key is refused even when its first row is refused for something else.
//!
//! Invariants: a row that breaks a check is in quarantine with the reason and not in the verdict's file; `load` takes a
//! [`Verdict`], so loading unvalidated data does not type-check.

mod calendar;
mod run;
mod verdict;

pub use run::{Sum, Tests, counted, first_failure};
pub use run::{judge, run};
pub use verdict::{CheckResult, Verdict, warnings};
