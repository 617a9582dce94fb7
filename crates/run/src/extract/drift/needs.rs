//! Which columns of its inputs an output needs.

use std::collections::BTreeMap;
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_engine::step;
use windvane_plan::{Input, Output, Plan, plain};

/// Whether the output needs this column of the input.
pub(crate) fn needs(plan: &Plan, output: &Output, input: &Input, column: &str) -> bool {
    let steps = plain(&output.steps);
    let schemas: BTreeMap<&str, &Schema> =
        plan.inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let Some(from) = lookup(&output.from) else { return true };
    let Ok(needed) = step::needed(&steps, &from, &lookup) else { return true };
    if output.from == input.name {
        let watched = output.incremental.as_ref().is_some_and(|incremental| incremental.column == column);
        return watched || needed.input.field(column).is_some();
    }
    let referenced = output.checks.iter().any(|planned| {
        let Check::References(check) = &planned.check else { return false };
        check.dataset == input.name && check.key.as_ref().unwrap_or(&check.column) == column
    });
    referenced || needed.others.get(&input.name).is_none_or(|columns| columns.contains(column))
}
