//! What holds between datasets: foreign keys, declared and guessed, with how sure each is.
//!
//! Deliberately absent: what holds within a dataset (dependencies), drawing.
//!
//! Doors: [`run`] (reads the datasets of a connection), [`of_names`] (names and types alone).
//!
//! Invariants: what a source declares comes first and is never replaced by a guess; memory is bounded for all datasets together;
//! shares of values say whether they are exact.

mod answer;
mod composite;
mod guess;
mod inclusion;
mod naming;
mod run;
mod side;

pub use answer::{DatasetKeys, Inclusion, Relations};
pub use run::{of_names, run};
