//! sqlparser's tree to checked nodes: names resolved, types known, literals read.

use super::aggregate::AggregateCall;
use super::node::{Comparison, Kind, Node, Operator};
use super::nodes::{as_condition, boolean, cast, coerce, comparable, compare, constant, not, number, unify};
use super::{arithmetic, syntax, text};
use crate::convert::{is_float, is_integer, is_number};
use crate::errors::no_column;
use sqlparser::ast::{BinaryOperator, CaseWhen, CastKind, Expr, Ident, UnaryOperator, Value};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};

/// The text holds a query where only an expression can stand.
pub(super) fn subquery(text: &str) -> Error {
    Error::unsupported(format!("{} holds a subquery", syntax::shown(text)))
        .hint("Use a join step to bring in the columns of another dataset")
}

/// A column is named together with its table.
pub(super) fn of_a_table(parts: &[Ident]) -> Error {
    let name: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
    Error::spec(format!("'{}' names a table", name.join(".")))
        .hint("Expressions see one dataset: write the column alone, in double quotes when it has a dot")
}

pub(super) struct Binder<'a> {
    pub(super) schema: &'a Schema,
    pub(super) text: &'a str,
    /// In an aggregate step: the columns that may be aggregated, and the calls found so far. The result of call `i` is
    /// the column `schema.fields.len() + i`.
    pub(super) aggregates: Option<(&'a Schema, Vec<AggregateCall>)>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(schema: &'a Schema, text: &'a str) -> Self {
        Self { schema, text, aggregates: None }
    }

    pub(super) fn bind(&mut self, expr: &Expr) -> Result<Node> {
        match expr {
            // The left spine of a chain is as long as the chain: walk it, do not recurse.
            Expr::BinaryOp { .. } => self.chain(expr),
            Expr::Identifier(name) => self.column(name),
            Expr::Nested(inner) => self.bind(inner),
            Expr::Value(value) => constant(&value.value),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(inner) => Ok(boolean(Kind::IsNull(self.bind(inner)?.boxed()), false)),
            Expr::IsNotNull(inner) => Ok(not(boolean(Kind::IsNull(self.bind(inner)?.boxed()), false))),
            Expr::IsTrue(inner) => self.is_boolean(inner, true),
            Expr::IsNotTrue(inner) => self.is_boolean(inner, true).map(not),
            Expr::IsFalse(inner) => self.is_boolean(inner, false),
            Expr::IsNotFalse(inner) => self.is_boolean(inner, false).map(not),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, false)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, true)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { kind, expr, data_type, format: None } => {
                let from = self.bind(expr)?;
                let to = syntax::data_type(data_type)?;
                let null_on_failure = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                cast(from, to, null_on_failure)
            }
            Expr::TypedString(typed) => {
                let to = syntax::data_type(&typed.data_type)?;
                let value = constant(&typed.value.value)?;
                coerce(value, to)
            }
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => Err(subquery(self.text)),
            Expr::CompoundIdentifier(parts) => Err(of_a_table(parts)),
            other => self.call(other),
        }
    }

    fn chain(&mut self, expr: &Expr) -> Result<Node> {
        let mut links = Vec::new();
        let mut first = expr;
        while let Expr::BinaryOp { left, op, right } = first {
            links.push((op, right.as_ref()));
            first = left;
        }
        let mut node = self.bind(first)?;
        for (operator, right) in links.into_iter().rev() {
            let right = self.bind(right)?;
            node = self.binary(operator, node, right)?;
        }
        Ok(node)
    }

    fn binary(&mut self, operator: &BinaryOperator, left: Node, right: Node) -> Result<Node> {
        match operator {
            BinaryOperator::Plus => arithmetic::bind(Operator::Add, left, right),
            BinaryOperator::Minus => arithmetic::bind(Operator::Subtract, left, right),
            BinaryOperator::Multiply => arithmetic::bind(Operator::Multiply, left, right),
            BinaryOperator::Divide => arithmetic::bind(Operator::Divide, left, right),
            BinaryOperator::Modulo => arithmetic::bind(Operator::Remainder, left, right),
            BinaryOperator::Eq => compare(Comparison::Equal, left, right),
            BinaryOperator::NotEq => compare(Comparison::NotEqual, left, right),
            BinaryOperator::Lt => compare(Comparison::Less, left, right),
            BinaryOperator::LtEq => compare(Comparison::LessOrEqual, left, right),
            BinaryOperator::Gt => compare(Comparison::Greater, left, right),
            BinaryOperator::GtEq => compare(Comparison::GreaterOrEqual, left, right),
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (as_condition(left, self.text)?, as_condition(right, self.text)?);
                let nullable = left.nullable || right.nullable;
                let (left, right) = (left.boxed(), right.boxed());
                let and = *operator == BinaryOperator::And;
                Ok(boolean(if and { Kind::And(left, right) } else { Kind::Or(left, right) }, nullable))
            }
            BinaryOperator::StringConcat => text::join(left, right),
            other => Err(Error::unsupported(format!("the operator {other} is not known"))
                .hint("Operators are + - * / % || = <> < <= > >= AND OR NOT LIKE ILIKE IN BETWEEN IS NULL")),
        }
    }

    fn column(&mut self, name: &Ident) -> Result<Node> {
        let index = self.position(name)?;
        let field = &self.schema.fields[index];
        Ok(Node::new(Kind::Column(index), field.data_type, field.nullable))
    }

    /// As written; a bare name also finds the only column that differs in case alone.
    fn position(&self, name: &Ident) -> Result<usize> {
        let fields = &self.schema.fields;
        if let Some(exact) = fields.iter().position(|field| field.name == name.value) {
            return Ok(exact);
        }
        let mut alike = fields.iter().enumerate().filter(|(_, field)| field.name.eq_ignore_ascii_case(&name.value));
        if let (None, Some((only, _)), None) = (name.quote_style, alike.next(), alike.next()) {
            return Ok(only);
        }
        if let Some((input, _)) = &self.aggregates
            && input.field(&name.value).is_some()
        {
            return Err(Error::spec(format!("column '{}' is neither grouped by nor aggregated", name.value))
                .hint(format!("Add it to `by`, or write max({})", name.value)));
        }
        Err(no_column(&name.value, self.schema))
    }

    fn unary(&mut self, operator: UnaryOperator, expr: &Expr) -> Result<Node> {
        if let (UnaryOperator::Minus, Expr::Value(value)) = (operator, expr)
            && let Value::Number(digits, _) = &value.value
        {
            return number(&format!("-{digits}"));
        }
        let node = self.bind(expr)?;
        match operator {
            UnaryOperator::Not => Ok(not(as_condition(node, self.text)?)),
            UnaryOperator::Plus if is_number(node.data_type) => Ok(node),
            UnaryOperator::Minus if is_number(node.data_type) => {
                let node = if is_integer(node.data_type) { coerce(node, DataType::Int64)? } else { node };
                let node = if is_float(node.data_type) { coerce(node, DataType::Float64)? } else { node };
                let (data_type, nullable) = (node.data_type, node.nullable);
                Ok(Node::new(Kind::Negate(node.boxed()), data_type, nullable))
            }
            UnaryOperator::Plus | UnaryOperator::Minus => {
                Err(Error::spec(format!("{operator} needs a number and got {}", node.data_type))
                    .hint("Cast the value to a number first"))
            }
            other => Err(Error::unsupported(format!("the operator {other} is not known")).hint("Use -, + or NOT")),
        }
    }

    fn is_boolean(&mut self, inner: &Expr, value: bool) -> Result<Node> {
        let node = as_condition(self.bind(inner)?, self.text)?;
        Ok(boolean(Kind::IsBoolean(node.boxed(), value), false))
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<Node> {
        let mut node = self.bind(expr)?;
        let items = list.iter().map(|item| self.bind(item)).collect::<Result<Vec<_>>>()?;
        // One type for all; decimals compare exactly whatever their scale, so that they keep their own.
        let mut typed = Vec::new();
        for item in items {
            let (left, right) = comparable(node.stand_in(), item)?;
            if left.data_type != node.data_type {
                node = coerce(node, left.data_type)?;
            }
            typed.push(right);
        }
        let typed = typed.into_iter().map(|item| comparable(node.stand_in(), item).map(|(_, item)| item));
        let typed = typed.collect::<Result<Vec<_>>>()?;
        let nullable = node.nullable || typed.iter().any(|item| item.nullable);
        let found = boolean(Kind::In(node.boxed(), typed), nullable);
        Ok(if negated { not(found) } else { found })
    }

    fn between(&mut self, expr: &Expr, low: &Expr, high: &Expr, negated: bool) -> Result<Node> {
        let node = self.bind(expr)?;
        node.repeats(2)?;
        let above = compare(Comparison::GreaterOrEqual, node.clone(), self.bind(low)?)?;
        let below = compare(Comparison::LessOrEqual, node, self.bind(high)?)?;
        let nullable = above.nullable || below.nullable;
        let within = boolean(Kind::And(above.boxed(), below.boxed()), nullable);
        Ok(if negated { not(within) } else { within })
    }

    fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
        any_case: bool,
    ) -> Result<Node> {
        let node = self.bind(expr)?;
        let pattern = self.bind(pattern)?;
        let escape = escape.map(|escape| self.bind(escape)).transpose()?;
        let matched = text::like(node, &pattern, escape.as_ref(), any_case)?;
        Ok(if negated { not(matched) } else { matched })
    }

    fn case(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Result<Node> {
        let operand = operand.map(|operand| self.bind(operand)).transpose()?;
        operand.iter().try_for_each(|operand| operand.repeats(conditions.len()))?;
        let mut whens = Vec::new();
        let mut values = Vec::new();
        for CaseWhen { condition, result } in conditions {
            let condition = self.bind(condition)?;
            whens.push(match &operand {
                Some(operand) => compare(Comparison::Equal, operand.clone(), condition)?,
                None => as_condition(condition, self.text)?,
            });
            values.push(self.bind(result)?);
        }
        if let Some(otherwise) = otherwise {
            values.push(self.bind(otherwise)?);
        }
        let data_type = unify(&values, "the branches of CASE")?;
        let nullable = otherwise.is_none() || values.iter().any(|value| value.nullable);
        let mut values = values.into_iter().map(|value| coerce(value, data_type)).collect::<Result<Vec<_>>>()?;
        let otherwise = if otherwise.is_some() { values.pop().map(Node::boxed) } else { None };
        let branches = whens.into_iter().zip(values).collect();
        Ok(Node::new(Kind::Case { branches, otherwise }, data_type, nullable))
    }
}
