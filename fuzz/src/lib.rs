//! What must hold of whatever comes from outside, said as code: a target takes bytes, reads them as the product would,
//! and panics where something that we promise does not hold.
//!
//! `make fuzz` looks for such bytes with libFuzzer (`main`); `tests/seeds.rs` replays the ones that are kept in `seeds`,
//! which are examples to start from and all that was ever found.

mod addresses;
mod answers;
mod batches;
mod choices;
mod copy;
mod csv;
mod errors;
mod expression;
mod json_lines;
mod manifests;
mod mysql;
mod postgres;
mod scratch;
mod spec;

pub type Target = fn(&[u8]);

pub const TARGETS: [(&str, Target); 10] = [
    ("addresses", addresses::run),
    ("answers", answers::run),
    ("copy", copy::run),
    ("csv", csv::run),
    ("expression", expression::run),
    ("json_lines", json_lines::run),
    ("manifests", manifests::run),
    ("mysql", mysql::run),
    ("postgres", postgres::run),
    ("spec", spec::run),
];

/// A target by its name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
