//! What a source and a target promise, and what the kinds of them share.
//!
//! The doors themselves are in `windvane-connectors`, which opens every kind; `files`, `sql` and `http` are the kinds.
//!
//! Deliberately absent: retries and breakers (callers wrap calls in `resilience`), checks, SQL of the user's.
//!
//! Invariants: a read gives batches of exactly the asked schema and accounts for every row it met, as a value or as a
//! rejected row; a load is visible whole or not at all, and a second load with the same id changes nothing and returns
//! the first one's receipt; memory is bounded by a few batches.

pub mod account;
pub mod address;
pub mod again;
pub mod allowance;
mod batch;
pub mod beyond;
pub mod by_key;
mod closing;
pub mod column;
pub mod connector;
mod context;
mod dataset;
pub mod disk;
pub mod fits;
mod foreign;
pub mod gate;
pub mod gather;
mod gathered;
pub mod guests;
pub mod halving;
pub mod held;
pub mod inside;
pub mod ledger;
mod load;
pub mod merge;
pub mod naming;
pub mod narrow;
pub mod objects;
pub mod parameters;
pub mod produce;
pub mod promise;
pub mod pushed;
mod read;
pub mod read_back;
mod receipt;
pub mod refusal;
mod rows;
mod secrets;
pub mod shelf;
pub mod shown;
pub mod tell;
pub mod threaded;
pub mod turns;
pub mod within;

pub use batch::{BATCH_ROWS, Batch, BatchStream, Rejected, RowStream};
pub use context::Context;
pub use dataset::{Found, FoundKind, TextFormat};
pub use foreign::{ForeignKey, Link};
pub use load::{CONTENT_ROWS, Duplicates, LoadRequest};
pub use promise::{Expected, Promise, Promised};
pub use read::{Part, ReadRequest, Skipped};
pub use receipt::{Changes, Loaded, RefusedRow};
pub use rows::Rows;
pub use secrets::Secrets;
pub use within::{Limit, Within};
