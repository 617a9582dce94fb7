//! Function calls to checked nodes: arity, argument types, result types.

use super::bind::Binder;
use super::function::{Function, Part, Side};
use super::node::{Comparison, Kind, Node};
use super::nodes::{coerce, compare, result, unify};
use super::signature::{AGGREGATES, arity, rounded_type, unknown, wrong_arguments};
use super::{aggregates, text};
use crate::convert::is_integer;
use arrow::array::AsArray;
use sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectNamePart, TrimWhereField,
};
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

impl Binder<'_> {
    /// Everything that looks like a function, whatever its syntax; the rest is refused.
    pub(super) fn call(&mut self, expr: &Expr) -> Result<Node> {
        match expr {
            Expr::Function(call) => self.function(call),
            Expr::Extract { field, expr, .. } => {
                let node = self.bind(expr)?;
                date_part(&field.to_string(), node)
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let node = self.bind(expr)?;
                rounded(Function::Floor, node)
            }
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let node = self.bind(expr)?;
                rounded(Function::Ceil, node)
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut arguments = vec![self.bind(expr)?, self.bind(from)?];
                if let Some(length) = substring_for {
                    arguments.push(self.bind(length)?);
                }
                substring(arguments)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let side = match trim_where {
                    None | Some(TrimWhereField::Both) => Side::Both,
                    Some(TrimWhereField::Leading) => Side::Left,
                    Some(TrimWhereField::Trailing) => Side::Right,
                };
                let mut arguments = vec![self.bind(expr)?];
                let what = trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten());
                for characters in what {
                    arguments.push(self.bind(characters)?);
                }
                text::call("trim", Function::Trim(side), arguments)
            }
            other => Err(not_here(other)),
        }
    }

    fn function(&mut self, call: &Call) -> Result<Node> {
        let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else {
            return Err(unknown(&call.name.to_string()));
        };
        let name = name.value.to_lowercase();
        plain(&name, call)?;
        if AGGREGATES.contains(&name.as_str()) {
            return aggregates::call(self, &name, call);
        }
        let arguments = match &call.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::Subquery(_) => {
                return Err(Error::unsupported("an expression cannot hold a subquery").hint("Use a join step"));
            }
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                list.args.iter().map(|argument| self.argument(&name, argument)).collect::<Result<Vec<_>>>()?
            }
            FunctionArguments::List(_) => return Err(wrong_arguments(&name)),
        };
        scalar(&name, arguments)
    }

    fn argument(&mut self, name: &str, argument: &FunctionArg) -> Result<Node> {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.bind(expr),
            _ => Err(wrong_arguments(name)),
        }
    }
}

/// What has no place in an expression.
pub(super) fn not_here(expr: &Expr) -> Error {
    Error::unsupported(format!("'{expr}' is not something an expression can hold here"))
        .hint("Use columns, literals, operators, CASE, CAST and functions; no queries, windows or arrays")
}

/// A call without what only queries have.
pub(super) fn plain(name: &str, call: &Call) -> Result<()> {
    if call.over.is_some() || call.filter.is_some() || !call.within_group.is_empty() {
        return Err(Error::unsupported(format!("'{name}' with OVER, FILTER or WITHIN GROUP is not known"))
            .hint("Use an aggregate step, or filter before it"));
    }
    Ok(())
}

