//! The plan as it would be with the source as it is now: written beside the plan for a person to read.

use super::names;
use crate::agents::By;
use crate::agents::mapper::Mapping;
use crate::connectors::{Context, Found};
use crate::engine;
use crate::error::Result;
use crate::plan::{Plan, PlannedStep, diff::diff, file};
use crate::schema::Schema;
use crate::spec::step::Step;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A proposal that was written.
#[derive(Debug)]
pub(super) struct Proposal {
    pub path: PathBuf,
    /// What differs from the plan, for people.
    pub changes: Vec<String>,
}

/// Writes the plan with the input as it is now; nothing where the steps do not fit what is there.
pub(super) fn write(
    plan: &Plan,
    input: &str,
    schema: &Schema,
    found: &Found,
    renamed: &[Mapping],
    context: &Context,
) -> Option<Proposal> {
    // The committed file says what every run fills in.
    let committed = context.proposals.first().and_then(|path| file::read(path).ok());
    let old = committed.filter(|committed| committed.input(input).is_some()).unwrap_or_else(|| plan.clone());
    let new = changed(&old, input, schema, found, renamed).ok()?;
    let changes = diff(&old, &new).iter().map(|one| format!("{}: {}", one.place, one.what)).collect();
    let path = context.proposals.iter().map(|path| proposed(path)).find(|path| file::write(&new, path).is_ok())?;
    Some(Proposal { path, changes })
}

/// `orders.plan.proposed.json` beside `orders.plan.json`.
fn proposed(plan: &Path) -> PathBuf {
    let name = plan.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".plan.json").unwrap_or(&name);
    plan.with_file_name(format!("{stem}.plan.proposed.json"))
}

fn changed(old: &Plan, input: &str, schema: &Schema, found: &Found, renamed: &[Mapping]) -> Result<Plan> {
    let mut new = old.clone();
    for one in new.inputs.iter_mut().filter(|one| one.name == input) {
        one.schema = schema.clone();
        one.format.clone_from(&found.format);
        one.fingerprint = found.shape().fingerprint();
        one.primary_key.clone_from(&found.primary_key);
    }
    let schemas: BTreeMap<String, Schema> =
        new.inputs.iter().map(|input| (input.name.clone(), input.schema.clone())).collect();
    let lookup = |name: &str| schemas.get(name).cloned();
    for output in
        new.outputs.iter_mut().filter(|output| output.from == input || output.reads.iter().any(|one| one == input))
    {
        if output.from == input && !renamed.is_empty() {
            let names = renamed.iter().map(|one| (one.source.clone(), one.target.clone())).collect();
            let why: Vec<String> = renamed
                .iter()
                .map(|one| format!("'{}' is likely '{}' ({:.2})", one.source, one.target, one.confidence))
                .collect();
            output.steps.insert(0, PlannedStep { step: Step::Rename(names), by: By::Rules, reason: why.join("; ") });
        }
        let steps: Vec<Step> = output.steps.iter().map(|planned| planned.step.clone()).collect();
        let from = schemas.get(&output.from).cloned().unwrap_or_default();
        output.schema = engine::plan_schema(&steps, &from, &lookup)?;
        for planned in &output.checks {
            engine::check_schema(&planned.check, &output.schema, &lookup)?;
        }
    }
    file::seal(new)
}

/// The columns as a plan of today would read them.
pub(super) fn columns(
    known: &Schema,
    found: &Found,
    types: impl Fn(&str) -> Option<crate::schema::DataType>,
) -> Schema {
    let now = names::matched(known, &found.fields);
    let mut fields = Vec::new();
    for (field, here) in &now.pairs {
        if here.is_some() {
            let data_type = types(&field.name).unwrap_or(field.data_type);
            fields.push(crate::schema::Field { data_type, ..(*field).clone() });
        }
    }
    fields.extend(now.added.into_iter().cloned());
    Schema::new(fields)
}
