//! The plan as it would be with the source as it is now: written beside the plan for a person to read.

use super::case::Case;
use super::format::{Seen, look};
use super::names;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use windvane_agents::By;
use windvane_agents::mapper::Mapping;
use windvane_connectors::{Context, Found};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::step::Step;
use windvane_engine as engine;
use windvane_plan::plain;
use windvane_plan::plan_id::with_id;
use windvane_plan::{Input, Output, Plan, PlannedStep, diff::diff, file};

/// A proposal that was written.
#[derive(Debug)]
pub(super) struct Proposal {
    /// Its path or address.
    pub place: String,
    /// What differs from the plan, for people.
    pub changes: Vec<String>,
}

/// What an input is now.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub input: String,
    pub schema: Schema,
    /// How the source is now; nothing where only types have widened.
    pub found: Option<Found>,
    pub renamed: Vec<Mapping>,
}

impl Change {
    /// The columns of an input as a plan of today would read them, with the likely renames among them.
    pub(super) fn of(input: &Input, found: &Found, renamed: &[Mapping]) -> Self {
        let declared = |name: &str| found.fields.field(name).filter(|_| !found.kind.is_text());
        let matched = names::matched(&input.schema, &found.fields);
        let mut fields = Vec::new();
        for (field, here) in &matched.pairs {
            if let Some(here) = here {
                let data_type = declared(&field.name).map_or(field.data_type, |field| field.data_type);
                fields.push(Field { data_type, shape: here.shape.clone(), ..(*field).clone() });
            }
        }
        for field in matched.added {
            // Under its new name the column is read in its known type, and a step gives it back the known name.
            let mapping = renamed.iter().find(|mapping| mapping.source == field.name && found.kind.is_text());
            let known = mapping.and_then(|mapping| input.schema.field(&mapping.target)).map(|field| field.data_type);
            fields.push(Field { data_type: known.unwrap_or(field.data_type), ..field.clone() });
        }
        let schema = Schema::new(fields);
        Self { input: input.name.clone(), schema, found: Some(found.clone()), renamed: renamed.to_vec() }
    }

    /// The same columns in other types.
    pub(super) fn retyped(input: &Input, found: &Found, types: &BTreeMap<String, DataType>) -> Self {
        let mut change = Self::of(input, found, &[]);
        for field in &mut change.schema.fields {
            field.data_type = types.get(&field.name).copied().unwrap_or(field.data_type);
        }
        change
    }
}

/// Writes the plan with the inputs as they are now; nothing where the steps do not fit what is there.
pub(super) fn write(plan: &Plan, changes: &[Change], context: &Context) -> Option<Proposal> {
    // The committed file says what every run fills in.
    let committed = context.proposals.first().and_then(|path| file::read(path).ok());
    let fits = |committed: &Plan| changes.iter().all(|change| committed.input(&change.input).is_some());
    let old = committed.filter(fits).unwrap_or_else(|| plan.clone());
    let new = changed(&old, changes).ok()?;
    let changes = diff(&old, &new).iter().map(|one| format!("{}: {}", one.place, one.what)).collect();
    let path = context.proposals.iter().map(|path| proposed(path)).find(|path| file::write(&new, path).is_ok())?;
    let place = match context.remote.as_ref().filter(|remote| path.starts_with(remote.scratch())) {
        Some(remote) => remote.send(&path, &|| context.progress.wanted()).ok()?,
        None => path.display().to_string(),
    };
    Some(Proposal { place, changes })
}

/// The other inputs that are not as planned: a proposal speaks of all of them.
pub(super) async fn others(case: Case<'_>) -> Vec<Change> {
    let Case { plan, input, context, .. } = case;
    let mut changes = Vec::new();
    for other in plan.inputs.iter().filter(|other| other.name != input.name) {
        let Some(source) = plan.sources.get(&other.source) else { continue };
        // What cannot be looked at, or is no table, has a word of its own when it is read.
        let Ok(Seen { found, strange: None }) = look(source, other, context).await else { continue };
        if found.shape().fingerprint() != other.fingerprint && !found.fields.fields.is_empty() {
            let matched = names::matched(&other.schema, &found.fields);
            let gone: Vec<&Field> =
                matched.pairs.iter().filter(|(_, here)| here.is_none()).map(|(field, _)| *field).collect();
            changes.push(Change::of(other, &found, &names::renamed(&gone, &matched.added)));
        }
    }
    changes
}

/// `orders.plan.proposed.json` beside `orders.plan.json`.
fn proposed(plan: &Path) -> PathBuf {
    let name = plan.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".plan.json").unwrap_or(&name);
    plan.with_file_name(format!("{stem}.plan.proposed.json"))
}

fn changed(old: &Plan, changes: &[Change]) -> Result<Plan> {
    let mut new = old.clone();
    for change in changes {
        for one in new.inputs.iter_mut().filter(|one| one.name == change.input) {
            one.schema.clone_from(&change.schema);
            if let Some(found) = &change.found {
                one.format.clone_from(&found.format);
                one.fingerprint = found.shape().fingerprint();
                one.primary_key.clone_from(&found.primary_key);
                one.partial = found.partial.keys().cloned().collect();
            }
        }
        for output in new.outputs.iter_mut().filter(|output| output.from == change.input) {
            let renamed = &change.renamed;
            if renamed.is_empty() {
                continue;
            }
            let names = renamed.iter().map(|one| (one.source.clone(), one.target.clone())).collect();
            let why: Vec<String> = renamed
                .iter()
                .map(|one| format!("'{}' is likely '{}' ({:.2})", one.source, one.target, one.confidence))
                .collect();
            output.steps.insert(0, PlannedStep { step: Step::Rename(names), by: By::Rules, reason: why.join("; ") });
        }
    }
    for change in changes {
        fitted(&mut new, &change.input)?;
    }
    with_id(new)
}

/// What the steps make of an input's columns now, in every output that reads it.
pub(super) fn fitted(plan: &mut Plan, input: &str) -> Result<()> {
    let inputs = plan.inputs.clone();
    let lookup = |name: &str| inputs.iter().find(|input| input.name == name).map(|input| input.schema.clone());
    let reads = |output: &&mut Output| output.from == input || output.reads.iter().any(|one| one == input);
    for output in plan.outputs.iter_mut().filter(reads) {
        output.schema = columns_of(output, &inputs)?;
        for planned in &output.checks {
            engine::check_schema(&planned.check, &output.schema, &lookup)?;
        }
    }
    Ok(())
}

/// What the steps of an output make of the inputs' columns.
fn columns_of(output: &Output, inputs: &[Input]) -> Result<Schema> {
    let steps = plain(&output.steps);
    let lookup = |name: &str| inputs.iter().find(|input| input.name == name).map(|input| input.schema.clone());
    engine::plan_schema(&steps, &lookup(&output.from).unwrap_or_default(), &lookup)
}