fn scalar(name: &str, mut arguments: Vec<Node>) -> Result<Node> {
    let (least, most) = arity(name).ok_or_else(|| unknown(name))?;
    count(name, arguments.len(), least, most)?;
    match name {
        "lower" => text::call(name, Function::Lower, arguments),
        "upper" => text::call(name, Function::Upper, arguments),
        "trim" | "btrim" => text::call(name, Function::Trim(Side::Both), arguments),
        "ltrim" => text::call(name, Function::Trim(Side::Left), arguments),
        "rtrim" => text::call(name, Function::Trim(Side::Right), arguments),
        "replace" => text::call(name, Function::Replace, arguments),
        "length" | "char_length" | "character_length" => {
            let node = text::call(name, Function::Length, arguments)?;
            Ok(Node { data_type: DataType::Int64, ..node })
        }
        "substr" | "substring" => substring(arguments),
        "concat" => text::concat(arguments),
        "split_part" => {
            let field = whole(arguments.remove(2), name)?;
            let (of, by) = two(arguments, name)?;
            let arguments = vec![text::as_text(of, name)?, text::as_text(by, name)?, field];
            Ok(result(Function::SplitPart, arguments, DataType::Text))
        }
        "regexp_matches" | "regexp_like" => {
            let (of, pattern) = two(arguments, name)?;
            let pattern = text::pattern(&pattern, name)?;
            Ok(result(Function::Matches(pattern), vec![text::as_text(of, name)?], DataType::Boolean))
        }
        "regexp_replace" => {
            let with = text::as_text(arguments.remove(2), name)?;
            let (of, pattern) = two(arguments, name)?;
            let pattern = text::pattern(&pattern, name)?;
            let arguments = vec![text::as_text(of, name)?, with];
            Ok(result(Function::RegexReplace(pattern), arguments, DataType::Text))
        }
        "coalesce" | "ifnull" => {
            let data_type = unify(&arguments, "the arguments of coalesce")?;
            let nullable = arguments.iter().all(|argument| argument.nullable);
            let arguments = arguments.into_iter().map(|argument| coerce(argument, data_type));
            Ok(Node::new(Kind::Coalesce(arguments.collect::<Result<_>>()?), data_type, nullable))
        }
        "nullif" => {
            let (value, other) = two(arguments, name)?;
            let value = if value.is_loose() { coerce(value, DataType::Text)? } else { value };
            value.repeats(2)?;
            let equal = compare(Comparison::Equal, value.clone(), other)?;
            let data_type = value.data_type;
            let nothing =
                Node::new(Kind::Literal { value: crate::convert::nulls(data_type, 1), loose: false }, data_type, true);
            let branches = vec![(equal, nothing)];
            Ok(Node::new(Kind::Case { branches, otherwise: Some(value.boxed()) }, data_type, true))
        }
        "abs" => one(arguments, name).and_then(|node| rounded(Function::Abs, node)),
        "floor" => one(arguments, name).and_then(|node| rounded(Function::Floor, node)),
        "ceil" | "ceiling" => one(arguments, name).and_then(|node| rounded(Function::Ceil, node)),
        "round" => {
            let digits = if arguments.len() == 2 { small_literal(&arguments.remove(1), name)? } else { 0 };
            one(arguments, name).and_then(|node| rounded(Function::Round(digits), node))
        }
        "year" | "quarter" | "month" | "week" | "day" | "hour" | "minute" | "second" => {
            one(arguments, name).and_then(|node| date_part(name, node))
        }
        "date_part" => {
            let (part, node) = two(arguments, name)?;
            date_part(&text_literal(&part, name)?, node)
        }
        "date_trunc" => {
            let (part, node) = two(arguments, name)?;
            date_trunc(&text_literal(&part, name)?, node)
        }
        "parse_date" | "parse_timestamp" => {
            let (of, format) = two(arguments, name)?;
            let format = text_literal(&format, name)?;
            let arguments = vec![text::as_text(of, name)?];
            if name == "parse_date" {
                super::time::check_format(&format, DataType::Date)?;
                return Ok(result(Function::ParseDate(format), arguments, DataType::Date));
            }
            super::time::check_format(&format, DataType::Timestamp)?;
            Ok(result(Function::ParseTimestamp(format), arguments, DataType::Timestamp))
        }
        _ => Err(unknown(name)),
    }
}

fn rounded(function: Function, node: Node) -> Result<Node> {
    let node = if node.is_loose() { coerce(node, DataType::Float64)? } else { node };
    let data_type = rounded_type(&function, &node)?;
    let exact = matches!(data_type, DataType::Decimal { .. });
    let node = if exact { node } else { coerce(node, data_type)? };
    Ok(result(function, vec![node], data_type))
}

