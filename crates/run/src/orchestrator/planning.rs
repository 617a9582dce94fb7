//! Spec -> plan: discover, profile, ask the agents, build.

use super::{World, dry_run, source_breaker};
use crate::extract::drift::recall::{self, Loaded};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::days::{self, Readings};
use windvane_agents::{Change, Suggestion, planner, reflector};
use windvane_connectors::Connection;
use windvane_connectors::fits::{Fitting, Misfit};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::guard::Notes;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::Spec;
use windvane_core::spec::drift::Policy;
use windvane_core::spec::step::{Parse, Step};
use windvane_core::spec::template::{self, is_template};
use windvane_know::discover::{self, Catalog};
use windvane_know::profile::{self, Profile};
use windvane_llm::Gateway;
use windvane_plan::answers;
use windvane_plan::build::{self, Given};
use windvane_plan::carried;
use windvane_plan::file;
use windvane_plan::parsed;
use windvane_plan::{Input, Output, Plan};
use windvane_store::catalog::NewDataset;
use windvane_store::history::NewDecision;
use windvane_store::runs::RunStatus;

/// What the user asked for, read and hashed.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub spec: &'a Spec,
    pub spec_hash: &'a str,
    pub environment: Option<&'a str>,
    pub words: Option<&'a str>,
    /// Nobody looks at the plan before it is run.
    pub unreviewed: bool,
    /// The plan that this one takes the place of: what people have answered to it.
    pub before: Option<&'a Plan>,
}

/// Builds the plan of a spec and keeps it, its catalog and its decisions in the store.
pub async fn plan(world: &World, asked: Asked<'_>) -> Result<Plan> {
    let filled = world.filling.document(asked.spec)?;
    world.filling.needed(asked.spec)?;
    let sources = filled.named_sources();
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for (name, source) in &sources {
        let each = world.guarded(source_breaker(source), discover::each(name, source, &world.context)).await?;
        found.push(each.0);
        for (dataset, error) in each.1 {
            let called = if sources.len() > 1 { format!("{name}.{dataset}") } else { dataset };
            broken.push((called, its_own(asked, error)?));
        }
    }
    let mut catalog = discover::catalog(found)?;
    catalog.broken = broken.into_iter().collect();
    let mut profiles = profiles(world, asked, &filled, &mut catalog).await?;
    let mut texts = BTreeMap::new();
    let mut before = Readings::new();
    let inputs = match last(world, &filled.pipeline, asked.environment).await? {
        Some(last) => {
            before = last.outputs.iter().map(|one| (one.name.clone(), read_as(&last, one))).collect();
            if asked.unreviewed {
                vanished(world, &last, asked, &catalog);
            }
            if last.spec_hash == asked.spec_hash {
                texts = last.outputs.iter().map(|one| (one.name.clone(), made_text(&one.schema))).collect();
            }
            Some(last.inputs.into_iter().map(|input| (input.name.clone(), input)).collect())
        }
        None => loaded(world, &filled, asked, &catalog, &profiles, (&mut texts, &mut before)).await,
    };
    if asked.unreviewed {
        if let Some(last) = inputs {
            recall::recall(&filled, &last, &mut catalog, &mut profiles, &world.context.notes);
            reopen((&filled, asked), &mut catalog, &mut profiles, &mut before, &world.context.notes);
        }
        let empty = catalog.datasets.iter().filter(|dataset| dataset.found.fields.fields.is_empty());
        let empty: Vec<String> = empty.map(|dataset| dataset.name.clone()).collect();
        for name in empty {
            let error = build::no_columns(&name, &catalog);
            catalog.set_aside(&name, error);
        }
    } else {
        texts.clear();
    }
    let words = asked.words.or(asked.spec.intent.as_deref());
    let gateway = world.gateway.as_ref().map(|settings| Gateway::new(settings, world.store.as_ref())).transpose()?;
    let gateway = gateway.as_ref();
    let mut told = Vec::new();
    let (readings, doubtful) = days::judged(question(&filled, asked, &catalog, &profiles), &before);
    for (name, error) in doubtful {
        let error = its_own(asked, error.in_table(&name))?;
        catalog.set_aside(&name, error);
    }
    let question = planner::Question { readings: Some(&readings), ..question(&filled, asked, &catalog, &profiles) };
    let mut suggestions = planner::ask(question, gateway, &mut told).await;
    let given = Given::of((&filled, asked.spec_hash, asked.environment), &catalog, &profiles);
    let given = Given { words, ..given };
    let mut plan = build::build(Given { suggestions: &suggestions, told: &told, ..given })?;
    let fitted = fitted(world, &filled, &plan).await;
    let carried = carried(world, &filled, &plan, &catalog, &fitted).await?;
    let given = Given { fitted: &fitted, texts: &texts, carried: &carried, ..given };
    if !fitted.is_empty() || !texts.is_empty() || !carried.is_empty() {
        plan = build::build(Given { suggestions: &suggestions, told: &told, ..given })?;
    }
    for _ in 1..=reflector::ROUNDS {
        let mut refused = dry_run::judge(world, &plan, &suggestions, gateway, &mut told).await?;
        // How it is read stands with what is at the target: rows that do not fit it are for the guards.
        refused.retain(|one| !suggestions.get(one.suggestion).is_some_and(|it| stands(&readings, it)));
        if refused.is_empty() {
            break;
        }
        suggestions = reflector::ask(&suggestions, &refused, gateway, &mut told).await;
        plan = build::build(Given { suggestions: &suggestions, told: &told, ..given })?;
    }
    let plan = for_every_run(world, asked.spec, plan)?;
    let plan = if asked.unreviewed { build::unreviewed(plan)? } else { plan };
    let plan = match asked.before {
        Some(before) => answers::kept(plan, before)?,
        None => plan,
    };
    remember(world, &plan, &catalog).await?;
    Ok(plan)
}

