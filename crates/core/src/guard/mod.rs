//! What a run may not do in silence: pure judgments, made before anything becomes visible.
//!
//! Doors: [`Limits`] (what the spec says, with the defaults), `judge` (what was seen against a limit: a [`Finding`]),
//! [`Allow`] (what this run lets pass, and what it has let pass), [`Notes`] (what people should know of a run that is well).
//!
//! Deliberately absent: looking. Whoever judges hands in what was counted, and what the target holds.
//!
//! Invariants: a finding is an error unless this run was told to let its guard pass; what was let pass is in the record.

mod allow;
mod judge;
mod limits;
mod notes;

pub use allow::{Allow, Passed};
pub use judge::{Existing, Finding, Incoming, RowOwner, adopted, emptied, least, quarantined, rows};
pub use limits::{Guard, Limits};
pub use notes::{Note, Notes};
