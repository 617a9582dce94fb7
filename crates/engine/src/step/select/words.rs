//! What the parts of a SELECT share: the name of the dataset itself, outputs by name or number, what is refused.

use sqlparser::ast::{Expr, Ident, Value};
use windvane_core::error::Error;

/// What the dataset is called in its own query.
pub(super) const INPUT: &str = "input";

/// The output that an expression of ORDER BY or GROUP BY names or counts.
pub(super) fn output(expr: &Expr, outputs: &[(Expr, String)]) -> Option<usize> {
    match expr {
        Expr::Identifier(name) => outputs.iter().position(|(_, output)| *output == name.value),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < outputs.len()),
            _ => None,
        },
        _ => outputs.iter().position(|(output, _)| output == expr),
    }
}

pub(super) fn identifier(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

pub(super) fn refused(what: &str, hint: &str) -> Error {
    Error::unsupported(format!("{what} has no form in our verbs")).hint(hint)
}