/// An error that is one dataset's alone: a run that plans for itself goes on without it, and fails at its end. What may pass
/// by itself is tried again instead, and for a plan that is reviewed somebody looks at the error.
fn its_own(asked: Asked<'_>, error: Error) -> Result<Error> {
    let own = match error.kind() {
        Kind::Data | Kind::Missing | Kind::Auth | Kind::Unsupported | Kind::Conflict | Kind::Spec => true,
        Kind::Budget | Kind::Unavailable | Kind::Timeout | Kind::Throttled | Kind::Cancelled | Kind::Internal => false,
    };
    if asked.unreviewed && own && !error.retryable() { Ok(error) } else { Err(error) }
}

/// Says which datasets of the last run are not at the source any more: what they became stays as it is.
fn vanished(world: &World, last: &Plan, asked: Asked<'_>, catalog: &Catalog) {
    for output in last.outputs.iter().filter(|_| last.spec_hash == asked.spec_hash) {
        if catalog.dataset(&output.from).is_none() && !catalog.broken.contains_key(&output.from) {
            let what = format!(
                "the last run has loaded it, and it is not at the source any more: '{}' at the target stays as it is",
                output.dataset
            );
            tracing::warn!("dataset '{}': {what}", output.from);
            world.context.notes.add(&output.from, &what);
        }
    }
}

/// How the columns of outputs go into tables that are there. A target that cannot be
/// asked now is looked at by the load.
async fn fitted(world: &World, spec: &Spec, plan: &Plan) -> BTreeMap<String, Fitting> {
    let mut all = BTreeMap::new();
    let Ok(connection) = Connection::open_target(&spec.target, &world.context) else { return all };
    for output in &plan.outputs {
        match looked(&connection, world, plan, output).await {
            Ok(fitting) if !fitting.exists => {}
            Ok(fitting) => _ = all.insert(output.name.clone(), fitting),
            Err(error) => {
                tracing::warn!("the target's table '{}' is not compared with the plan: {error}", output.dataset);
                break;
            }
        }
    }
    all
}

/// What of the table the load would not widen by itself.
async fn looked(connection: &Connection, world: &World, plan: &Plan, output: &Output) -> Result<Fitting> {
    let kept = output.declared.as_ref();
    let mut fitting = connection.fitting(&output.dataset, &output.schema, output.mode, kept).await?;
    fitting.lacks = kept.filter(|_| fitting.exists).map(|kept| fitting.lacking(kept)).unwrap_or_default();
    if fitting.misfits.iter().any(|misfit| misfit.widens)
        && plan.drift_of(output).types == Policy::Evolve
        && let lately = connection.lately(&output.dataset, (&plan.pipeline, &output.name)).await?
        && let Some(last) = lately.own.or(lately.newest)
    {
        // What was cast to fit the table before is cast again: the source has not grown.
        let (wide, others) =
            fitting.misfits.into_iter().partition(|one| one.widens && !last.facts.fitted.contains(&one.column));
        fitting.misfits = others;
        let wide: Vec<Misfit> = wide;
        for misfit in wide {
            world.context.notes.add(&output.name, &format!("{}: the target's column widens", misfit.what));
        }
    }
    Ok(fitting)
}

