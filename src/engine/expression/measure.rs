//! Aggregates: `count(*)`, `count(x)`, `count(distinct x)`, `sum`, `min`, `max`, `avg`, and expressions over them.
//!
//! `sum` of integers is int64, of decimals exact with 38 digits, of floats float64. `avg` of decimals keeps four more
//! digits, rounded half away from zero; of other numbers it is float64. A sum out of range is an error of the run: no
//! single row is to blame. Nulls are left out; a group of nulls gives null, and 0 for `count`.

use crate::engine::convert::{decimals, floats, is_float, is_integer, is_number, within};
use crate::engine::expression::bind::Binder;
use crate::engine::expression::call::wrong_arguments;
use crate::engine::expression::node::{Kind, Node};
use crate::engine::expression::{arithmetic, evaluate::Evaluation, syntax};
use crate::engine::{broken, frame::Frame};
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema, arrow::to_arrow, arrow::type_to_arrow};
use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, UInt32Array, make_comparator,
};
use arrow::compute::{SortOptions, take};
use arrow::row::{RowConverter, SortField};
use sqlparser::ast::{DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The aggregated expression of each call, none for `count(*)`, and the rows where one fails.
type Arguments = (Vec<Option<ArrayRef>>, BTreeMap<usize, String>);

/// Word, argument and result of a call, for those who write it down.
type WrittenCall<'a> = (&'static str, Option<&'a Node>, DataType);

/// One new column of an aggregate step.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) field: Field,
    calls: Vec<AggregateCall>,
    outer: Node,
}

#[derive(Debug, Clone)]
pub(super) struct AggregateCall {
    aggregate: Aggregate,
    argument: Option<Node>,
    data_type: DataType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
}

/// The rows of one group, in order; never empty.
pub(crate) type Group = Vec<u32>;

impl Measure {
    /// `by` are the columns that the expression may use outside of aggregates.
    pub(crate) fn parse(name: &str, text: &str, input: &Schema, by: &Schema) -> Result<Self> {
        let parsed = syntax::parse(text)?;
        let mut binder = Binder { schema: by, text, aggregates: Some((input, Vec::new())) };
        let outer = binder.bind(&parsed)?;
        let calls = binder.aggregates.map(|(_, calls)| calls).unwrap_or_default();
        if calls.is_empty() {
            return Err(Error::spec(format!("{} aggregates nothing", syntax::shown(text)))
                .hint("A measure holds count(*), count(x), count(distinct x), sum(x), min(x), max(x) or avg(x)"));
        }
        let field = Field { nullable: outer.nullable, ..Field::new(name, outer.data_type) };
        Ok(Self { field, calls, outer })
    }

    /// The calls in order (word, argument, type), and the expression over the groups and their results.
    pub(super) fn written(&self) -> (Vec<WrittenCall<'_>>, &Node) {
        let word = |aggregate| match aggregate {
            Aggregate::Count => "count",
            Aggregate::CountDistinct => "count distinct",
            Aggregate::Sum => "sum",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::Avg => "avg",
        };
        let calls = self.calls.iter().map(|call| (word(call.aggregate), call.argument.as_ref(), call.data_type));
        (calls.collect(), &self.outer)
    }

    /// The aggregated expressions of every row, and the rows where one fails.
    pub(crate) fn arguments(&self, frame: &Frame) -> Result<Arguments> {
        let mut evaluation = Evaluation::new(&frame.rows);
        let mut arguments = Vec::new();
        for call in &self.calls {
            arguments.push(call.argument.as_ref().map(|argument| evaluation.node(argument, None)).transpose()?);
        }
        Ok((arguments, evaluation.failures()))
    }

    /// One value a group, and the groups where the expression over the aggregates fails.
    pub(crate) fn compute(
        &self,
        frame: &Frame,
        arguments: &[Option<ArrayRef>],
        groups: &[Group],
        keys: &[(Field, ArrayRef)],
    ) -> Result<(ArrayRef, BTreeMap<usize, String>)> {
        let mut fields: Vec<Field> = keys.iter().map(|(field, _)| field.clone()).collect();
        let mut columns: Vec<ArrayRef> = keys.iter().map(|(_, column)| column.clone()).collect();
        for (position, (call, argument)) in self.calls.iter().zip(arguments).enumerate() {
            fields.push(Field::new(format!("aggregate {position}"), call.data_type));
            columns.push(call.compute(frame, argument.as_ref(), groups)?);
        }
        let batch = RecordBatch::try_new(to_arrow(&Schema::new(fields)), columns).map_err(|error| broken(&error))?;
        let mut evaluation = Evaluation::new(&batch);
        let values = evaluation.node(&self.outer, None)?;
        Ok((values, evaluation.failures()))
    }
}

