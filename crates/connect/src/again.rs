//! A load that comes a second time: whether the first one stands, or the work is done again.
//!
//! A retry (the same attempt) finds the first one done. A run that had ended and is run again (a later attempt) means "do
//! this again": replace, merge and history do. Appended rows would be there twice, so an append is only done again where
//! its rows can be told from all others (`Tell`; of files, by their parts) and go first, in the same transaction. What the
//! ledger says is believed after a look: a table that was dropped or emptied by hand is loaded again.

mod course;
mod facts;
pub mod overlap;
pub mod owner;
mod refusals;
pub mod replays;
mod there;
mod told;

pub use crate::load::taken_name;
pub use course::{Course, Earlier, Undo, swapped};
pub use facts::{Counts, Facts, Known, Manner, Noted, Remembered, Replays, Seen, Window};
pub use refusals::others_went;
pub use there::{Own, There};