/// The columns of inputs that travel as the server's own text, because they hold values that have no word here.
async fn carried(
    world: &World,
    spec: &Spec,
    plan: &Plan,
    catalog: &Catalog,
    fitted: &BTreeMap<String, Fitting>,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sources = spec.named_sources();
    let mut all = BTreeMap::new();
    for (name, columns) in carried::candidates(plan, catalog, &spec.target, fitted) {
        let Some(input) = plan.input(&name) else { continue };
        let Some(source) = sources.get(&input.source) else { continue };
        let connection = Connection::open_source(source, &world.context)?;
        let asked = connection.beyond(&input.locator, &columns);
        let found: BTreeSet<String> = world.guarded(source_breaker(source), asked).await?.into_iter().collect();
        if !found.is_empty() {
            all.insert(name, found);
        }
    }
    Ok(all)
}

/// So many runs are looked back for one that was well.
const LOOK_BACK: u32 = 100;

/// The plan of the last run that was well.
async fn last(world: &World, pipeline: &str, environment: Option<&str>) -> Result<Option<Plan>> {
    let Some(store) = &world.store else { return Ok(None) };
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
    world: &World,
    spec: &Spec,
    asked: Asked<'_>,
    catalog: &Catalog,
    profiles: &BTreeMap<String, Profile>,
    (texts, before): (&mut BTreeMap<String, BTreeSet<String>>, &mut Readings),
) -> Option<BTreeMap<String, Input>> {
    let inputs: BTreeMap<String, Input> =
        catalog.datasets.iter().map(|dataset| (dataset.name.clone(), build::input(dataset, profiles))).collect();
    let target = Connection::open_target(&spec.target, &world.context).ok()?;
    let (mut all, mut noted) = (Vec::new(), BTreeMap::new());
    for one in made(spec, asked, catalog, profiles, &inputs) {
        let lately = target.lately(&one.dataset, (&spec.pipeline, &one.output)).await.ok()?;
        let Some(facts) = lately.own.map(|own| own.facts) else { continue };
        texts.insert(one.output.clone(), made_text(&facts.columns));
        let read = facts.inputs.into_iter().filter_map(|input| serde_json::from_value::<Input>(input).ok());
        let read: Vec<Input> = read.collect();
        let known = facts.parsed.into_iter().filter_map(|parse| serde_json::from_value(parse).ok()).collect();
        before.insert(one.output.clone(), parsed::known(known, &facts.columns, &read));
        // Loads of earlier versions say only what became of it.
        if read.is_empty() && !one.schema.fields.is_empty() {
            all.push(Loaded { from: one.from, made: one.schema, loaded: facts.columns });
        }
        noted.extend(read.into_iter().map(|input| (input.name.clone(), input)));
    }
    if all.is_empty() {
        return (!noted.is_empty()).then_some(noted);
    }
    let mut inputs = recall::from_target(inputs, &all);
    inputs.extend(noted);
    Some(inputs)
}

fn question<'a>(
    spec: &'a Spec,
    asked: Asked<'a>,
    catalog: &'a Catalog,
    profiles: &'a BTreeMap<String, Profile>,
) -> planner::Question<'a> {
    planner::Question { spec, catalog, profiles, words: asked.words, readings: None }
}

