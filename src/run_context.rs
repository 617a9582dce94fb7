//! The part of a request that names the outside.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windvane_connectors::rate_limiter::RateLimiter;
use windvane_connectors::remote_folder::RemoteFolder;
use windvane_connectors::{Context, LocalPaths, Secrets};
use windvane_core::error::{Error, Result};
use windvane_core::guard::Allow;
use windvane_core::spec::template::TemplateValues;
use windvane_engine::spill;
use windvane_plan::{Plan, file};
use windvane_run::extract::folder::Place;
use windvane_run::orchestrator::{Interval, RunContext};
use windvane_store::Store;
use windvane_store::runs::Begun;

/// As `windvane.run_context.run_context` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunContextRequest {
    base: PathBuf,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    home: Option<PathBuf>,
    #[serde(default)]
    read_only: Vec<PathBuf>,
    /// Texts with templates to what Airflow has made of them.
    #[serde(default)]
    rendered: BTreeMap<String, String>,
    /// What `{{ name }}` stands for.
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
    #[serde(default)]
    store: Option<String>,
    /// A folder, or the address of one in an object store; nothing for work that leaves nothing to others.
    #[serde(default)]
    staging: Option<String>,
    /// The connection that opens the latter; by default the environment's credentials do.
    #[serde(default)]
    staging_connection: Option<String>,
    /// What this machine is called.
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    gateway: Option<windvane_llm::Settings>,
    #[serde(default)]
    interval: Option<Interval>,
    /// What the steps may hold: `512MB`.
    #[serde(default)]
    memory: Option<String>,
    /// Names of guards that this run lets pass.
    #[serde(default)]
    allow: Vec<String>,
}

impl RunContextRequest {
    pub(super) fn run_context(self) -> Result<RunContext> {
        let store = self.store.as_deref().map(Store::of_run).transpose()?;
        let rate_limiter = RateLimiter::new(store.clone());
        let mut context = Context {
            local: LocalPaths::new(self.base, self.roots),
            home: self.home,
            read_only: self.read_only,
            secrets: Secrets(self.connections),
            rate_limiter,
            python: Some(super::callbacks::callbacks()),
            allow: Allow::of(&self.allow)?,
            ..Context::default()
        };
        let place = self.staging.unwrap_or_else(|| std::env::temp_dir().display().to_string());
        let mut staging = Place { path: PathBuf::from(&place), remote: None, host: self.host };
        if place.contains("://") {
            let remote = Arc::new(RemoteFolder::open(&place, self.staging_connection.as_deref(), &context.secrets)?);
            remote.scratch().clone_into(&mut staging.path);
            context.remote = Some(Arc::clone(&remote));
            staging.remote = Some(remote);
        }
        Ok(RunContext {
            context,
            store,
            staging,
            gateway: self.gateway,
            interval: self.interval,
            template_values: TemplateValues { rendered: self.rendered, params: self.params },
            memory: self.memory.as_deref().map(spill::amount).transpose()?,
            begun: Begun::default(),
            replay: None,
        })
    }
}

/// The plan file, and where else a changed one may be proposed.
pub(super) fn places(plan: &Path, run_context: &RunContext) -> Vec<PathBuf> {
    let name = plan.file_name().unwrap_or_default();
    vec![plan.to_owned(), run_context.staging.path.join("proposals").join(name)]
}

/// Tells that the store was given up, where there is no record to say it.
pub(super) fn tell(run_context: &RunContext) {
    if let Some(why) = run_context.store.as_ref().and_then(Store::given_up) {
        tracing::warn!("the store is given up, nothing of this is kept: {why}");
    }
}

/// What a plan in the store is called: this and its id.
const IN_STORE: &str = "store:";

/// A plan by its path, its address in the staging place or its name in the store; with the path that a changed one is
/// proposed beside.
pub(super) async fn plan_of(run_context: &RunContext, plan: &str) -> Result<(Plan, PathBuf)> {
    if let Some(id) = plan.strip_prefix(IN_STORE) {
        let Some(store) = &run_context.store else {
            return Err(Error::missing("the plan lies in the store, and this task has none").hint(SAME_STORE));
        };
        let row = store.plan(id).await?.ok_or_else(|| {
            Error::missing(format!("the store {} has no plan {id}", store.location())).hint(SAME_STORE)
        })?;
        let read = file::parse(plan, &row.document.to_string())?;
        return Ok((read, run_context.staging.path.join("plans").join(format!("{}.plan.json", row.pipeline))));
    }
    let path = match &run_context.staging.remote {
        Some(remote) if plan.contains("://") => {
            remote.fetch(plan, &|| run_context.context.progress.wanted())?.ok_or_else(|| {
                Error::missing(format!("the plan {plan} is gone"))
                    .hint("Clear the task that plans, and those behind it")
            })?
        }
        _ => PathBuf::from(plan),
    };
    Ok((file::read(&path)?, path))
}

const SAME_STORE: &str = "Set [windvane] store to the same database on all workers";

/// Lets go of the store's connection, because the caller may fork.
pub(super) async fn leave<T>(run_context: &RunContext, done: Result<T>) -> Result<T> {
    if let Some(store) = &run_context.store {
        store.rest().await;
    }
    done
}
