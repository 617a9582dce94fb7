//! What holds between the columns of one dataset: unique column combinations, functional dependencies, candidate keys.
//!
//! Deliberately absent: reading (profile gives the values' hashes), other datasets (relations).
//!
//! Doors: [`Encoder`] (hashes in, small numbers out), [`search`] (what determines what), [`rank`] (what a person would declare).
//!
//! Invariants: what is found holds in every row that was held and is minimal; `finished` and `complete` say whether
//! anything may be missing; memory and work are bounded, and no clock decides what is found.

mod encode;
mod rank;
mod search;
mod values;
pub mod words;

pub(crate) use encode::CELLS;
pub use encode::{Encoder, Encoding, Table};
pub use rank::{KeyColumn, RankedKey, promised, rank};
pub use search::{Found, search};
pub use values::{Held, Values};
