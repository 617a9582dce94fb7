//! The pure planner: accepts or refuses each suggestion and gives the plan.

mod dataset;
mod load;
mod output;
mod refit;
mod strategy;

pub use dataset::{input, no_columns, unknown_dataset};
pub(super) use refit::refitted;

use super::inputs::PlanInputs;
use super::output::plain;
use super::plan_id::{ENGINE, with_id};
use crate::{Input, Output, Plan, Refused, SCHEMA, foreign_keys, own_text, passthrough, verbatim};
use output::output;
use std::collections::{BTreeMap, BTreeSet};
use strategy::pushdown;
use windvane_agents::By;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::{DatasetSpec, Spec};
use windvane_know::discover::{self, Catalog};

/// Builds the plan. The same `given` gives the same plan.
pub fn build(given: PlanInputs<'_>) -> Result<Plan> {
    let mut inputs: Vec<Input> = given.catalog.datasets.iter().map(|dataset| input(dataset, given.profiles)).collect();
    let loaded = loaded(given.spec, given.catalog)?;
    own_text::ask(given.spec, &loaded, &mut inputs);
    passthrough::read(given.carried, &mut inputs);
    let schemas: BTreeMap<&str, &Schema> = inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let mut decisions = given.told.to_vec();
    let mut outputs = Vec::new();
    for (name, settings) in loaded {
        outputs.push(output(given, &name, &settings, &schemas, &mut decisions)?);
    }
    distinct_targets(&outputs)?;
    foreign_keys::find(given, &schemas, &mut outputs)?;
    apart(given.spec, &outputs)?;
    let refused = discover::refused(given.spec, given.catalog);
    let refused = refused.iter().map(|(output, (input, error))| Refused::of(output, input, error)).collect();
    let needed: BTreeSet<&str> =
        outputs.iter().flat_map(|output| output.reads.iter().chain([&output.from])).map(String::as_str).collect();
    let inputs = inputs.iter().filter(|input| needed.contains(input.name.as_str())).cloned();
    let mut inputs: Vec<Input> = inputs.collect();
    let written = verbatim::of(&outputs, &inputs, &decisions);
    if !written.is_empty() {
        passthrough::read(&written, &mut inputs);
        pushed(given.spec, &inputs, &mut outputs)?;
    }
    with_id(Plan {
        schema: SCHEMA.to_owned(),
        id: String::new(),
        work: String::new(),
        pipeline: given.spec.pipeline.clone(),
        environment: given.environment.map(str::to_owned),
        engine: ENGINE.to_owned(),
        spec_hash: given.spec_hash.to_owned(),
        words: given.words.map(str::to_owned),
        sources: given.spec.named_sources(),
        target: given.spec.target.clone(),
        drift: given.spec.drift,
        errors: given.spec.errors.clone(),
        quarantine: given.spec.quarantine.clone(),
        staging: given.spec.staging.clone(),
        verify: given.spec.verify,
        inputs,
        outputs,
        refused,
        decisions,
    })
}

/// What runs at the target is told for the columns as they are read now.
fn pushed(spec: &Spec, inputs: &[Input], outputs: &mut [Output]) -> Result<()> {
    let schemas: BTreeMap<&str, &Schema> = inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    for output in outputs.iter_mut().filter(|output| output.strategy.sql.is_some()) {
        let Some(input) = lookup(&output.from) else { continue };
        let sql = pushdown(&plain(&output.steps), &output.from, &input, &lookup, &spec.target);
        output.strategy.sql = Some(sql.map_err(|error| error.in_table(&output.name))?);
    }
    Ok(())
}

/// The plan as a run uses it that nobody has reviewed: checks that were not asked for take no row away.
pub fn unreviewed(mut plan: Plan) -> Result<Plan> {
    for check in plan.outputs.iter_mut().flat_map(|output| &mut output.checks) {
        check.warns = match check.by {
            By::Spec => false,
            By::Rules | By::Model => true,
        };
    }
    with_id(plan)
}

/// The outputs and their settings.
fn loaded(spec: &Spec, catalog: &Catalog) -> Result<Vec<(String, DatasetSpec)>> {
    for (name, settings) in &spec.datasets {
        let from = settings.from.as_ref().unwrap_or(name);
        if catalog.dataset(from).is_none() && !catalog.broken.contains_key(from) {
            return Err(unknown_dataset(from, catalog).at_path(format!("datasets.{name}")));
        }
    }
    let outputs = discover::outputs(spec, catalog);
    if outputs.is_empty() {
        let mut refused = discover::refused(spec, catalog).into_iter();
        if let Some((name, (input, error))) = refused.next() {
            let others: Vec<String> = refused.map(|(name, (input, error))| also(&name, &input, error)).collect();
            let first = if name == input { error.clone() } else { Refused::of(&name, &input, error).error() };
            let hint = first.hint_text().map(|hint| format!("{hint}. ")).unwrap_or_default();
            return Err(if others.is_empty() {
                first
            } else {
                first.hint(format!("{hint}Also: {}", others.join("; ")))
            });
        }
        return Err(Error::spec("nothing is left to load").hint("Every dataset is joined to, or has `load: false`"));
    }
    Ok(outputs.into_keys().map(|name| (name.clone(), spec.datasets.get(&name).cloned().unwrap_or_default())).collect())
}

fn also(name: &str, input: &str, error: &Error) -> String {
    format!("{name}: {}", Refused::of(name, input, error).error())
}

fn distinct_targets(outputs: &[Output]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for output in outputs {
        // Names that differ in case only are one file on some systems and one table on some databases.
        if let Some(other) = seen.insert(output.dataset.to_lowercase(), &output.name) {
            let message = format!("'{other}' and '{}' would both be loaded into '{}'", output.name, output.dataset);
            return Err(Error::new(Kind::Spec, message).hint("Give one of them another name with `datasets.<name>.to`"));
        }
    }
    Ok(())
}

/// Rows that are refused are none of a dataset's.
fn apart(spec: &Spec, outputs: &[Output]) -> Result<()> {
    let Some(quarantine) = &spec.quarantine else { return Ok(()) };
    let table = quarantine.table.to_lowercase();
    match outputs.iter().find(|output| output.dataset.to_lowercase() == table) {
        Some(output) => Err(Error::spec(format!("'{}' is loaded into this table", output.name))
            .at_path("quarantine.table")
            .hint("Give the quarantine a table of its own")),
        None => Ok(()),
    }
}
