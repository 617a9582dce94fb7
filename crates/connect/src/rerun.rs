//! A load that comes a second time: whether the first one stands, or the work is done again.
//!
//! A retry (the same attempt) finds the first one done. A run that had ended and is run again (a later attempt) means "do
//! this again": replace, merge and history do. Appended rows would be there twice, so an append is only done again where
//! its rows can be told from all others (`LoadMarker`; of files, by their parts) and go first, in the same transaction. What the
//! ledger says is believed after a look: a table that was dropped or emptied by hand is loaded again.

mod action;
mod facts;
pub mod overlap;
mod own_rows;
pub mod owner;
mod refusals;
pub mod replays;
mod table_rows;

pub use crate::load::taken_name;
pub use action::{EarlierLoad, LoadAction, Undo, swapped};
pub use facts::{Counts, Facts, LedgerLoad, LoadEffect, NewestLoad, Noted, Remembered, Replays, Window};
pub use refusals::others_went;
pub use table_rows::{OwnRows, TableRows};
