//! SQL scalar expressions: text, checked against a schema, then computed on Arrow arrays.
//!
//! What they mean, where databases differ:
//! - integers: `+ - *` give int64, `%` too; out of range rejects the row. `integer / integer` is float64 (`7 / 2` is
//!   3.5); division by zero rejects the row.
//! - decimals: `+ -` keep the larger scale, `*` adds the scales (38 at most, otherwise the expression is refused), `/`
//!   gives the larger scale + 4, rounded half away from zero. A result of more than 38 digits rejects the row.
//! - a float beside anything makes a float; a result that is infinite rejects the row.
//! - logic is three-valued; `AND`, `OR`, `CASE` and `coalesce` go from left to right, and what they do not reach cannot
//!   reject a row: `b <> 0 AND a / b > 1` is safe.
//! - a text literal beside another type is read as that type (`day >= '2024-01-01'`), checked before anything runs.
//! - NaN equals itself and is greater than all other numbers, as in PostgreSQL.
//! - `CAST` follows `engine::convert`; a value that does not fit rejects the row, `TRY_CAST` makes it null.
//!
//! Doors: [`Expression::parse`], [`Expression::evaluate`], [`measure::Measure`] (aggregates).
//!
//! Invariants: no expression, however long or deep, overflows the stack; a failing row gets the first reason only.

pub mod accumulate;
mod aggregate;
mod aggregates;
mod arithmetic;
mod bind;
mod call;
mod chains;
mod checked;
mod column;
mod common;
mod compare;
mod evaluate;
mod failing;
mod function;
pub mod inspect;
pub mod measure;
mod node;
mod nodes;
pub mod polars;
pub mod postgres;
mod round;
mod signature;
mod syntax;
mod text;
pub mod time;
pub mod window;

pub use chains::few_operators;
pub use checked::{Evaluated, Expression};
pub(crate) use column::is_true;
pub(crate) use common::common_type;
pub(crate) use syntax::query as statement;
pub(crate) use syntax::written;

/// For `fuzz/`: an expression, read and written.
#[doc(hidden)]
pub fn rewritten(text: &str) -> windvane_core::error::Result<String> {
    syntax::parse(text).map(|expr| syntax::written(&expr))
}
