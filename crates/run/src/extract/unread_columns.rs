//! Columns that are never read: their home holds values that our types would cut, and no step needs them.

use super::drift::needs;
use std::collections::BTreeSet;
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;
use windvane_engine::step;
use windvane_plan::{Input, Output, Plan, plain};

/// The columns of an input that an output does not read even where it reads all.
pub(super) fn unread(plan: &Plan, output: &Output, input: &Input) -> BTreeSet<String> {
    let finer = input.schema.fields.iter().filter(|field| field.is_finer());
    finer.map(|field| field.name.clone()).filter(|name| !needs(plan, output, input, name)).collect()
}

/// The output's steps, as they fit an input of which some columns are never read.
pub fn steps(plan: &Plan, output: &Output, kept: &Schema) -> Vec<Step> {
    let steps = plain(&output.steps);
    let Some(input) = plan.input(&output.from) else { return steps };
    let mut lacking = unread(plan, output, input);
    lacking.retain(|name| kept.field(name).is_none());
    if lacking.is_empty() { steps } else { step::without(steps, &lacking) }
}
