//! The one type system: what a column is, whatever the database or file calls it.
//!
//! Doors: `arrow` (to and from Arrow), `sql` (to and from a database's words), `infer` (types of text), `name_match` (names), `codes` (digits that are no
//! number), `declared` (what a server says of a table beside its types), `widen` (types that hold what others hold), `diff` (what
//! changed between two schemas), `checksum` (order-independent content of batches), `native` (texts back into nested and wide
//! types, see [`Shape`]).
//!
//! Deliberately absent: I/O, drivers, frames.
//!
//! Invariants: a type prints and parses to itself; exact numerics stay exact; the diff of equal schemas is empty.

pub mod arrow;
pub mod checksum;
pub mod codes;
mod data_type;
pub mod declared;
pub mod diff;
mod digest;
pub mod epoch;
pub mod exact;
mod field;
pub mod infer;
pub mod json;
pub mod name_match;
pub mod native;
mod nested;
mod odd;
mod shape;
pub mod sql;
pub mod widen;

pub use data_type::DataType;
pub use digest::{digest, hex};
pub use field::{Field, Schema};
pub use shape::Shape;
