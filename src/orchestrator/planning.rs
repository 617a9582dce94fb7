//! Spec -> plan: discover, profile, ask the agents, build.

use super::{World, breakers, source_breaker};
use crate::discover::{self, Catalog};
use crate::error::Result;
use crate::plan::build::{self, Advised, Given};
use crate::plan::Plan;
use crate::profile::{self, Profile};
use crate::spec::Spec;
use crate::store::catalog::NewDataset;
use crate::store::history::NewDecision;
use serde_json::json;
use std::collections::BTreeMap;

/// What the user asked for, read and hashed.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub spec: &'a Spec,
    pub spec_hash: &'a str,
    pub environment: Option<&'a str>,
    pub words: Option<&'a str>,
}

/// Builds the plan of a spec and keeps it, its catalog and its decisions in the store.
pub async fn plan(world: &World, asked: Asked<'_>) -> Result<Plan> {
    let sources = asked.spec.named_sources();
    let catalog = world.guarded(breakers(&sources), discover::run(&sources, &world.context)).await?;
    let profiles = profiles(world, asked.spec, &catalog).await?;
    let words = asked.words.or(asked.spec.intent.as_deref());
    let given = Given {
        spec: asked.spec,
        spec_hash: asked.spec_hash,
        environment: asked.environment,
        words,
        catalog: &catalog,
        profiles: &profiles,
        advice: &[],
    };
    let advice: Vec<Advised> = Vec::new();
    let plan = build::build(Given { advice: &advice, ..given })?;
    remember(world, &plan, &catalog).await?;
    Ok(plan)
}

async fn profiles(world: &World, spec: &Spec, catalog: &Catalog) -> Result<BTreeMap<String, Profile>> {
    let sources = spec.named_sources();
    let mut profiles = BTreeMap::new();
    for dataset in &catalog.datasets {
        let Some(source) = sources.get(&dataset.source) else { continue };
        let connection = crate::connectors::Connection::open_source(source, &world.context)?;
        let reading = profile::run(&connection, &dataset.name, &dataset.found, None);
        let measured = world.guarded(source_breaker(source), reading).await.map_err(|error| error.in_stage("profile"))?;
        profiles.insert(dataset.name.clone(), measured);
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
