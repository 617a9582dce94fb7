//! Nodes that are made of nodes: constants, and operands in the types that their parent needs.

use super::common::common_type;
use super::function::Function;
use super::node::{Comparison, Kind, Node};
use super::syntax;
use crate::convert::{self, is_float, is_integer, is_number, is_text, nulls};
use arrow::array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray};
use sqlparser::ast::Value;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::arrow::type_to_arrow;
use windvane_core::schema::{DataType, infer};

pub(super) fn constant(value: &Value) -> Result<Node> {
    match value {
        Value::Number(digits, _) => number(digits),
        Value::Boolean(value) => Ok(literal(Arc::new(BooleanArray::from(vec![*value])), DataType::Boolean, false)),
        Value::Null => {
            Ok(Node::new(Kind::Literal { value: nulls(DataType::Text, 1), loose: true }, DataType::Text, true))
        }
        Value::SingleQuotedString(value) | Value::EscapedStringLiteral(value) | Value::UnicodeStringLiteral(value) => {
            Ok(literal(Arc::new(StringArray::from(vec![value.as_str()])), DataType::Text, true))
        }
        Value::DollarQuotedString(quoted) => {
            Ok(literal(Arc::new(StringArray::from(vec![quoted.value.as_str()])), DataType::Text, true))
        }
        other => Err(Error::unsupported(format!("the literal {other} is not known")).hint(
            "Literals are numbers, 'text', TRUE, FALSE, NULL, DATE '2024-01-01', TIMESTAMP '2024-01-01 10:00:00'",
        )),
    }
}

pub(super) fn literal(value: ArrayRef, data_type: DataType, loose: bool) -> Node {
    Node::new(Kind::Literal { value, loose }, data_type, false)
}

/// Digits as the exact number that they write: int64, decimal, or float64 when there is an exponent.
pub(super) fn number(digits: &str) -> Result<Node> {
    if let Ok(value) = digits.parse::<i64>() {
        return Ok(literal(Arc::new(Int64Array::from(vec![value])), DataType::Int64, false));
    }
    if digits.contains(['e', 'E']) {
        return match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Ok(literal(Arc::new(Float64Array::from(vec![value])), DataType::Float64, false))
            }
            _ => Err(Error::spec(format!("{digits} is not a number")).hint("Write digits, at most one point")),
        };
    }
    let (whole, fraction) =
        digits.trim_start_matches('-').split_once('.').unwrap_or((digits.trim_start_matches('-'), ""));
    let precision = (whole.trim_start_matches('0').len() + fraction.len()).max(1);
    let sizes = (u8::try_from(precision).ok().filter(|precision| *precision <= 38), i8::try_from(fraction.len()).ok());
    let (Some(precision), Some(scale)) = sizes else {
        return Err(
            Error::spec(format!("{digits} has more than 38 digits")).hint("Write it with an exponent as a float: 1e40")
        );
    };
    let value = infer::decimal(digits, precision, scale)
        .ok_or_else(|| Error::spec(format!("{digits} is not a number")).hint("Write digits, at most one point"))?;
    let data_type = DataType::Decimal { precision, scale };
    let array = Decimal128Array::from(vec![value]).with_data_type(type_to_arrow(data_type));
    Ok(literal(Arc::new(array), data_type, false))
}

pub(super) fn boolean(kind: Kind, nullable: bool) -> Node {
    Node::new(kind, DataType::Boolean, nullable)
}

pub(super) fn not(node: Node) -> Node {
    let nullable = node.nullable;
    boolean(Kind::Not(node.boxed()), nullable)
}

/// The node when it is true or false; `NULL` alone is unknown.
pub(super) fn as_condition(node: Node, text: &str) -> Result<Node> {
    if node.data_type == DataType::Boolean {
        return Ok(node);
    }
    if node.is_loose() {
        return coerce(node, DataType::Boolean);
    }
    Err(Error::spec(format!("{} gives {} where true or false is needed", syntax::shown(text), node.data_type))
        .hint("Compare it with something, for example: column = 1"))
}

