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
mod arithmetic;
mod bind;
mod call;
mod compare;
mod evaluate;
mod function;
pub mod inspect;
pub mod measure;
mod node;
pub mod polars;
pub mod postgres;
mod syntax;
mod text;
pub mod time;
pub mod window;

use crate::convert::{is_number, is_text};
use crate::frame::Frame;
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema};

/// The type in which a value of each of two types compares, if there is one.
pub(crate) fn common_type(left: DataType, right: DataType) -> Option<DataType> {
    bind::unify_two(left, right)
}

/// A regular expression with bounded memory.
pub(crate) fn pattern(text: &str) -> Result<regex::Regex> {
    text::compile(text)
}

/// One query, of bounded size and depth.
pub(crate) fn statement(text: &str) -> Result<sqlparser::ast::Query> {
    syntax::query(text)
}
pub(crate) use evaluate::is_true;

/// An expression that fits a schema.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    node: node::Node,
}

/// The values, and per failing row (its value is null) the first reason.
#[derive(Debug)]
pub struct Evaluated {
    pub values: ArrayRef,
    pub failures: BTreeMap<usize, String>,
}

impl Expression {
    /// Refuses what is not a scalar expression over these columns.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self> {
        let parsed = syntax::parse(text)?;
        let node = bind::Binder::new(schema, text).bind(&parsed)?;
        Ok(Self { text: text.to_owned(), node })
    }

    /// As `parse`, and the result must be true or false.
    pub fn condition(text: &str, schema: &Schema) -> Result<Self> {
        let mut expression = Self::parse(text, schema)?;
        expression.node = bind::as_condition(expression.node, text)?;
        Ok(expression)
    }

    /// As `parse`, for a column that keeps its type: numbers widen or are checked, the rest must be of that type.
    pub(crate) fn parse_as(text: &str, schema: &Schema, to: DataType) -> Result<Self> {
        let mut expression = Self::parse(text, schema)?;
        let from = expression.node.data_type;
        let fits = from == to
            || expression.node.is_loose()
            || (is_number(from) && is_number(to))
            || (is_text(from) && to == DataType::Text)
            || (from == DataType::Date && matches!(to, DataType::Timestamp | DataType::TimestampTz));
        if !fits {
            return Err(Error::spec(format!("{} gives {from} for a column of {to}", syntax::shown(text)))
                .hint(format!("Write CAST(... AS {to}), or make a new column with derive")));
        }
        expression.node = bind::coerce(expression.node, to)?;
        Ok(expression)
    }

    pub(crate) fn data_type(&self) -> DataType {
        self.node.data_type
    }

    pub(crate) fn nullable(&self) -> bool {
        self.node.nullable
    }

    /// The columns that it reads, by position.
    pub(crate) fn columns(&self, into: &mut BTreeSet<usize>) {
        self.node.columns(into);
    }

    /// The column that it gives as it is, or as what a cast makes of it.
    pub(crate) fn bare(&self) -> Option<(usize, Option<DataType>)> {
        if let node::Kind::Column(index) = self.node.kind {
            return Some((index, None));
        }
        let node::Kind::Convert { from, .. } = &self.node.kind else { return None };
        if let node::Kind::Column(index) = from.kind { Some((index, Some(self.node.data_type))) } else { None }
    }

    /// The column it makes.
    pub fn field(&self, name: &str) -> Field {
        Field { nullable: self.nullable(), ..Field::new(name, self.data_type()) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The frame must have the schema that the expression was parsed for.
    pub fn evaluate(&self, frame: &Frame) -> Result<Evaluated> {
        self.evaluate_where(frame, None)
    }

    /// Computed only where the mask is true; null elsewhere does not matter to the caller.
    pub(crate) fn evaluate_where(&self, frame: &Frame, active: Option<&BooleanArray>) -> Result<Evaluated> {
        let active = active.map(evaluate::is_true);
        let mut evaluation = evaluate::Evaluation::new(&frame.rows);
        let values = evaluation.node(&self.node, active.as_ref())?;
        Ok(Evaluated { values, failures: evaluation.failures() })
    }

    /// Where the condition is true, and not false or null.
    pub(crate) fn evaluate_condition(&self, frame: &Frame) -> Result<(BooleanArray, BTreeMap<usize, String>)> {
        let Evaluated { values, failures } = self.evaluate(frame)?;
        Ok((values.as_boolean().clone(), failures))
    }
}