/// Days and times that are written otherwise than they were are read as text, and by a step.
fn reopen(
    (spec, asked): (&Spec, Asked<'_>),
    catalog: &mut Catalog,
    profiles: &mut BTreeMap<String, Profile>,
    before: &mut Readings,
    notes: &Notes,
) {
    for (name, columns) in days::reopened(question(spec, asked, catalog, profiles), before) {
        let opened = |column: &str| columns.iter().any(|name| name == column);
        let dataset = catalog.datasets.iter_mut().filter(|dataset| dataset.name == name);
        for field in dataset.flat_map(|dataset| &mut dataset.found.fields.fields).filter(|field| opened(&field.name)) {
            notes.add(&name, &format!("column '{}' ({}) is written otherwise now", field.name, field.data_type));
            field.data_type = DataType::Text;
        }
        let profile = profiles.get_mut(&name);
        for column in profile.into_iter().flat_map(|one| &mut one.columns).filter(|column| opened(&column.name)) {
            column.data_type = DataType::Text;
        }
    }
}

/// How the output's texts were read as days and times.
fn read_as(plan: &Plan, output: &Output) -> Vec<Parse> {
    let input = plan.input(&output.from).cloned();
    parsed::known(parsed::by_agents(output), &output.schema, input.as_slice())
}

fn stands(readings: &Readings, suggestion: &Suggestion) -> bool {
    let Change::Step(Step::Parse(parse)) = &suggestion.change else { return false };
    readings.get(&suggestion.output).is_some_and(|known| known.contains(parse))
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
    asked: Asked<'_>,
    catalog: &Catalog,
    profiles: &BTreeMap<String, Profile>,
    inputs: &BTreeMap<String, Input>,
) -> Vec<Made> {
    let given = Given::of((spec, asked.spec_hash, asked.environment), catalog, profiles);
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

/// The plan in the spec's own words: what this run filled in, other runs fill in anew.
fn for_every_run(world: &World, spec: &Spec, mut plan: Plan) -> Result<Plan> {
    let texts = template::texts(spec);
    if texts.is_empty() {
        return Ok(plan);
    }
    plan.sources = spec.named_sources();
    plan.target = spec.target.clone();
    for input in &mut plan.inputs {
        let source = plan.sources.get(&input.source);
        let files = source.filter(|source| !source.kind().one_file);
        if let Some(path) = files.and_then(|source| source.path()).filter(|path| is_template(path)) {
            input.locator = world.filling.unfilled(path, &input.locator)?;
        }
    }
    for output in &mut plan.outputs {
        for planned in &mut output.steps {
            let Step::Filter(filter) = &mut planned.step else { continue };
            let Some(text) = texts.iter().find(|text| world.filling.text(text).is_ok_and(|filled| filled == *filter))
            else {
                continue;
            };
            if output.strategy.sql.is_some() {
                return Err(Error::unsupported("a pushed-down filter cannot be filled in by each run")
                    .in_table(&output.name)
                    .hint("Write `strategy: staged` or `fused` for this dataset"));
            }
            filter.clone_from(text);
        }
    }
    file::seal(plan)
}

async fn profiles(
    world: &World,
    asked: Asked<'_>,
    spec: &Spec,
    catalog: &mut Catalog,
) -> Result<BTreeMap<String, Profile>> {
    let sources = spec.named_sources();
    let (mut profiles, mut broken) = (BTreeMap::new(), Vec::new());
    for dataset in &catalog.datasets {
        let Some(source) = sources.get(&dataset.source) else { continue };
        let connection = Connection::open_source(source, &world.context)?;
        let reading = profile::run(&connection, &dataset.name, &dataset.found, None);
        match world.guarded(source_breaker(source), reading).await {
            Ok(measured) => _ = profiles.insert(dataset.name.clone(), measured),
            Err(error) => broken.push((dataset.name.clone(), its_own(asked, error.in_stage("profile"))?)),
        }
    }
    for (name, error) in broken {
        catalog.set_aside(&name, error);
    }
    Ok(profiles)
}

async fn remember(world: &World, plan: &Plan, catalog: &Catalog) -> Result<()> {
    let datasets: Vec<NewDataset> = catalog
        .datasets
        .iter()
        .map(|dataset| NewDataset {
            dataset: dataset.name.clone(),
            fingerprint: dataset.found.shape().fingerprint(),
            document: json!(dataset),
        })
        .collect();
    let decisions: Vec<NewDecision> = plan
        .decisions
        .iter()
        .map(|decision| NewDecision {
            agent: decision.agent.clone(),
            question: decision.question.clone(),
            accepted: decision.accepted,
            document: json!(decision),
        })
        .collect();
    world
        .remember("plan", async |store| {
            store.put_catalog(&plan.pipeline, &datasets).await?;
            store.put_plan(&plan.id, &plan.pipeline, plan.environment.as_deref(), &json!(plan)).await?;
            store.put_decisions(&plan.pipeline, None, &decisions).await
        })
        .await
}
