//! Steps: checked once against the columns they meet ([`Program`]), then run on frames ([`Runner`]).
//!
//! Most steps need one row at a time, so a frame may be any part of the data. Deduplicate, aggregate, sort, window and a
//! fill from other rows need all rows: in one frame for a [`Runner`], one after the other for a [`pipe::Pipe`], which
//! spills what the budget does not hold (all but window and fill, which it holds). Pivot and sql are done by other verbs
//! ([`expand`], [`select`]).

mod aggregate;
mod columns;
mod compute;
mod deduplicate;
mod expand;
mod fields;
mod flow;
mod fresh_names;
mod join;
pub mod parallel;
mod needed;
pub mod pipe;
mod plain;
mod program;
mod json;
pub mod order;
mod python;
mod reshape;
mod rows;
mod runner;
pub mod select;
mod sort;
mod text;
mod lineage;
mod uses;
mod verb;
mod window;

pub use flow::{Frames, Give, Others};
pub use lineage::{Lineage, Origin, lineage};
pub use needed::{Needed, needed, without};
pub use plain::{Plain, plain};
pub use program::{Program, RowDependency, row_dependency};
pub use rows::Outcome;
pub use runner::Runner;
pub use select::reads;
pub use uses::{Use, Uses, uses};