/// The user's cast: refused when it can never mean anything.
pub(super) fn cast(from: Node, to: DataType, null_on_failure: bool) -> Result<Node> {
    if from.is_loose() && !null_on_failure {
        return coerce(from, to);
    }
    if !convert::can_convert(from.data_type, to) {
        return Err(convert::refuse(from.data_type, to));
    }
    let nullable = from.nullable || null_on_failure;
    Ok(Node::new(Kind::Convert { from: from.boxed(), null_on_failure }, to, nullable))
}

/// The node in another type, when its neighbour needs that. Literals are read now; the rest is converted when it runs.
pub(super) fn coerce(node: Node, to: DataType) -> Result<Node> {
    if node.data_type == to && !node.is_loose() {
        return Ok(node);
    }
    if let Some(value) = node.literal() {
        if value.is_null(0) {
            return Ok(Node::new(Kind::Literal { value: nulls(to, 1), loose: false }, to, true));
        }
        let (converted, failed) = convert::convert(value, node.data_type, to)?;
        if failed.is_empty() {
            return Ok(literal(converted, to, false));
        }
        let shown = convert::text_at(value, node.data_type, 0).unwrap_or_default();
        return Err(Error::spec(format!("'{shown}' is not {}", to.with_article())).hint(match to {
            DataType::Date => "Write dates as '2024-01-31'",
            DataType::Timestamp | DataType::TimestampTz => "Write timestamps as '2024-01-31 10:00:00'",
            DataType::Text => "Put text into single quotes",
            _ => "Write a value of that type, or cast the other side to text",
        }));
    }
    let nullable = node.nullable;
    Ok(Node::new(Kind::Convert { from: node.boxed(), null_on_failure: false }, to, nullable))
}

pub(super) fn compare(comparison: Comparison, left: Node, right: Node) -> Result<Node> {
    let (left, right) = comparable(left, right)?;
    let nullable = left.nullable || right.nullable;
    Ok(boolean(Kind::Compare(comparison, left.boxed(), right.boxed()), nullable))
}

/// Both sides in a type in which they compare.
pub(super) fn comparable(left: Node, right: Node) -> Result<(Node, Node)> {
    let (l, r) = (left.data_type, right.data_type);
    if left.is_loose() && !right.is_loose() {
        let to = if is_text(r) { DataType::Text } else { r };
        return Ok((coerce(left, to)?, coerce(right, to)?));
    }
    if right.is_loose() && !left.is_loose() {
        // A number in quotes may be finer than the column: 2.5 beside an integer.
        let to = if is_text(l) { DataType::Text } else { l };
        return Ok((coerce(left, to)?, coerce(right, to)?));
    }
    if is_number(l) && is_number(r) {
        if is_float(l) || is_float(r) {
            return Ok((coerce(left, DataType::Float64)?, coerce(right, DataType::Float64)?));
        }
        let widen = |node: Node| if is_integer(node.data_type) { coerce(node, DataType::Int64) } else { Ok(node) };
        return Ok((widen(left)?, widen(right)?));
    }
    let common = common_type(l, r).ok_or_else(|| {
        Error::spec(format!("{l} and {r} cannot be compared")).hint("Cast one side, for example: CAST(column AS text)")
    })?;
    Ok((coerce(left, common)?, coerce(right, common)?))
}

/// The one type that all these values can have.
pub(super) fn unify(nodes: &[Node], place: &str) -> Result<DataType> {
    let mut common: Option<DataType> = None;
    for node in nodes.iter().filter(|node| !node.is_loose()) {
        common = Some(match common {
            None => node.data_type,
            Some(known) => common_type(known, node.data_type).ok_or_else(|| {
                Error::spec(format!("{place} are {known} and {}", node.data_type)).hint("Cast them to one type")
            })?,
        });
    }
    Ok(common.unwrap_or(DataType::Text))
}

/// A call that is null when an argument is.
pub(super) fn result(function: Function, arguments: Vec<Node>, data_type: DataType) -> Node {
    let nullable = arguments.iter().any(|argument| argument.nullable);
    Node::new(Kind::Call(function, arguments), data_type, nullable)
}

pub(super) fn is_textual(node: &Node) -> bool {
    is_text(node.data_type)
}
