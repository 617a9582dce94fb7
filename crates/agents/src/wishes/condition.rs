//! A condition on the rows of one column: from words, to SQL, and back from the SQL of a model or a spec.

use crate::guard::parser;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use std::collections::BTreeSet;
use windvane_core::schema::sql::quote;

/// What must hold of a row's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(super) column: String,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// One of these.
    In(BTreeSet<String>),
    /// None of these; a row without a value stays.
    NotIn(BTreeSet<String>),
    Compare(&'static str, String),
    Null,
    NotNull,
}

impl Test {
    /// The values that are named.
    pub(super) fn values(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::In(values) | Self::NotIn(values) => Some(values),
            Self::Compare(..) | Self::Null | Self::NotNull => None,
        }
    }

    /// Whether the rows with these values are those that stay.
    pub(super) fn chooses(&self) -> bool {
        match self {
            Self::In(_) | Self::Compare(..) | Self::Null => true,
            Self::NotIn(_) | Self::NotNull => false,
        }
    }
}

impl Condition {
    /// What holds of the other rows; of a comparison nothing that two people would agree on.
    pub(super) fn negated(&self) -> Option<Self> {
        let test = match &self.test {
            Test::In(values) => Test::NotIn(values.clone()),
            Test::NotIn(values) => Test::In(values.clone()),
            Test::Null => Test::NotNull,
            Test::NotNull => Test::Null,
            Test::Compare(..) => return None,
        };
        Some(Self { column: self.column.clone(), test })
    }

    /// As a filter; `number` when the column holds numbers.
    pub(super) fn sql(&self, number: bool) -> String {
        let column = quote(&self.column);
        let literal = |value: &String| if number { value.clone() } else { format!("'{}'", value.replace('\'', "''")) };
        let list = |values: &BTreeSet<String>| values.iter().map(literal).collect::<Vec<_>>().join(", ");
        match &self.test {
            Test::In(values) if values.len() == 1 => format!("{column} = {}", list(values)),
            Test::In(values) => format!("{column} IN ({})", list(values)),
            Test::NotIn(values) if values.len() == 1 => format!("{column} <> {} OR {column} IS NULL", list(values)),
            Test::NotIn(values) => format!("{column} NOT IN ({}) OR {column} IS NULL", list(values)),
            Test::Compare(operator, value) => format!("{column} {operator} {value}"),
            Test::Null => format!("{column} IS NULL"),
            Test::NotNull => format!("{column} IS NOT NULL"),
        }
    }

    /// For people.
    pub(super) fn said(&self) -> String {
        let list = |values: &BTreeSet<String>| values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>();
        match &self.test {
            Test::In(values) => format!("{} is {}", self.column, list(values).join(" or ")),
            Test::NotIn(values) => format!("{} is not {}", self.column, list(values).join(" or ")),
            Test::Compare(operator, value) => format!("{} {operator} {value}", self.column),
            Test::Null => format!("{} is null", self.column),
            Test::NotNull => format!("{} is not null", self.column),
        }
    }

    /// Of an expression that is nothing but such a condition, however it is written.
    pub(super) fn of(sql: &str) -> Option<Self> {
        let mut parser = parser(sql).ok()?;
        let parsed = parser.parse_expr().ok()?;
        (parser.peek_token().token == sqlparser::tokenizer::Token::EOF).then_some(())?;
        condition(&parsed)
    }
}

/// The parts of an expression that all must hold, as far as they are such conditions.
pub(super) fn parts(sql: &str) -> Vec<Condition> {
    fn walk(expression: &Expr, all: &mut Vec<Condition>) {
        match expression {
            Expr::Nested(inner) => walk(inner, all),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                walk(left, all);
                walk(right, all);
            }
            other => all.extend(condition(other)),
        }
    }
    let mut all = Vec::new();
    if let Some(parsed) = parser(sql).ok().and_then(|mut parser| parser.parse_expr().ok()) {
        walk(&parsed, &mut all);
    }
    all
}

fn condition(expression: &Expr) -> Option<Condition> {
    match expression {
        Expr::Nested(inner) => condition(inner),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => condition(expr)?.negated(),
        Expr::IsNull(inner) => Some(Condition { column: column(inner)?, test: Test::Null }),
        Expr::IsNotNull(inner) => Some(Condition { column: column(inner)?, test: Test::NotNull }),
        Expr::InList { expr, list, negated } => {
            let values: BTreeSet<String> = list.iter().map(literal).collect::<Option<_>>()?;
            let test = if *negated { Test::NotIn(values) } else { Test::In(values) };
            Some(Condition { column: column(expr)?, test })
        }
        Expr::IsDistinctFrom(left, right) => {
            Some(Condition { column: column(left)?, test: Test::NotIn(BTreeSet::from([literal(right)?])) })
        }
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        _ => None,
    }
}

fn binary(left: &Expr, operator: &BinaryOperator, right: &Expr) -> Option<Condition> {
    let compare =
        |sign: &'static str| Some(Condition { column: column(left)?, test: Test::Compare(sign, literal(right)?) });
    match operator {
        BinaryOperator::Eq => {
            Some(Condition { column: column(left)?, test: Test::In(BTreeSet::from([literal(right)?])) })
        }
        BinaryOperator::NotEq => {
            Some(Condition { column: column(left)?, test: Test::NotIn(BTreeSet::from([literal(right)?])) })
        }
        BinaryOperator::Gt => compare(">"),
        BinaryOperator::GtEq => compare(">="),
        BinaryOperator::Lt => compare("<"),
        BinaryOperator::LtEq => compare("<="),
        // `x <> 'a' OR x IS NULL` is our own way to say it; `x = 'a' OR x = 'b'` is a list.
        BinaryOperator::Or => {
            let (left, right) = (condition(left)?, condition(right)?);
            (left.column == right.column).then_some(())?;
            let test = match (left.test, right.test) {
                (Test::NotIn(values), Test::Null) | (Test::Null, Test::NotIn(values)) => Test::NotIn(values),
                (Test::In(mine), Test::In(other)) => Test::In(mine.into_iter().chain(other).collect()),
                _ => return None,
            };
            Some(Condition { column: left.column, test })
        }
        BinaryOperator::And => {
            let (left, right) = (condition(left)?, condition(right)?);
            match (left.column == right.column, left.test, right.test) {
                (true, Test::NotIn(mine), Test::NotIn(other)) => {
                    Some(Condition { column: left.column, test: Test::NotIn(mine.into_iter().chain(other).collect()) })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn column(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::Nested(inner) => column(inner),
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => Some(format!("-{}", literal(expr)?)),
        Expr::Value(found) => match &found.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}
