//! Spec -> plan: discover, profile, ask the agents, build.

use super::at_target::{carried, fitted};
use super::dry_run;
use super::planned::source_breaker;
use super::planning_request::{PlanningRequest, its_own};
use super::remembered::Remembered;
use super::run_context::RunContext;
use crate::extract::drift::baseline;
use futures::future::BoxFuture;
use serde_json::json;
use std::collections::BTreeMap;
use windvane_agents::question::{Question, Readings};
use windvane_agents::{Change, ProposedChange, days, planner, reflector};
use windvane_connectors::Connection;
use windvane_core::error::{Error, Result};
use windvane_core::guard::Notes;
use windvane_core::schema::DataType;
use windvane_core::spec::Spec;
use windvane_core::spec::step::Step;
use windvane_core::spec::template::{self, is_template};
use windvane_know::discover::{self, Catalog};
use windvane_know::profile::{self, Profile};
use windvane_llm::Gateway;
use windvane_plan::answers;
use windvane_plan::plan_id::with_id;
use windvane_plan::{Plan, PlanInputs, build};
use windvane_store::catalog::NewDataset;
use windvane_store::history::NewDecision;

/// Builds the plan of a spec and keeps it, its catalog and its decisions in the store.
pub fn plan<'a>(run_context: &'a RunContext, asked: PlanningRequest<'a>) -> BoxFuture<'a, Result<Plan>> {
    Box::pin(made(run_context, asked))
}

async fn made(run_context: &RunContext, asked: PlanningRequest<'_>) -> Result<Plan> {
    let filled = run_context.template_values.document(asked.spec)?;
    run_context.template_values.needed(asked.spec)?;
    let mut catalog = catalog(run_context, asked, &filled).await?;
    let mut profiles = profiles(run_context, asked, &filled, &mut catalog).await?;
    let Remembered { inputs, mut texts, readings: mut before } =
        Remembered::look(run_context, &filled, asked, &catalog, &profiles).await?;
    if asked.unreviewed {
        if let Some(last) = inputs {
            baseline::recall(&filled, &last, &mut catalog, &mut profiles, &run_context.context.notes);
            reopen((&filled, asked), &mut catalog, &mut profiles, &mut before, &run_context.context.notes);
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
    let gateway =
        run_context.gateway.as_ref().map(|settings| Gateway::new(settings, run_context.store.as_ref())).transpose()?;
    let gateway = gateway.as_ref();
    let mut told = Vec::new();
    let (readings, doubtful) = days::judged(question(&filled, asked, &catalog, &profiles), &before);
    for (name, error) in doubtful {
        let error = its_own(asked, error.in_table(&name))?;
        catalog.set_aside(&name, error);
    }
    let question = Question { readings: Some(&readings), ..question(&filled, asked, &catalog, &profiles) };
    let mut suggestions = planner::ask(question, gateway, &mut told).await;
    let given = PlanInputs::of((&filled, asked.spec_hash, asked.environment), &catalog, &profiles);
    let given = PlanInputs { words, ..given };
    let mut plan = build::build(PlanInputs { suggestions: &suggestions, told: &told, ..given })?;
    let fitted = fitted(run_context, &filled, &plan).await;
    let carried = carried(run_context, &filled, &plan, &catalog, &fitted).await?;
    let given = PlanInputs { fitted: &fitted, texts: &texts, carried: &carried, ..given };
    if !fitted.is_empty() || !texts.is_empty() || !carried.is_empty() {
        plan = build::build(PlanInputs { suggestions: &suggestions, told: &told, ..given })?;
    }
    for _ in 1..=reflector::ROUNDS {
        let mut refused = dry_run::judge(run_context, &plan, &suggestions, gateway, &mut told).await?;
        // How it is read stands with what is at the target: rows that do not fit it are for the guards.
        refused.retain(|one| !suggestions.get(one.suggestion).is_some_and(|it| stands(&readings, it)));
        if refused.is_empty() {
            break;
        }
        suggestions = reflector::ask(&suggestions, &refused, gateway, &mut told).await;
        plan = build::build(PlanInputs { suggestions: &suggestions, told: &told, ..given })?;
    }
    let plan = for_every_run(run_context, asked.spec, plan)?;
    let plan = if asked.unreviewed { build::unreviewed(plan)? } else { plan };
    let plan = match asked.before {
        Some(before) => answers::kept(plan, before)?,
        None => plan,
    };
    remember(run_context, &plan, &catalog).await?;
    Ok(plan)
}

/// What is at the sources now.
async fn catalog(run_context: &RunContext, asked: PlanningRequest<'_>, spec: &Spec) -> Result<Catalog> {
    let sources = spec.named_sources();
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for (name, source) in &sources {
        let each =
            run_context.guarded(source_breaker(source), discover::each(name, source, &run_context.context)).await?;
        found.push(each.0);
        for (dataset, error) in each.1 {
            let called = if sources.len() > 1 { format!("{name}.{dataset}") } else { dataset };
            broken.push((called, its_own(asked, error)?));
        }
    }
    let mut catalog = discover::catalog(found)?;
    catalog.broken = broken.into_iter().collect();
    Ok(catalog)
}

fn question<'a>(
    spec: &'a Spec,
    asked: PlanningRequest<'a>,
    catalog: &'a Catalog,
    profiles: &'a BTreeMap<String, Profile>,
) -> Question<'a> {
    Question { spec, catalog, profiles, words: asked.words, readings: None }
}

