//! What earlier runs have read and loaded: by the store, or else by the target's own ledger.

use super::planning_request::PlanningRequest;
use super::run_context::RunContext;
use crate::extract::drift::baseline::{self, Loaded};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::question::Readings;
use windvane_connectors::Connection;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::Spec;
use windvane_core::spec::step::Parse;
use windvane_know::discover::{self, Catalog};
use windvane_know::profile::Profile;
use windvane_plan::{Input, Output, Plan, PlanInputs, build, parsed};
use windvane_store::runs::RunStatus;

/// What is known of the last run that was well.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The inputs as it has read them.
    pub(super) inputs: Option<BTreeMap<String, Input>>,
    /// Of outputs: columns that it has made text.
    pub(super) texts: BTreeMap<String, BTreeSet<String>>,
    /// Of outputs: how it has read texts as days and times.
    pub(super) readings: Readings,
}

impl Remembered {
    pub(super) async fn look(
        run_context: &RunContext,
        spec: &Spec,
        asked: PlanningRequest<'_>,
        catalog: &Catalog,
        profiles: &BTreeMap<String, Profile>,
    ) -> Result<Self> {
        let Some(last) = last(run_context, &spec.pipeline, asked.environment).await? else {
            return Ok(loaded(run_context, spec, asked, catalog, profiles).await);
        };
        if asked.unreviewed {
            vanished(run_context, &last, asked, catalog);
        }
        let same = last.outputs.iter().filter(|_| last.spec_hash == asked.spec_hash);
        Ok(Self {
            texts: same.map(|one| (one.name.clone(), made_text(&one.schema))).collect(),
            readings: last.outputs.iter().map(|one| (one.name.clone(), read_as(&last, one))).collect(),
            inputs: Some(last.inputs.into_iter().map(|input| (input.name.clone(), input)).collect()),
        })
    }
}

/// So many runs are looked back for one that was well.
const LOOK_BACK: u32 = 100;

/// The plan of the last run that was well.
async fn last(run_context: &RunContext, pipeline: &str, environment: Option<&str>) -> Result<Option<Plan>> {
    let Some(store) = &run_context.store else { return Ok(None) };
    let looking = async {
        let runs = store.runs(Some(pipeline), LOOK_BACK).await?;
        let well = runs.into_iter().filter(|run| run.status == RunStatus::Succeeded).filter_map(|run| run.plan);
        for id in well {
            let Some(row) = store.plan(&id).await?.filter(|row| row.environment.as_deref() == environment) else {
                continue;
            };
            // A plan of an older version may not be understood any more.
            if let Ok(plan) = serde_json::from_value(row.document) {
                return Ok(Some(plan));
            }
        }
        Ok(None)
    };
    match looking.await {
        Err(error) if Error::retryable(&error) => {
            // That it is given up is said once, by whoever ends the call.
            if store.given_up().is_none() {
                tracing::warn!("the store does not say what the last run has read: {error}");
            }
            Ok(None)
        }
        other => other,
    }
}

/// What the target itself remembers, where the store remembers nothing: nothing where it cannot be asked, which the load will
/// say.
async fn loaded(
    run_context: &RunContext,
    spec: &Spec,
    asked: PlanningRequest<'_>,
    catalog: &Catalog,
    profiles: &BTreeMap<String, Profile>,
) -> Remembered {
    let mut remembered = Remembered::default();
    let inputs: BTreeMap<String, Input> =
        catalog.datasets.iter().map(|dataset| (dataset.name.clone(), build::input(dataset, profiles))).collect();
    let Ok(target) = Connection::open_target(&spec.target, &run_context.context) else { return remembered };
    let (mut all, mut noted) = (Vec::new(), BTreeMap::new());
    for one in made(spec, asked, catalog, profiles, &inputs) {
        let Ok(lately) = target.latest_loads(&one.dataset, (&spec.pipeline, &one.output)).await else {
            return remembered;
        };
        let Some(facts) = lately.own.map(|own| own.facts) else { continue };
        remembered.texts.insert(one.output.clone(), made_text(&facts.columns));
        let read = facts.inputs.into_iter().filter_map(|input| serde_json::from_value::<Input>(input).ok());
        let read: Vec<Input> = read.collect();
        let known = facts.parsed.into_iter().filter_map(|parse| serde_json::from_value(parse).ok()).collect();
        remembered.readings.insert(one.output.clone(), parsed::known(known, &facts.columns, &read));
        // Loads of earlier versions say only what became of it.
        if read.is_empty() && !one.schema.fields.is_empty() {
            all.push(Loaded { from: one.from, made: one.schema, loaded: facts.columns });
        }
        noted.extend(read.into_iter().map(|input| (input.name.clone(), input)));
    }
    remembered.inputs = if all.is_empty() {
        (!noted.is_empty()).then_some(noted)
    } else {
        let mut inputs = baseline::from_target(inputs, &all);
        inputs.extend(noted);
        Some(inputs)
    };
    remembered
}

/// How the output's texts were read as days and times.
fn read_as(plan: &Plan, output: &Output) -> Vec<Parse> {
    let input = plan.input(&output.from).cloned();
    parsed::known(parsed::by_agents(output), &output.schema, input.as_slice())
}

fn made_text(schema: &Schema) -> BTreeSet<String> {
    let texts = schema.fields.iter().filter(|field| field.data_type == DataType::Text);
    texts.map(|field| field.name.clone()).collect()
}

/// What an input becomes today.
struct Made {
    output: String,
    from: String,
    /// At the target.
    dataset: String,
    schema: Schema,
}

/// Each output as it would be today. Where the source does not fit the spec any
/// more, the columns of those that no step changes.
fn made(
    spec: &Spec,
    asked: PlanningRequest<'_>,
    catalog: &Catalog,
    profiles: &BTreeMap<String, Profile>,
    inputs: &BTreeMap<String, Input>,
) -> Vec<Made> {
    let given = PlanInputs::of((spec, asked.spec_hash, asked.environment), catalog, profiles);
    if let Ok(plan) = build::build(given) {
        let made = plan.outputs.into_iter().map(|Output { name, from, dataset, schema, .. }| Made {
            output: name,
            from,
            dataset,
            schema,
        });
        return made.collect();
    }
    let one = |name: String| {
        let settings = spec.datasets.get(&name).cloned().unwrap_or_default();
        let from = settings.from.unwrap_or_else(|| name.clone());
        let plain = spec.steps.is_empty() && settings.steps.is_empty();
        let schema = inputs.get(&from).map(|input| if plain { input.schema.clone() } else { Schema::default() })?;
        Some(Made { dataset: settings.to.unwrap_or_else(|| name.clone()), output: name, from, schema })
    };
    discover::outputs(spec, catalog).into_keys().filter_map(one).collect()
}

/// Says which datasets of the last run are not at the source any more: what they became stays as it is.
fn vanished(run_context: &RunContext, last: &Plan, asked: PlanningRequest<'_>, catalog: &Catalog) {
    for output in last.outputs.iter().filter(|_| last.spec_hash == asked.spec_hash) {
        if catalog.dataset(&output.from).is_none() && !catalog.broken.contains_key(&output.from) {
            let what = format!(
                "the last run has loaded it, and it is not at the source any more: '{}' at the target stays as it is",
                output.dataset
            );
            tracing::warn!("dataset '{}': {what}", output.from);
            run_context.context.notes.add(&output.from, &what);
        }
    }
}
