//! Outputs whose steps or checks have changed, with what follows from them.

use super::strategy::pushdown;
use crate::document::Plan;
use crate::output::{Output, PlannedCheck, PlannedStep};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::By;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::Strategy;
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;
use windvane_core::spec::template::is_template;
use windvane_engine as engine;
use windvane_engine::step::Program;

/// An output whose steps or checks have changed, with what follows from them.
pub(crate) fn refitted(plan: &Plan, mut output: Output) -> Result<Output> {
    let schemas: BTreeMap<&str, &Schema> =
        plan.inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let input =
        lookup(&output.from).ok_or_else(|| Error::internal(format!("the plan lacks the input '{}'", output.from)))?;
    // What a run fills in is not there yet; it chooses rows and changes no column.
    let filled = |planned: &&PlannedStep| !matches!(&planned.step, Step::Filter(text) if is_template(text));
    let steps: Vec<Step> = output.steps.iter().filter(filled).map(|planned| planned.step.clone()).collect();
    output.schema = engine::plan_schema(&steps, &input, &lookup)?;
    for planned in &output.checks {
        engine::check_schema(&planned.check, &output.schema, &lookup)?;
    }
    if let Some(lost) = output.key.iter().find(|column| output.schema.field(column).is_none()) {
        return Err(Error::spec(format!("the key column '{lost}' would not be loaded")));
    }
    if output.strategy.sql.is_some() {
        output.strategy.sql = Some(pushdown(&steps, &output.from, &input, &lookup, &plan.target)?);
    }
    let whole = Program::new(&steps, &input, &lookup).is_ok_and(|program| program.next_whole(0).is_some());
    if whole && output.strategy.by != By::Spec && output.strategy.strategy == Strategy::Fused {
        output.strategy.strategy = Strategy::Staged;
        "a step needs all rows, so they rest before it anyway".clone_into(&mut output.strategy.reason);
    }
    output.reads = reads(&output.steps, &output.checks, &output.from);
    Ok(output)
}

pub(super) fn reads(steps: &[PlannedStep], checks: &[PlannedCheck], from: &str) -> Vec<String> {
    let joins = steps.iter().flat_map(|planned| engine::step::reads(&planned.step));
    let references = checks.iter().filter_map(|planned| {
        if let Check::References(references) = &planned.check { Some(references.dataset.clone()) } else { None }
    });
    let all: BTreeSet<String> = joins.chain(references).filter(|name| name != from).collect();
    all.into_iter().collect()
}
