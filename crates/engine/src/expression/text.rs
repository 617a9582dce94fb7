//! Functions on text. Positions count characters from 1.

use super::function::{Function, Side};
use super::node::{Kind, Node};
use super::nodes::{coerce, is_textual, result};
use crate::convert;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, StringBuilder};
use arrow::datatypes::Int64Type;
use regex::Regex;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;
use windvane_core::spec::pattern::compile;

/// The text that a literal holds.
pub(super) fn literal(node: &Node) -> Option<String> {
    let value = node.literal()?;
    let text = value.as_string_opt::<i32>()?;
    text.is_valid(0).then(|| text.value(0).to_owned())
}

pub(super) fn as_text(node: Node, name: &str) -> Result<Node> {
    if is_textual(&node) || node.is_loose() {
        return coerce(node, DataType::Text);
    }
    Err(Error::spec(format!("'{name}' needs text and got {}", node.data_type))
        .hint("Write CAST(column AS text) when that is meant"))
}

pub(super) fn call(name: &str, function: Function, arguments: Vec<Node>) -> Result<Node> {
    let arguments = arguments.into_iter().map(|argument| as_text(argument, name));
    Ok(result(function, arguments.collect::<Result<_>>()?, DataType::Text))
}

/// `||`: one side must be text; the other becomes its text form.
pub(super) fn join(left: Node, right: Node) -> Result<Node> {
    if !is_textual(&left) && !is_textual(&right) {
        return Err(Error::spec(format!("{} || {} has no text in it", left.data_type, right.data_type))
            .hint("|| joins texts; cast one side to text"));
    }
    let arguments = vec![coerce(left, DataType::Text)?, coerce(right, DataType::Text)?];
    Ok(result(Function::Join, arguments, DataType::Text))
}

pub(super) fn concat(arguments: Vec<Node>) -> Result<Node> {
    let arguments = arguments.into_iter().map(|argument| coerce(argument, DataType::Text));
    Ok(Node::new(Kind::Call(Function::Concat, arguments.collect::<Result<_>>()?), DataType::Text, false))
}

pub(super) fn pattern(node: &Node, name: &str) -> Result<Regex> {
    let text = literal(node).ok_or_else(|| {
        Error::unsupported(format!("the pattern of '{name}' must be a text in quotes"))
            .hint("A pattern from a column cannot be checked before the run")
    })?;
    compile(&text)
}

/// LIKE as a regular expression: `%` is any text, `_` one character, the escape takes away their meaning.
pub(super) fn like(node: Node, pattern: &Node, escape: Option<&Node>, any_case: bool) -> Result<Node> {
    let node = as_text(node, "LIKE")?;
    if pattern.literal().is_some_and(|value| value.is_null(0)) {
        return coerce(pattern.clone(), DataType::Boolean);
    }
    let text = literal(pattern).ok_or_else(|| {
        Error::unsupported("the pattern of LIKE must be a text in quotes")
            .hint("To compare with a column use =, or replace(a, b, '') <> a")
    })?;
    let escape = match escape.and_then(literal) {
        None => Some('\\'),
        Some(text) => text.chars().next(),
    };
    let mut expression = String::from(if any_case { "(?is)^" } else { "(?s)^" });
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            _ if Some(character) == escape => {
                let Some(next) = characters.next() else {
                    return Err(Error::spec(format!("the pattern '{text}' ends with its escape"))
                        .hint("Double the escape character to match itself"));
                };
                expression.push_str(&regex::escape(&next.to_string()));
            }
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            plain => expression.push_str(&regex::escape(&plain.to_string())),
        }
    }
    expression.push('$');
    let matcher = compile(&expression)?;
    Ok(result(Function::Matches(matcher), vec![node], DataType::Boolean))
}

