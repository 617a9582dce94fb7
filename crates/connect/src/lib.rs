//! What a source and a target promise, and what the kinds of them share.
//!
//! The doors themselves are in `windvane-connectors`, which opens every kind; `files`, `sql` and `http` are the kinds.
//!
//! Deliberately absent: retries and breakers (callers wrap calls in `resilience`), checks, SQL of the user's.
//!
//! Invariants: a read gives batches of exactly the asked schema and accounts for every row it met, as a value or as a
//! rejected row; a load is visible whole or not at all, and a second load with the same id changes nothing and returns
//! the first one's receipt; memory is bounded by a few batches.

pub mod address;
mod batch;
pub mod batch_builder;
mod before_commit;
pub mod bisect;
pub mod blocking;
pub mod by_key;
pub mod column;
pub mod compatibility;
pub mod connector;
mod context;
mod dataset;
pub mod disk;
pub mod error_budget;
pub mod expectation;
mod foreign_key;
pub mod ledger;
mod load;
pub mod load_marker;
mod local_paths;
pub mod merge;
pub mod naming;
pub mod narrow;
pub mod objects;
pub mod ordered_merge;
pub mod parameters;
pub mod produce;
pub mod pushdown;
pub mod python_callbacks;
pub mod range_filter;
pub mod rate_limiter;
mod raw_batch;
mod read;
pub mod read_back;
mod receipt;
pub mod refusal;
pub mod remote_folder;
pub mod rerun;
pub mod row_accounting;
mod rows;
pub mod sampled_columns;
mod secrets;
pub mod target_state;
pub mod unrepresentable;

pub use batch::{BATCH_ROWS, Batch, BatchStream, Rejected, RowStream};
pub use context::Context;
pub use dataset::{Found, FoundKind, TextFormat};
pub use expectation::{Expectation, Expected, ExpectedLoad};
pub use foreign_key::{ForeignKey, ManagedForeignKey};
pub use load::{CONTENT_ROWS, Duplicates, LoadRequest};
pub use local_paths::LocalPaths;
pub use range_filter::{RangeBound, RangeFilter};
pub use read::{Part, ReadRequest, Skipped};
pub use receipt::{Changes, Loaded, RefusedRow};
pub use rows::Rows;
pub use secrets::Secrets;
