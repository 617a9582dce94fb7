//! Expressions and verbs on rows: the crate that names sqlparser.
//!
//! Doors: [`plan_schema`] (what steps make of a schema, without any data), [`step::Program`] (steps, checked once, run
//! on many frames), [`step::pipe::Pipe`] (the same for rows that flow; [`spill::Budget`] says how much it may hold),
//! [`check::Test`] (the same for a check), [`expression::Expression`] (one SQL scalar expression), [`lint`] (what is wrong with a spec before anything is connected), [`code`] (steps as polars code, to read), [`pushdown`] (steps as PostgreSQL's SQL), [`callbacks`] (user
//! functions), [`walk`] (a visitor to all of a parsed text).
//!
//! Expressions are computed here on Arrow arrays and not by polars: polars wraps integers that overflow, rounds a
//! decimal product to the scale of its operands and cannot say which row failed. Keys, groups and joins are ours too
//! (`key`, `grouping`), because they must stay exact and in order when they outgrow the memory; no verb needs polars.
//!
//! Deliberately absent: I/O other than spilling, clocks, the environment, row numbers' names (a [`frame::Frame`] carries
//! the numbers beside the rows).
//!
//! Invariants: what is wrong with a step is found before anything runs; nothing is silently wrapped, rounded away or
//! turned to null: the row is rejected with the reason; rows in + added = rows out + filtered + rejected after every step.

pub mod grouping;
pub mod check;
pub mod convert;
pub mod expression;
pub mod code;
mod errors;
pub mod frame;
pub mod callbacks;
pub mod lint;
pub mod key;
pub mod pushdown;
mod schema;
mod seen;
pub mod spill;
pub mod step;
pub mod walk;

pub use errors::{broken, nearest, no_column};
pub use schema::{check_schema, plan_schema};
