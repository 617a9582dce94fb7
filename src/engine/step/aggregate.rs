//! Aggregate: one row a group, in the order in which the groups appear. A group has the row number of its first row.

use crate::engine::broken;
use crate::engine::expression::measure::{Group, Measure};
use crate::engine::frame::Frame;
use crate::engine::step::{Failures, Outcome, deduplicate::keys, position, reject, unique};
use crate::error::{Error, Result};
use crate::schema::{Field, Schema};
use crate::spec::step::Aggregate as Step;
use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use polars::prelude::DataFrame;

#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    by: Vec<usize>,
    measures: Vec<Measure>,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<(Aggregate, Schema)> {
    unique(step.by.0.iter().map(String::as_str))?;
    let by = step.by.0.iter().map(|name| position(name, schema).map_err(|error| error.at_path("by")));
    let by = by.collect::<Result<Vec<_>>>()?;
    let mut after = Schema::new(by.iter().filter_map(|index| schema.fields.get(*index).cloned()).collect());
    let grouped = after.clone();
    let mut measures = Vec::new();
    for (name, text) in &step.measures {
        let measure = Measure::parse(name, text, schema, &grouped);
        let measure = measure.map_err(|error| error.at_path(format!("measures.{name}")))?;
        after.fields.push(measure.field.clone());
        measures.push(measure);
    }
    if after.fields.is_empty() {
        return Err(Error::spec("the aggregate makes no column").hint("Give it `by`, `measures`, or both"));
    }
    unique(after.names())?;
    Ok((Aggregate { by, measures }, after))
}

impl Aggregate {
    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let frame = &self.without_failures(frame, outcome)?;
        if frame.is_empty() {
            return Ok(Frame::empty(schema.clone()));
        }
        let groups = self.groups(frame)?;
        let firsts: UInt32Array = groups.iter().map(|group| group.first().copied()).collect();
        let numbers = take(&frame.numbers, &firsts, None).map_err(|error| broken(&error))?;
        let mut grouped: Vec<(Field, ArrayRef)> = Vec::new();
        for index in &self.by {
            let (Some(array), Some(field)) = (frame.rows.columns().get(*index), frame.schema.fields.get(*index)) else {
                return Err(Error::internal("an aggregate outlived its column"));
            };
            grouped.push((field.clone(), take(array, &firsts, None).map_err(|error| broken(&error))?));
        }
        let mut columns: Vec<ArrayRef> = grouped.iter().map(|(_, column)| column.clone()).collect();
        let mut failures = Failures::new();
        for measure in &self.measures {
            let (arguments, _) = measure.arguments(frame)?;
            let (values, failed) = measure.compute(frame, &arguments, &groups, &grouped)?;
            columns.push(values);
            for (group, reason) in failed {
                failures.entry(group).or_insert((Some(measure.field.name.clone()), reason));
            }
        }
        outcome.filtered += (frame.len() - groups.len()) as u64;
        let done = Frame::new(schema.clone(), columns, numbers.as_primitive::<Int64Type>().clone())?;
        reject(&done.clone(), done, failures, outcome)
    }

    /// Rows whose aggregated expression fails go before the groups are made.
    fn without_failures(&self, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut failures = Failures::new();
        for measure in &self.measures {
            let (_, failed) = measure.arguments(frame)?;
            for (row, reason) in failed {
                failures.entry(row).or_insert((Some(measure.field.name.clone()), reason));
            }
        }
        reject(frame, frame.clone(), failures, outcome)
    }

    fn groups(&self, frame: &Frame) -> Result<Vec<Group>> {
        let rows = u32::try_from(frame.len()).map_err(|_| {
            Error::unsupported("more than 4 billion rows cannot be aggregated at once")
                .hint("Filter before the aggregate")
        })?;
        if self.by.is_empty() {
            return Ok(vec![(0..rows).collect()]);
        }
        let (columns, names) = keys(frame, &self.by, "k")?;
        let table = DataFrame::new(frame.len(), columns).map_err(|error| broken(&error))?;
        let grouped = table.group_by_stable(names).map_err(|error| broken(&error))?;
        let groups = grouped.get_groups().iter().map(|group| match group {
            polars::prelude::GroupsIndicator::Idx((_, all)) => all.iter().copied().collect(),
            polars::prelude::GroupsIndicator::Slice([first, length]) => (first..first + length).collect(),
        });
        Ok(groups.collect())
    }
}