/// Days and times that are written otherwise than they were are read as text, and by a step.
fn reopen(
    (spec, asked): (&Spec, PlanningRequest<'_>),
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

fn stands(readings: &Readings, suggestion: &ProposedChange) -> bool {
    let Change::Step(Step::Parse(parse)) = &suggestion.change else { return false };
    readings.get(&suggestion.output).is_some_and(|known| known.contains(parse))
}

/// The plan in the spec's own words: what this run filled in, other runs fill in anew.
fn for_every_run(run_context: &RunContext, spec: &Spec, mut plan: Plan) -> Result<Plan> {
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
            input.locator = run_context.template_values.unfilled(path, &input.locator)?;
        }
    }
    for output in &mut plan.outputs {
        for planned in &mut output.steps {
            let Step::Filter(filter) = &mut planned.step else { continue };
            let Some(text) =
                texts.iter().find(|text| run_context.template_values.text(text).is_ok_and(|filled| filled == *filter))
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
    with_id(plan)
}

async fn profiles(
    run_context: &RunContext,
    asked: PlanningRequest<'_>,
    spec: &Spec,
    catalog: &mut Catalog,
) -> Result<BTreeMap<String, Profile>> {
    let sources = spec.named_sources();
    let (mut profiles, mut broken) = (BTreeMap::new(), Vec::new());
    for dataset in &catalog.datasets {
        let Some(source) = sources.get(&dataset.source) else { continue };
        let connection = Connection::open_source(source, &run_context.context)?;
        let reading = profile::run(&connection, &dataset.name, &dataset.found, None);
        match run_context.guarded(source_breaker(source), reading).await {
            Ok(measured) => _ = profiles.insert(dataset.name.clone(), measured),
            Err(error) => broken.push((dataset.name.clone(), its_own(asked, error.in_stage("profile"))?)),
        }
    }
    for (name, error) in broken {
        catalog.set_aside(&name, error);
    }
    Ok(profiles)
}

async fn remember(run_context: &RunContext, plan: &Plan, catalog: &Catalog) -> Result<()> {
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
    run_context
        .remember("plan", async |store| {
            store.put_catalog(&plan.pipeline, &datasets).await?;
            store.put_plan(&plan.id, &plan.pipeline, plan.environment.as_deref(), &json!(plan)).await?;
            store.put_decisions(&plan.pipeline, None, &decisions).await
        })
        .await
}