fn substring(mut arguments: Vec<Node>) -> Result<Node> {
    let mut checked = vec![text::as_text(arguments.remove(0), "substring")?];
    for argument in arguments {
        checked.push(whole(argument, "substring")?);
    }
    Ok(result(Function::Substring, checked, DataType::Text))
}

fn date_part(part: &str, node: Node) -> Result<Node> {
    let node = dated(node, part)?;
    let part = Part::parse(part)?;
    let clock_only = node.data_type == DataType::Time;
    if (node.data_type == DataType::Date && part.of_clock()) || (clock_only && !part.of_clock()) {
        return Err(Error::spec(format!("a {} has no such part", node.data_type))
            .hint("Dates have year to day, times have hour to second, timestamps have all"));
    }
    Ok(result(Function::DatePart(part), vec![node], DataType::Int64))
}

fn date_trunc(part: &str, node: Node) -> Result<Node> {
    let node = dated(node, "date_trunc")?;
    let part = Part::parse(part)?;
    let known = matches!(part, Part::Year | Part::Quarter | Part::Month | Part::Week | Part::Day) || part.of_clock();
    if !known || node.data_type == DataType::Time || (node.data_type == DataType::Date && part.of_clock()) {
        return Err(Error::spec(format!("a {} cannot be cut to that unit", node.data_type))
            .hint("Units are year, quarter, month, week, day, and for timestamps hour, minute, second"));
    }
    let data_type = node.data_type;
    Ok(result(Function::DateTrunc(part), vec![node], data_type))
}

fn dated(node: Node, name: &str) -> Result<Node> {
    match node.data_type {
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => Ok(node),
        other => Err(Error::spec(format!("'{name}' needs a date or a time and got {other}"))
            .hint("Turn text into a date with parse_date(column, '%Y-%m-%d') or a parse step")),
    }
}

fn whole(node: Node, name: &str) -> Result<Node> {
    if is_integer(node.data_type) || node.is_loose() {
        return coerce(node, DataType::Int64);
    }
    Err(Error::spec(format!("'{name}' needs a whole number and got {}", node.data_type)).hint("Cast it to int64"))
}

fn text_literal(node: &Node, name: &str) -> Result<String> {
    text::literal(node).ok_or_else(|| {
        Error::unsupported(format!("'{name}' needs a text in quotes here, not a column"))
            .hint("The text must be known before anything runs")
    })
}

fn small_literal(node: &Node, name: &str) -> Result<i8> {
    let value = node.literal().and_then(|value| value.as_primitive_opt::<arrow::datatypes::Int64Type>());
    let value = value.map(|value| value.value(0)).filter(|value| (-18..=38).contains(value));
    value.and_then(|value| i8::try_from(value).ok()).ok_or_else(|| {
        Error::unsupported(format!("'{name}' needs a number of digits from -18 to 38 here"))
            .hint("For example: round(amount, 2)")
    })
}

pub(super) fn count(name: &str, given: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let wanted = match (least, most) {
        (1, 1) => "1 argument".to_owned(),
        _ if least == most => format!("{least} arguments"),
        (_, usize::MAX) => format!("{least} or more arguments"),
        _ => format!("{least} to {most} arguments"),
    };
    Err(Error::spec(format!("'{name}' takes {wanted} and got {given}"))
        .hint("See the list of functions in the documentation"))
}

fn one(mut arguments: Vec<Node>, name: &str) -> Result<Node> {
    arguments.pop().ok_or_else(|| wrong_arguments(name))
}

fn two(mut arguments: Vec<Node>, name: &str) -> Result<(Node, Node)> {
    match (arguments.pop(), arguments.pop()) {
        (Some(second), Some(first)) => Ok((first, second)),
        _ => Err(wrong_arguments(name)),
    }
}
