//! What a call may know of the outside, and what it keeps there of a run.

use super::planned::target_breaker;
use super::replayed::Replay;
use crate::extract::file;
use crate::extract::folder::{Folder, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_connectors::rerun::LedgerLoad;
use windvane_connectors::{Connection, Context};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::breaker::Settings;
use windvane_core::spec::template::TemplateValues;
use windvane_plan::{Output, Plan};
use windvane_store::Store;
use windvane_store::breaker::guard;
use windvane_store::runs::{Begun, RunStatus};

/// So many loads of a dataset are looked through: how far they went, and whether one is of this run.
pub(super) const LOOKED_THROUGH: u32 = 1_000;

/// What a call may know of the outside.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    pub context: Context,
    pub store: Option<Store>,
    /// Where there is a folder a run.
    pub staging: Place,
    pub gateway: Option<windvane_llm::Settings>,
    /// The run's data interval, for datasets that are read by it.
    pub interval: Option<Interval>,
    /// What stands in for the templates of the spec.
    pub template_values: TemplateValues,
    /// Bytes that the steps of an output may hold; what is more is spilled.
    pub memory: Option<usize>,
    /// Which doing of the run this is; the first where no store counts.
    pub begun: Begun,
    /// The rows are mended ones that another run has put aside.
    pub replay: Option<Replay>,
}

/// From `start` to just before `end`, RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    pub start: String,
    pub end: String,
}

impl RunContext {
    /// The staging folder of a run.
    pub fn folder(&self, plan: &Plan, run: &str) -> Folder {
        let pipeline = file(&self.staging.path, &plan.pipeline, "runs");
        let own = file(&pipeline, run, &self.begun.attempt.to_string());
        self.staging.folder(own, &self.context.progress).of(run, self.begun.attempt)
    }

    /// Refuses a staging place that cannot be used.
    #[boxed]
    pub async fn ready(&self) -> Result<()> {
        match &self.staging.remote {
            Some(remote) => remote.ready().await,
            None => Ok(()),
        }
    }

    /// Notes that a run has begun, or goes on, and knows from then on which doing of it this is.
    #[boxed]
    pub async fn begin(&mut self, plan: &Plan, run: &str) -> Result<()> {
        if run.trim().is_empty() {
            // Of a variable that is not set, perhaps: every run would be the same one, and find itself done.
            return Err(
                Error::spec("the run's id is empty").hint("Leave it out for a new run, or look where it comes from")
            );
        }
        self.ready().await?;
        let document = serde_json::json!({"pipeline": plan.pipeline});
        let (entry, mut begun) = (Self::entry(plan, run), Begun::default());
        self.remember("run", async |store| {
            // Before others find it begun: tasks of one run may begin side by side.
            let known = store.run(&entry).await?.is_some();
            let before = if known { 0 } else { self.done_before(plan, run).await };
            begun = store.start_run(&entry, &plan.pipeline, (Some(&plan.id), before), &document).await?;
            Ok(())
        })
        .await?;
        self.begun = begun;
        Ok(())
    }

    /// How often the targets' own ledgers say that a run was done which no store knows. It is done again: whether it had
    /// ended, or was stopped, nobody can tell any more, and to call it done would be to believe that the source is still the
    /// same.
    pub(super) async fn done_before(&self, plan: &Plan, run: &str) -> u32 {
        let mut attempt = 0;
        for output in &plan.outputs {
            // A target that cannot be asked says so when it is to be loaded.
            let Ok(loads) = self.loads(plan, output, LOOKED_THROUGH).await else { continue };
            let mine = |load: &&LedgerLoad| {
                (&*load.facts.pipeline, &*load.facts.run, &*load.facts.output) == (&*plan.pipeline, run, &*output.name)
            };
            attempt = loads.iter().filter(mine).map(|load| load.facts.attempt).max().unwrap_or_default().max(attempt);
        }
        attempt
    }