/// An aggregate call inside a measure; refused everywhere else.
pub(super) fn call(binder: &mut Binder<'_>, name: &str, call: &Call) -> Result<Node> {
    let Some((input, calls)) = &mut binder.aggregates else {
        return Err(Error::unsupported(format!("'{name}' has no meaning for a single row"))
            .hint("Aggregates go into the measures of an aggregate step, and not inside each other"));
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

impl AggregateCall {
    fn compute(&self, frame: &Frame, argument: Option<&ArrayRef>, groups: &[Group]) -> Result<ArrayRef> {
        let Some(array) = argument else {
            let counts = groups.iter().map(|group| i64::try_from(group.len()).ok());
            return Ok(Arc::new(counts.collect::<Int64Array>()));
        };
        let from = self.argument.as_ref().map_or(DataType::Int64, |argument| argument.data_type);
        let valid = |group: &Group| -> Vec<usize> {
            group.iter().map(|row| *row as usize).filter(|row| array.is_valid(*row)).collect()
        };
        let overflow = |group: &Group| {
            let row = group.first().map_or(0, |row| frame.number(*row as usize));
            Error::data(format!("the sum of a group is out of range of {}", self.data_type))
                .in_row(row)
                .hint("Cast the column to decimal(38,0), or to float64 when digits do not matter")
        };
        match self.aggregate {
            Aggregate::Count => {
                let counts = groups.iter().map(|group| i64::try_from(valid(group).len()).ok());
                Ok(Arc::new(counts.collect::<Int64Array>()))
            }
            Aggregate::CountDistinct => {
                let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())]);
                let rows = converter.and_then(|converter| converter.convert_columns(std::slice::from_ref(array)));
                let rows = rows.map_err(|error| broken(&error))?;
                let counts = groups.iter().map(|group| {
                    let seen: HashSet<_> = valid(group).into_iter().map(|row| rows.row(row)).collect();
                    i64::try_from(seen.len()).ok()
                });
                Ok(Arc::new(counts.collect::<Int64Array>()))
            }
            Aggregate::Min | Aggregate::Max => {
                let order = make_comparator(array, array, SortOptions::default()).map_err(|error| broken(&error))?;
                let chosen = groups.iter().map(|group| {
                    let rows = valid(group).into_iter();
                    let best = if self.aggregate == Aggregate::Min {
                        rows.min_by(|left, right| order(*left, *right))
                    } else {
                        rows.max_by(|left, right| order(*left, *right))
                    };
                    best.and_then(|row| u32::try_from(row).ok())
                });
                take(array, &chosen.collect::<UInt32Array>(), None).map_err(|error| broken(&error))
            }
            Aggregate::Sum | Aggregate::Avg if is_float(from) || (self.data_type == DataType::Float64) => {
                let values = floats(array)?;
                let results = groups.iter().map(|group| {
                    let rows = valid(group);
                    let sum: f64 = rows.iter().map(|row| values.value(*row)).sum();
                    #[expect(clippy::cast_precision_loss, reason = "an average of floats is not exact anyway")]
                    let divisor = if self.aggregate == Aggregate::Avg { rows.len() as f64 } else { 1.0 };
                    (!rows.is_empty()).then(|| sum / divisor)
                });
                Ok(Arc::new(results.collect::<Float64Array>()))
            }
            Aggregate::Sum | Aggregate::Avg => {
                let (values, _) = decimals(array, from)?;
                let mut results = Vec::with_capacity(groups.len());
                for group in groups {
                    let rows = valid(group);
                    let sum = rows.iter().try_fold(0_i128, |sum, row| sum.checked_add(values.value(*row)));
                    let sum = sum.ok_or_else(|| overflow(group))?;
                    results.push((sum, rows.len()));
                }
                self.exact(&results, groups, overflow)
            }
        }
    }

    /// Digits behind the point that the result has beyond the argument's.
    fn extra_scale(&self) -> i8 {
        let from = self.argument.as_ref().map_or(0, |argument| arithmetic::digits(argument.data_type).1);
        arithmetic::digits(self.data_type).1 - from
    }

    fn exact(&self, sums: &[(i128, usize)], groups: &[Group], overflow: impl Fn(&Group) -> Error) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(sums.len());
        for ((sum, count), group) in sums.iter().zip(groups) {
            let value = match (self.aggregate, i128::try_from(*count)) {
                (_, Ok(0)) => None,
                (Aggregate::Avg, Ok(count)) => {
                    let mean = arithmetic::divide(*sum, count, self.extra_scale());
                    Some(mean.filter(|mean| within(*mean, 38)).ok_or_else(|| overflow(group))?)
                }
                _ => Some(*sum),
            };
            values.push(value);
        }
        if self.data_type == DataType::Int64 {
            let mut narrow = Vec::with_capacity(values.len());
            for (value, group) in values.into_iter().zip(groups) {
                narrow.push(value.map(|value| i64::try_from(value).map_err(|_| overflow(group))).transpose()?);
            }
            return Ok(Arc::new(Int64Array::from(narrow)));
        }
        for (value, group) in values.iter().zip(groups) {
            if value.is_some_and(|value| !within(value, 38)) {
                return Err(overflow(group));
            }
        }
        Ok(Arc::new(Decimal128Array::from(values).with_data_type(type_to_arrow(self.data_type))))
    }
}
