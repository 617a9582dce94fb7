//! Aggregates: `count(*)`, `count(x)`, `count(distinct x)`, `sum`, `min`, `max`, `avg`, and expressions over them.
//!
//! `sum` of integers is int64, of decimals exact with 38 digits, of floats float64. `avg` of decimals keeps four more
//! digits, rounded half away from zero; of other numbers it is float64. A sum out of range is an error of the run: no
//! single row is to blame. Nulls are left out; a group of nulls gives null, and 0 for `count`.

use super::accumulate::Accumulator;
use super::aggregate::{Aggregate, AggregateCall};
use super::aggregates::nothing;
use super::bind::Binder;
use super::evaluate::Evaluation;
use super::node::Node;
use super::syntax;
use crate::errors::broken;
use crate::frame::Frame;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::Result;
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