    /// The newest loads that the target's ledger has of an output's dataset.
    pub(super) async fn loads(&self, plan: &Plan, output: &Output, most: u32) -> Result<Vec<LedgerLoad>> {
        let asking = async { Connection::open_target(&plan.target, &self.context)?.loads(&output.dataset, most).await };
        self.guarded(target_breaker(&plan.target), asking).await
    }

    /// The same for what comes behind the last load of a run.
    #[boxed]
    pub async fn go_on(&mut self, plan: &Plan, run: &str) -> Result<()> {
        let (entry, mut begun) = (Self::entry(plan, run), Begun::default());
        self.remember("run", async |store| {
            if let Some(row) = store.run(&entry).await? {
                begun = Begun { attempt: row.attempt, retried: true, uncounted: false };
            }
            Ok(())
        })
        .await?;
        self.begun = begun;
        Ok(())
    }

    /// Makes sure that no other process is at the same run.
    #[boxed]
    pub async fn hold(&self, plan: &Plan, run: &str) -> Result<()> {
        let (name, mut holder) = (Self::lease(plan, run), None);
        self.remember("lease of the run", async |store| {
            holder = store.take_lease(&name).await?;
            Ok(())
        })
        .await?;
        holder.map_or(Ok(()), |holder| {
            Err(Error::new(Kind::Unavailable, format!("run '{run}' of '{}' is at work: {holder}", plan.pipeline))
                .hint("Wait until it ends; a second try then finds what it did"))
        })
    }

    /// Lets others at the run again.
    #[boxed]
    pub async fn let_go(&self, plan: &Plan, run: &str) -> Result<()> {
        let name = Self::lease(plan, run);
        self.remember("end of the run's lease", async |store| store.drop_lease(&name).await).await
    }

    /// What a run that one process does from end to end is held by.
    pub(super) fn lease(plan: &Plan, run: &str) -> String {
        format!("run/{}", Self::entry(plan, run))
    }

    /// Bytes that the steps of an output may hold.
    pub(super) fn memory(&self) -> usize {
        self.memory.unwrap_or(windvane_engine::spill::MEMORY)
    }

    /// What the store calls a run: runs of different pipelines may have one name.
    pub(super) fn entry(plan: &Plan, run: &str) -> String {
        format!("{}/{run}", plan.pipeline)
    }

    /// Keeps how a run ended; a run whose beginning the store never took begins here.
    pub(super) async fn finish(
        &self,
        plan: &Plan,
        run: &str,
        (status, attempt): (RunStatus, u32),
        document: &Value,
    ) -> Result<()> {
        let entry = Self::entry(plan, run);
        // The target may know of more tries than a store that was lost: the next one must count from there.
        self.remember("attempt of the run", async |store| store.reach_attempt(&entry, attempt).await).await?;
        self.remember("record of the run", async |store| match store.finish_run(&entry, status, document).await {
            Err(error) if error.kind() == Kind::Missing => {
                store.start_run(&entry, &plan.pipeline, (Some(&plan.id), 0), &Value::Null).await?;
                store.finish_run(&entry, status, document).await
            }
            other => other,
        })
        .await
    }

    /// Does the work behind the breaker of a source or target, if it has one: local files have none.
    pub(super) async fn guarded<T>(&self, breaker: Option<String>, work: impl Future<Output = Result<T>>) -> Result<T> {
        match breaker {
            Some(name) => guard(self.store.as_ref(), &name, &Settings::default(), work).await,
            None => work.await,
        }
    }

    /// Runs something that writes to the store; a store that is down is a warning, not the end of a load.
    pub(super) async fn remember(&self, what: &str, work: impl AsyncFnOnce(&Store) -> Result<()>) -> Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        match work(store).await {
            Err(error) if error.retryable() => {
                // That it is given up has been said.
                if store.given_up().is_none() {
                    tracing::warn!("the store did not take the {what}: {error}");
                }
                Ok(())
            }
            other => other,
        }
    }
}
