//! Aggregates: `count(*)`, `count(x)`, `count(distinct x)`, `sum`, `min`, `max`, `avg`, and expressions over them.
//!
//! `sum` of integers is int64, of decimals exact with 38 digits, of floats float64. `avg` of decimals keeps four more
//! digits, rounded half away from zero; of other numbers it is float64. A sum out of range is an error of the run: no
//! single row is to blame. Nulls are left out; a group of nulls gives null, and 0 for `count`.

use crate::convert::{is_integer, is_number};
use crate::expression::accumulate::Accumulator;
use crate::expression::bind::Binder;
use crate::expression::call::wrong_arguments;
use crate::expression::node::{Kind, Node};
use crate::expression::{arithmetic, evaluate::Evaluation, syntax};
use crate::{broken, frame::Frame};
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use sqlparser::ast::{DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments};
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::to_arrow};

/// The aggregated expression of each call, none for `count(*)`, and the rows where one fails.
type Arguments = (Vec<Option<ArrayRef>>, BTreeMap<usize, String>);

/// Rows that belong together, in the order in which they count.
pub(crate) type Group = Vec<u32>;

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
    pub(super) aggregate: Aggregate,
    argument: Option<Node>,
    pub(super) data_type: DataType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
}

impl Measure {
    /// `by` are the columns that the expression may use outside of aggregates.
    pub(crate) fn parse(name: &str, text: &str, input: &Schema, by: &Schema) -> Result<Self> {
        let parsed = syntax::parse(text)?;
        let mut binder = Binder { schema: by, text, aggregates: Some((input, Vec::new())) };
        let outer = binder.bind(&parsed)?;
        let calls = binder.aggregates.map(|(_, calls)| calls).unwrap_or_default();
        if calls.is_empty() {
            return Err(nothing(text));
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

    /// The columns of the input that the aggregated expressions read, by position.
    pub(crate) fn columns(&self, into: &mut BTreeSet<usize>) {
        self.calls.iter().filter_map(|call| call.argument.as_ref()).for_each(|argument| argument.columns(into));
    }

    /// The types of the aggregated expressions that there are.
    pub(crate) fn argument_types(&self) -> impl Iterator<Item = Option<DataType>> + '_ {
        self.calls.iter().map(|call| call.argument.as_ref().map(|argument| argument.data_type))
    }

    pub(crate) fn accumulators(&self) -> Result<Vec<Accumulator>> {
        self.calls.iter().map(Accumulator::new).collect()
    }

    /// More rows. `first` gives the row number with which a group began.
    pub(crate) fn update(
        &self,
        accumulators: &mut [Accumulator],
        arguments: &[Option<ArrayRef>],
        groups: &UInt32Array,
        total: usize,
        first: impl Fn(usize) -> u64,
    ) -> Result<()> {
        for ((call, accumulator), argument) in self.calls.iter().zip(accumulators).zip(arguments) {
            if let Some(group) = accumulator.update(argument.as_ref(), groups, total)? {
                return Err(call.overflow(first(group)));
            }
        }
        Ok(())
    }

    /// The aggregates, a column a call.
    pub(crate) fn finish(
        &self,
        accumulators: Vec<Accumulator>,
        total: usize,
        first: impl Fn(usize) -> u64,
    ) -> Result<Vec<ArrayRef>> {
        let all = self.calls.iter().zip(accumulators);
        all.map(|(call, accumulator)| accumulator.finish(total, |group| call.overflow(first(group)))).collect()
    }

    /// One value a group of rows that are all here, and the groups where the measure fails.
    pub(crate) fn of_groups(
        &self,
        frame: &Frame,
        arguments: &[Option<ArrayRef>],
        groups: &[Group],
    ) -> Result<(ArrayRef, BTreeMap<usize, String>)> {
        // Each group's rows in its own order: sums of floats depend on it.
        let order = UInt32Array::from_iter_values(groups.iter().flatten().copied());
        let of = (0_u32..).zip(groups).flat_map(|(group, rows)| std::iter::repeat_n(group, rows.len()));
        let of = UInt32Array::from_iter_values(of);
        let ordered = |argument: &Option<ArrayRef>| {
            argument.as_ref().map(|values| take(values, &order, None).map_err(|error| broken(&error))).transpose()
        };
        let arguments = arguments.iter().map(ordered).collect::<Result<Vec<_>>>()?;
        let first =
            |group: usize| groups.get(group).and_then(|rows| rows.first()).map_or(0, |row| frame.number(*row as usize));
        let mut accumulators = self.accumulators()?;
        self.update(&mut accumulators, &arguments, &of, groups.len(), first)?;
        self.outer(&[], &self.finish(accumulators, groups.len(), first)?)
    }

    /// The measure of groups whose aggregates are there, and the groups where it fails.
    pub(crate) fn outer(
        &self,
        keys: &[(Field, ArrayRef)],
        aggregates: &[ArrayRef],
    ) -> Result<(ArrayRef, BTreeMap<usize, String>)> {
        let mut fields: Vec<Field> = keys.iter().map(|(field, _)| field.clone()).collect();
        let mut columns: Vec<ArrayRef> = keys.iter().map(|(_, column)| column.clone()).collect();
        for (position, (call, values)) in self.calls.iter().zip(aggregates).enumerate() {
            fields.push(Field::new(format!("aggregate {position}"), call.data_type));
            columns.push(values.clone());
        }
        let batch = RecordBatch::try_new(to_arrow(&Schema::new(fields)), columns).map_err(|error| broken(&error))?;
        let mut evaluation = Evaluation::new(&batch);
        let values = evaluation.node(&self.outer, None)?;
        Ok((values, evaluation.failures()))
    }
}

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

impl AggregateCall {
    /// The type of what is aggregated.
    pub(super) fn from(&self) -> DataType {
        self.argument.as_ref().map_or(DataType::Int64, |argument| argument.data_type)
    }

    fn overflow(&self, row: u64) -> Error {
        Error::data(format!("the sum of a group is out of range of {}", self.data_type))
            .in_row(row)
            .hint("Cast the column to decimal(38,0), or to float64 when digits do not matter")
    }
}
