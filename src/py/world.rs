//! The part of a request that names the outside.

use crate::connectors::gate::Gate;
use crate::connectors::{Context, Secrets};
use crate::engine::spill;
use crate::error::Result;
use crate::guard::Allow;
use crate::orchestrator::{Interval, World};
use crate::spec::template::Filling;
use crate::store::Store;
use crate::store::runs::Begun;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// As `windvane.world.world` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outside {
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
    staging: PathBuf,
    #[serde(default)]
    gateway: Option<crate::llm::Settings>,
    #[serde(default)]
    interval: Option<Interval>,
    /// What the steps may hold: `512MB`.
    #[serde(default)]
    memory: Option<String>,
    /// Names of guards that this run lets pass.
    #[serde(default)]
    allow: Vec<String>,
}

impl Outside {
    pub(super) fn world(self) -> Result<World> {
        let store = self.store.as_deref().map(Store::of_run).transpose()?;
        let gate = Gate::new(store.clone());
        Ok(World {
            context: Context {
                base: self.base,
                roots: self.roots,
                home: self.home,
                read_only: self.read_only,
                secrets: Secrets(self.connections),
                gate,
                guests: Some(super::guest::guests()),
                allow: Allow::of(&self.allow)?,
                ..Context::default()
            },
            store,
            staging: self.staging,
            gateway: self.gateway,
            interval: self.interval,
            filling: Filling { rendered: self.rendered, params: self.params },
            memory: self.memory.as_deref().map(spill::amount).transpose()?,
            turn: Begun::default(),
        })
    }
}

/// The plan file, and where else a changed one may be proposed.
pub(super) fn places(plan: &Path, staging: &Path) -> Vec<PathBuf> {
    let name = plan.file_name().unwrap_or_default();
    vec![plan.to_owned(), staging.join("proposals").join(name)]
}

/// Tells that the store was given up, where there is no record to say it.
pub(super) fn tell(world: &World) {
    if let Some(why) = world.store.as_ref().and_then(Store::given_up) {
        tracing::warn!("the store is given up, nothing of this is kept: {why}");
    }
}

/// Lets go of the store's connection, because the caller may fork.
pub(super) async fn leave<T>(world: &World, done: Result<T>) -> Result<T> {
    if let Some(store) = &world.store {
        store.rest().await;
    }
    done
}
