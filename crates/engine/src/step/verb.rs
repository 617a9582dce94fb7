//! A step that fits the columns that it meets.

use super::{aggregate, columns, compute, deduplicate, join, json, order, python, reshape, text, window};
use crate::expression::Expression;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;
use windvane_core::spec::verb::Filling;

#[derive(Debug, Clone)]
pub(super) enum Verb {
    /// Columns by position, under the names of the schema: select, drop, rename.
    Keep(Vec<usize>),
    Convert(columns::Convert),
    Fill(columns::Fill),
    Filter(Expression),
    Compute(compute::Compute),
    Join(join::Join),
    Deduplicate(deduplicate::Deduplicate),
    Aggregate(aggregate::Aggregate),
    Refill(Vec<window::Refill>),
    Window(window::Window),
    Sort(order::Sort),
    Unpivot(reshape::Unpivot),
    Explode(reshape::Explode),
    Flatten(json::Flatten),
    Split(text::Split),
    Mask(text::Mask),
    Python(python::Python),
}

impl Verb {
    /// Columns that were there before, by position after the step, in which it may put values that their home never held
    /// (null aside): what the home declares of them, the native type, is then true no longer.
    fn rewritten(&self) -> BTreeSet<usize> {
        match self {
            Self::Convert(convert) => convert.needed().collect(),
            Self::Fill(fill) => fill.needed().collect(),
            Self::Compute(compute) => compute.parts().1.iter().map(|(index, _)| *index).collect(),
            // Another row's value is of the column's type, but what was unique is no more.
            Self::Refill(refills) => refills.iter().map(window::Refill::index).collect(),
            Self::Window(window) => window.made().collect(),
            Self::Explode(explode) => [explode.index()].into(),
            Self::Mask(mask) => mask.rewritten().collect(),
            // They choose rows and columns, or make new columns.
            Self::Keep(_)
            | Self::Filter(_)
            | Self::Join(_)
            | Self::Deduplicate(_)
            | Self::Aggregate(_)
            | Self::Sort(_)
            | Self::Unpivot(_)
            | Self::Flatten(_)
            | Self::Split(_)
            | Self::Python(_) => BTreeSet::new(),
        }
    }
}

/// The step as the columns let it be, and the columns after it.
pub(super) fn check(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(Verb, Schema)> {
    let (verb, mut after) = fitted(step, schema, lookup)?;
    for index in verb.rewritten() {
        if let Some(field) = after.fields.get_mut(index) {
            field.native_type = None;
        }
    }
    Ok((verb, after))
}

fn fitted(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(Verb, Schema)> {
    match step {
        Step::Select(names) => columns::select(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Drop(names) => columns::drop(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Rename(names) => columns::rename(names, schema).map(|(kept, after)| (Verb::Keep(kept), after)),
        Step::Cast(types) => columns::cast(types, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Parse(parse) => columns::parse(parse, schema).map(|(verb, after)| (Verb::Convert(verb), after)),
        Step::Fill(values) => filled(values, schema),
        Step::Filter(condition) => {
            let condition = Expression::condition(condition, schema)?;
            Ok((Verb::Filter(condition), schema.clone()))
        }
        Step::Derive(values) => compute::derive(values, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Set(set) => compute::set(set, schema).map(|(verb, after)| (Verb::Compute(verb), after)),
        Step::Join(step) => join::check(step, schema, lookup).map(|(verb, after)| (Verb::Join(verb), after)),
        Step::Deduplicate(step) => {
            deduplicate::check(step, schema).map(|verb| (Verb::Deduplicate(verb), schema.clone()))
        }
        Step::Aggregate(step) => aggregate::check(step, schema).map(|(verb, after)| (Verb::Aggregate(verb), after)),
        Step::Window(step) => window::check(step, schema).map(|(verb, after)| (Verb::Window(verb), after)),
        Step::Sort(step) => order::check(step, schema).map(|verb| (Verb::Sort(verb), schema.clone())),
        Step::Unpivot(step) => reshape::unpivot(step, schema).map(|(verb, after)| (Verb::Unpivot(verb), after)),
        Step::Explode(step) => reshape::explode(step, schema).map(|(verb, after)| (Verb::Explode(verb), after)),
        Step::Flatten(step) => json::check(step, schema).map(|(verb, after)| (Verb::Flatten(verb), after)),
        Step::Split(step) => text::split(step, schema).map(|(verb, after)| (Verb::Split(verb), after)),
        Step::Mask(step) => text::mask(step, schema).map(|(verb, after)| (Verb::Mask(verb), after)),
        Step::Python(step) => python::check(step).map(|(verb, after)| (Verb::Python(verb), after)),
        Step::Pivot(_) | Step::Sql(_) => Err(Error::internal("a step was not expanded")),
    }
}

/// Constants need one row at a time, other rows' values need them all: `expand` has told the two apart.
fn filled(values: &BTreeMap<String, Filling>, schema: &Schema) -> Result<(Verb, Schema)> {
    let mut constants = BTreeMap::new();
    let mut others = Vec::new();
    for (name, value) in values {
        match value {
            Filling::Value(value) => _ = constants.insert(name.clone(), value.to_json()),
            Filling::From(from) => others.push(window::refill(name, from, schema)?),
        }
    }
    if others.is_empty() {
        return columns::fill(&constants, schema).map(|(verb, after)| (Verb::Fill(verb), after));
    }
    Ok((Verb::Refill(others), schema.clone()))
}
