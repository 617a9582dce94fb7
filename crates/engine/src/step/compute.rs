//! Filter, derive, set: steps that compute expressions.

use super::fields::{changed, position};
use super::rows::{Failures, Outcome, reject};
use crate::errors::{broken, no_column};
use crate::expression::{Evaluated, Expression, is_true};
use crate::frame::Frame;
use arrow::array::BooleanArray;
use arrow::compute::kernels::zip::zip;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::step::Set;

/// Keeps the rows where the condition is true; a null is not true.
pub(super) fn filter(condition: &Expression, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
    let (values, failures) = condition.evaluate_condition(frame)?;
    let mut kept = BooleanArray::new(is_true(&values), None);
    if !failures.is_empty() {
        kept = (0..frame.len()).map(|row| Some(kept.value(row) && !failures.contains_key(&row))).collect();
    }
    outcome.filtered += (frame.len() - kept.true_count() - failures.len()) as u64;
    for (row, reason) in &failures {
        outcome.rejected.push(frame.reject(*row, None, format!("{reason}, in the filter {}", condition.text())));
    }
    frame.filter(&kept)
}

/// New values of columns, all computed from the frame as it was before the step.
#[derive(Debug, Clone)]
pub(super) struct Compute {
    /// Only where this is true.
    condition: Option<Expression>,
    /// The position after the step.
    values: Vec<(usize, Expression)>,
    /// The positions that were not there before.
    made: BTreeSet<usize>,
}

pub(super) fn derive(values: &BTreeMap<String, String>, schema: &Schema) -> Result<(Compute, Schema)> {
    let mut after = schema.clone();
    let mut computed = Vec::new();
    let made = (schema.fields.len()..schema.fields.len() + values.len()).collect();
    for (name, text) in values {
        if name.trim().is_empty() {
            return Err(Error::spec("a column needs a name").hint("Write: derive: {name: expression}"));
        }
        let expression = Expression::parse(text, schema).map_err(|error| error.at_path(name))?;
        let field = expression.field(name);
        let index = if let Some(index) = schema.fields.iter().position(|field| field.name == *name) {
            if let Some(slot) = after.fields.get_mut(index) {
                *slot = changed(slot, field);
            }
            index
        } else {
            after.fields.push(field);
            after.fields.len() - 1
        };
        computed.push((index, expression));
    }
    Ok((Compute { condition: None, values: computed, made }, after))
}

pub(super) fn set(set: &Set, schema: &Schema) -> Result<(Compute, Schema)> {
    let condition = Expression::condition(&set.condition, schema).map_err(|error| error.at_path("where"))?;
    let mut after = schema.clone();
    let mut computed = Vec::new();
    for (name, text) in &set.values {
        let index = position(name, schema).map_err(|_| {
            let error = no_column(name, schema);
            let hint = error.hint_text().unwrap_or_default().to_owned();
            error.at_path(format!("values.{name}")).hint(format!("{hint}. To make a new column use derive"))
        })?;
        let Some(field) = after.fields.get_mut(index) else { continue };
        let expression = Expression::parse_as(text, schema, field.data_type);
        let expression = expression.map_err(|error| error.at_path(format!("values.{name}")))?;
        field.nullable |= expression.nullable();
        computed.push((index, expression));
    }
    Ok((Compute { condition: Some(condition), values: computed, made: BTreeSet::new() }, after))
}

impl Compute {
    /// Adds the columns of the input that are read. A replaced column is one too: it says where the new one stands.
    pub(super) fn needed(&self, into: &mut BTreeSet<usize>) {
        for (index, expression) in &self.values {
            if !self.made.contains(index) {
                into.insert(*index);
            }
            expression.columns(into);
        }
        self.condition.iter().for_each(|condition| condition.columns(into));
    }

    /// The condition under which, and what each column becomes.
    pub(super) fn parts(&self) -> (Option<&Expression>, &[(usize, Expression)]) {
        (self.condition.as_ref(), &self.values)
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut failures = Failures::new();
        let mask = match &self.condition {
            None => None,
            Some(condition) => {
                let (values, failed) = condition.evaluate_condition(frame)?;
                failures.extend(failed.into_iter().map(|(row, reason)| (row, (None, reason))));
                // A null condition is not true: the row keeps its values.
                Some(BooleanArray::new(is_true(&values), None))
            }
        };
        let mut arrays = frame.rows.columns().to_vec();
        for (index, expression) in &self.values {
            let Evaluated { values, failures: failed } = expression.evaluate_where(frame, mask.as_ref())?;
            let name = schema.fields.get(*index).map(|field| field.name.clone());
            for (row, reason) in failed {
                failures.entry(row).or_insert_with(|| (name.clone(), reason));
            }
            match (arrays.get_mut(*index), &mask) {
                (Some(slot), Some(mask)) => *slot = zip(mask, &values, &*slot).map_err(|error| broken(&error))?,
                (Some(slot), None) => *slot = values,
                (None, _) => arrays.push(values),
            }
        }
        let done = Frame::new(schema.clone(), arrays, frame.numbers.clone())?;
        reject(frame, done, failures, outcome)
    }
}