pub(super) fn evaluate(function: &Function, arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let texts: Vec<&StringArray> = arguments.iter().filter_map(|array| array.as_string_opt::<i32>()).collect();
    let numbers: Vec<&Int64Array> =
        arguments.iter().filter_map(|array| array.as_primitive_opt::<Int64Type>()).collect();
    let Some(first) = texts.first().copied() else {
        return Err(Error::internal("a text function got no text"));
    };
    Ok(match function {
        Function::Lower => each(first, str::to_lowercase),
        Function::Upper => each(first, str::to_uppercase),
        Function::Trim(side) => match texts.get(1) {
            None => each(first, |text| trim(text, " ", *side).to_owned()),
            Some(characters) => each_row(first, |row, text| {
                characters.is_valid(row).then(|| trim(text, characters.value(row), *side).to_owned())
            }),
        },
        Function::Length => {
            let lengths: Int64Array =
                first.iter().map(|text| text.and_then(|text| i64::try_from(text.chars().count()).ok())).collect();
            Arc::new(lengths)
        }
        Function::Substring => each_row(first, |row, text| {
            let numbers: Option<Vec<i64>> =
                numbers.iter().map(|array| array.is_valid(row).then(|| array.value(row))).collect();
            numbers.and_then(|numbers| Some(substring(text, *numbers.first()?, numbers.get(1).copied())))
        }),
        Function::Replace => each_row(first, |row, text| {
            let (old, new) = (texts.get(1)?, texts.get(2)?);
            let both = old.is_valid(row) && new.is_valid(row);
            // An empty text is found everywhere: leave the text alone, as PostgreSQL does.
            let replaced = || {
                if old.value(row).is_empty() { text.to_owned() } else { text.replace(old.value(row), new.value(row)) }
            };
            both.then(replaced)
        }),
        Function::Join => each_row(first, |row, text| {
            let second = texts.get(1)?;
            second.is_valid(row).then(|| format!("{text}{}", second.value(row)))
        }),
        Function::Concat => {
            let mut builder = StringBuilder::new();
            for row in 0..first.len() {
                let parts = texts.iter().filter(|text| text.is_valid(row)).map(|text| text.value(row));
                builder.append_value(parts.collect::<String>());
            }
            Arc::new(builder.finish())
        }
        Function::SplitPart => each_row(first, |row, text| {
            let (by, field) = (texts.get(1)?, numbers.first()?);
            (by.is_valid(row) && field.is_valid(row)).then(|| split_part(text, by.value(row), field.value(row)))
        }),
        Function::Matches(pattern) => {
            let found: BooleanArray = first.iter().map(|text| text.map(|text| pattern.is_match(text))).collect();
            Arc::new(found)
        }
        Function::RegexReplace(pattern) => each_row(first, |row, text| {
            let with = texts.get(1)?;
            with.is_valid(row).then(|| pattern.replace_all(text, with.value(row)).into_owned())
        }),
        Function::Abs
        | Function::Round(_)
        | Function::Floor
        | Function::Ceil
        | Function::DatePart(_)
        | Function::DateTrunc(_)
        | Function::ParseDate(_)
        | Function::ParseTimestamp(_) => return Err(Error::internal("not a text function")),
    })
}

fn each(texts: &StringArray, change: impl Fn(&str) -> String) -> ArrayRef {
    let changed: StringArray = texts.iter().map(|text| text.map(&change)).collect();
    Arc::new(changed)
}

fn each_row(texts: &StringArray, change: impl Fn(usize, &str) -> Option<String>) -> ArrayRef {
    let changed: StringArray =
        texts.iter().enumerate().map(|(row, text)| text.and_then(|text| change(row, text))).collect();
    Arc::new(changed)
}

fn trim<'a>(text: &'a str, characters: &str, side: Side) -> &'a str {
    let cut = |character: char| characters.contains(character);
    match side {
        Side::Both => text.trim_matches(cut),
        Side::Left => text.trim_start_matches(cut),
        Side::Right => text.trim_end_matches(cut),
    }
}

/// As SQL: positions before the first character exist but are empty. A negative length counts as none.
fn substring(text: &str, from: i64, length: Option<i64>) -> String {
    let start = from.max(1);
    let end = length.map_or(i64::MAX, |length| from.saturating_add(length.max(0)));
    let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    text.chars().skip(usize::try_from(start - 1).unwrap_or(usize::MAX)).take(wanted).collect()
}

/// Fields count from 1; negative ones from the end; a field that is not there is empty.
fn split_part(text: &str, by: &str, field: i64) -> String {
    let parts: Vec<&str> = if by.is_empty() { vec![text] } else { text.split(by).collect() };
    let found = match field {
        0 => None,
        1.. => usize::try_from(field - 1).ok(),
        _ => usize::try_from(field.unsigned_abs()).ok().and_then(|back| parts.len().checked_sub(back)),
    };
    found.and_then(|at| parts.get(at)).map(ToString::to_string).unwrap_or_default()
}

/// One value as text, for reasons.
pub(super) fn shown(array: &ArrayRef, data_type: DataType, row: usize) -> String {
    let text = convert::text_at(array, data_type, row).unwrap_or_else(|| "null".to_owned());
    if text.chars().count() <= 60 {
        return text;
    }
    let mut short: String = text.chars().take(60).collect();
    short.push('…');
    short
}
