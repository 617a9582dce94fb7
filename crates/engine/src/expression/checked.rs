//! An expression that fits a schema.

use super::bind::Binder;
use super::column::is_true;
use super::evaluate::Evaluation;
use super::node::{Kind, Node};
use super::nodes::{as_condition, coerce};
use super::syntax;
use crate::convert::{is_number, is_text};
use crate::frame::Frame;
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema};

/// An expression that fits a schema.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(super) text: String,
    pub(super) node: Node,
}

/// The values, and per failing row (whose value means nothing) the first reason.
#[derive(Debug)]
pub struct Evaluated {
    pub values: ArrayRef,
    pub failures: BTreeMap<usize, String>,
}

impl Expression {
    /// Refuses what is not a scalar expression over these columns.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self> {
        let parsed = syntax::parse(text)?;
        let node = Binder::new(schema, text).bind(&parsed)?;
        Ok(Self { text: text.to_owned(), node })
    }

    /// As `parse`, and the result must be true or false.
    pub fn condition(text: &str, schema: &Schema) -> Result<Self> {
        let mut expression = Self::parse(text, schema)?;
        expression.node = as_condition(expression.node, text)?;
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
        expression.node = coerce(expression.node, to)?;
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
        if let Kind::Column(index) = self.node.kind {
            return Some((index, None));
        }
        let Kind::Convert { from, .. } = &self.node.kind else { return None };
        if let Kind::Column(index) = from.kind { Some((index, Some(self.node.data_type))) } else { None }
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
        let active = active.map(is_true);
        let mut evaluation = Evaluation::new(&frame.rows);
        let values = evaluation.node(&self.node, active.as_ref())?;
        Ok(Evaluated { values, failures: evaluation.failures() })
    }

    /// Where the condition is true, and not false or null.
    pub(crate) fn evaluate_condition(&self, frame: &Frame) -> Result<(BooleanArray, BTreeMap<usize, String>)> {
        let Evaluated { values, failures } = self.evaluate(frame)?;
        Ok((values.as_boolean().clone(), failures))
    }
}
