//! Expressions and verbs on rows: the crate that names sqlparser.
//!
//! Doors: [`plan_schema`] (what steps make of a schema, without any data), [`step::Program`] (steps, checked once, run
//! on many frames), [`step::pipe::Pipe`] (the same for rows that flow; [`spill::Budget`] says how much it may hold),
//! [`check::Test`] (the same for a check), [`expression::Expression`] (one SQL scalar expression), [`lint`] (what is wrong with a spec before anything is connected), [`code`] (steps as polars code, to read), [`pushdown`] (steps as PostgreSQL's SQL), [`guest`] (user
//! functions).
//!
//! Expressions are computed here on Arrow arrays and not by polars: polars wraps integers that overflow, rounds a
//! decimal product to the scale of its operands and cannot say which row failed. Keys, groups and joins are ours too
//! (`key`, `alike`), because they must stay exact and in order when they outgrow the memory; no verb needs polars.
//!
//! Deliberately absent: I/O other than spilling, clocks, the environment, row numbers' names (a [`frame::Frame`] carries
//! the numbers beside the rows).
//!
//! Invariants: what is wrong with a step is found before anything runs; nothing is silently wrapped, rounded away or
//! turned to null: the row is rejected with the reason; rows in + added = rows out + filtered + rejected after every step.

pub mod alike;
pub mod check;
pub mod convert;
pub mod expression;
pub mod code;
pub mod frame;
pub mod guest;
pub mod lint;
pub mod key;
pub mod pushdown;
mod seen;
pub mod spill;
pub mod step;

use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;

/// The columns after these steps, or the first mistake with the step's index, the column and the way out.
pub fn plan_schema(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Schema> {
    step::Program::new(steps, input, lookup).map(|program| program.schema().clone())
}

/// Whether the check fits these columns; `lookup` knows the other inputs.
pub fn check_schema(check: &Check, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<()> {
    check::Test::new(check, schema, lookup).map(|_| ())
}

/// The error for a column that is not there, with the nearest one that is.
pub fn no_column(name: &str, schema: &Schema) -> Error {
    let error = Error::spec(format!("column '{name}' does not exist"));
    let listed: Vec<&str> = schema.names().take(30).collect();
    match nearest(name, schema.names()) {
        Some(near) => error.hint(format!("Did you mean '{near}'? Columns at this point: {}", listed.join(", "))),
        None => error.hint(format!("Columns at this point: {}", listed.join(", "))),
    }
}

/// The known word that looks most like a misspelt one.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .map(|word| (strsim::jaro_winkler(&name, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

/// An Arrow failure that correct code cannot meet.
pub fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::internal("the engine could not compute a column").caused_by(error)
}
