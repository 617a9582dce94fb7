//! Aggregate calls to checked nodes, inside a measure.

use super::aggregate::{Aggregate, AggregateCall};
use super::bind::Binder;
use super::node::{Kind, Node};
use super::signature::wrong_arguments;
use super::{arithmetic, syntax};
use crate::convert::{is_integer, is_number};
use sqlparser::ast::{DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments};
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

/// A measure that holds no aggregate.
pub(super) fn nothing(text: &str) -> Error {
    Error::spec(format!("{} aggregates nothing", syntax::shown(text)))
        .hint("A measure holds count(*), count(x), count(distinct x), sum(x), min(x), max(x) or avg(x)")
}

/// An aggregate where one row at a time is computed.
pub(super) fn not_for_a_row(name: &str) -> Error {
    Error::unsupported(format!("'{name}' has no meaning for a single row"))
        .hint("Aggregates go into the measures of an aggregate step, and not inside each other")
}

/// An aggregate call inside a measure; refused everywhere else.
pub(super) fn call(binder: &mut Binder<'_>, name: &str, call: &Call) -> Result<Node> {
    let Some((input, calls)) = &mut binder.aggregates else {
        return Err(not_for_a_row(name));
    };
    let FunctionArguments::List(list) = &call.args else { return Err(wrong_arguments(name)) };
    let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else { return Err(wrong_arguments(name)) };
    if !list.clauses.is_empty() {
        return Err(wrong_arguments(name));
    }
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    let argument = match argument {
        FunctionArgExpr::Wildcard if name == "count" && !distinct => None,
        FunctionArgExpr::Expr(expr) => Some(Binder::new(input, binder.text).bind(expr)?),
        _ => return Err(wrong_arguments(name)),
    };
    let aggregate = match (name, distinct) {
        ("count", false) => Aggregate::Count,
        ("count", true) => Aggregate::CountDistinct,
        ("sum", false) => Aggregate::Sum,
        ("avg", false) => Aggregate::Avg,
        ("min", _) => Aggregate::Min,
        ("max", _) => Aggregate::Max,
        _ => {
            return Err(Error::unsupported(format!("{name}(distinct ...) is not known"))
                .hint("DISTINCT works with count, min and max"));
        }
    };
    let from = argument.as_ref().map(|argument| argument.data_type);
    let data_type = result_type(aggregate, from, name)?;
    let counts = matches!(aggregate, Aggregate::Count | Aggregate::CountDistinct);
    let nullable = !counts && argument.as_ref().is_some_and(|argument| argument.nullable);
    calls.push(AggregateCall { aggregate, argument, data_type });
    let position = binder.schema.fields.len() + calls.len() - 1;
    Ok(Node::new(Kind::Column(position), data_type, nullable))
}

fn result_type(aggregate: Aggregate, from: Option<DataType>, name: &str) -> Result<DataType> {
    let Some(from) = from else { return Ok(DataType::Int64) };
    match aggregate {
        Aggregate::Count | Aggregate::CountDistinct => Ok(DataType::Int64),
        Aggregate::Min | Aggregate::Max => Ok(from),
        Aggregate::Sum | Aggregate::Avg if !is_number(from) => {
            Err(Error::spec(format!("{name} needs a number and got {from}")).hint("Cast the column to a number first"))
        }
        Aggregate::Sum if is_integer(from) => Ok(DataType::Int64),
        Aggregate::Sum | Aggregate::Avg => Ok(match from {
            DataType::Decimal { scale, .. } if aggregate == Aggregate::Avg => {
                DataType::Decimal { precision: 38, scale: (scale + arithmetic::EXTRA_SCALE).min(38) }
            }
            DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale },
            _ => DataType::Float64,
        }),
    }
}
