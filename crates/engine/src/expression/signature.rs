//! The functions by name: how many arguments they take, and what is said of others.

use super::function::Function;
use super::node::Node;
use crate::convert::{is_float, is_integer, is_number};
use crate::errors::nearest;
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

/// The scalar functions, and how many arguments each takes: at least and at most.
const SIGNATURES: &[(&str, usize, usize)] = &[
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("trim", 1, 2),
    ("btrim", 1, 2),
    ("ltrim", 1, 2),
    ("rtrim", 1, 2),
    ("length", 1, 1),
    ("char_length", 1, 1),
    ("character_length", 1, 1),
    ("substr", 2, 3),
    ("substring", 2, 3),
    ("replace", 3, 3),
    ("concat", 1, usize::MAX),
    ("split_part", 3, 3),
    ("coalesce", 1, usize::MAX),
    ("ifnull", 1, usize::MAX),
    ("nullif", 2, 2),
    ("abs", 1, 1),
    ("round", 1, 2),
    ("floor", 1, 1),
    ("ceil", 1, 1),
    ("ceiling", 1, 1),
    ("extract", 1, 1),
    ("year", 1, 1),
    ("quarter", 1, 1),
    ("month", 1, 1),
    ("week", 1, 1),
    ("day", 1, 1),
    ("hour", 1, 1),
    ("minute", 1, 1),
    ("second", 1, 1),
    ("date_part", 2, 2),
    ("date_trunc", 2, 2),
    ("parse_date", 2, 2),
    ("parse_timestamp", 2, 2),
    ("regexp_matches", 2, 2),
    ("regexp_like", 2, 2),
    ("regexp_replace", 3, 3),
];

/// How many arguments a scalar function takes; none for one that is not known.
pub(super) fn arity(name: &str) -> Option<(usize, usize)> {
    SIGNATURES.iter().find(|(known, _, _)| *known == name).map(|(_, least, most)| (*least, *most))
}

pub(super) const AGGREGATES: &[&str] = &["count", "sum", "min", "max", "avg"];

pub(super) fn unknown(name: &str) -> Error {
    let names: Vec<&str> = SIGNATURES.iter().map(|(name, _, _)| *name).collect();
    let near = nearest(name, names.iter().copied());
    let lead = near.map(|near| format!("Did you mean {near}? ")).unwrap_or_default();
    Error::unsupported(format!("the function '{name}' is not known")).hint(format!(
        "{lead}Functions are {}; in aggregate steps also {}",
        names.join(", "),
        AGGREGATES.join(", ")
    ))
}

/// The result of `abs`, `round`, `floor` and `ceil`.
pub(super) fn rounded_type(function: &Function, argument: &Node) -> Result<DataType> {
    let from = argument.data_type;
    if !is_number(from) {
        return Err(Error::spec(format!("a {from} cannot be rounded")).hint("Cast it to a number first"));
    }
    if is_integer(from) {
        return Ok(DataType::Int64);
    }
    if is_float(from) {
        return Ok(DataType::Float64);
    }
    let DataType::Decimal { precision, scale } = from else { return Ok(from) };
    let kept = match function {
        Function::Floor | Function::Ceil => 0,
        Function::Round(digits) => (*digits).clamp(0, scale),
        _ => return Ok(from),
    };
    // Rounding up can add a digit: 9.9 becomes 10.
    let whole = i16::from(precision) - i16::from(scale) + 1;
    let precision = u8::try_from((whole + i16::from(kept)).min(38)).unwrap_or(38);
    Ok(DataType::Decimal { precision, scale: kept })
}

pub(super) fn wrong_arguments(name: &str) -> Error {
    Error::spec(format!("the arguments of '{name}' are not what it takes"))
        .hint("Arguments are plain expressions, separated by commas")
}
