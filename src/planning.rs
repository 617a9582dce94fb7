//! Looking, planning and whole runs.

use super::specs::{Question, current, is_plan, planned, spec};
use super::world::{Outside, leave, places, tell};
use super::{enter, json};
use pyo3::prelude::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Result};
use windvane_core::resilience::{clock, progress::Progress};
use windvane_core::spec::problem::Problem;
use windvane_core::spec::read;
use windvane_plan::{diff as differences, explain as words, file};
use windvane_run::orchestrator::{World, checking};
use windvane_run::orchestrator::{replay::replay as replayed, whole};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRequest {
    world: Outside,
    spec: PathBuf,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    words: Option<String>,
    #[serde(default)]
    rules_only: bool,
    /// Whether to write it: to `plan_file`, or else beside the spec.
    #[serde(default)]
    write: bool,
    #[serde(default)]
    plan_file: Option<PathBuf>,
    /// The path counts from the staging place.
    #[serde(default)]
    staged: bool,
    /// A run uses it at once.
    #[serde(default)]
    unreviewed: bool,
}

/// Looks, asks and builds: to the plan file's content.
#[pyfunction]
pub(super) fn plan(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        enter::claim_engine()?;
        let request: PlanRequest = json::request(&request)?;
        let mut world = request.world.world()?;
        if request.rules_only {
            world.gateway = None;
        }
        if request.staged {
            world.ready().await?;
        }
        let (environment, words) = (request.environment.as_deref(), request.words.as_deref());
        let beside = file::beside(&request.spec, environment);
        let before = if request.staged || request.unreviewed {
            None
        } else {
            let given = request.plan_file.as_deref().filter(|path| path.exists());
            file::replaced(given.unwrap_or(&beside))?
        };
        let question = Question { environment, words, unreviewed: request.unreviewed, before: before.as_ref() };
        let built = planned(&world, &request.spec, question).await;
        tell(&world);
        let plan = leave(&world, built).await?;
        if request.write {
            let path = match request.plan_file {
                Some(path) if request.staged => world.staging.path.join(path),
                given => given.unwrap_or(beside),
            };
            file::write(&plan, &path)?;
            if let Some(shelf) = world.staging.shelf.as_ref().filter(|_| request.staged) {
                shelf.send(&path, &|| world.context.progress.wanted())?;
            }
        }
        json::answer(&plan)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    world: Outside,
    path: PathBuf,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    rules_only: bool,
    #[serde(default)]
    replay: Option<String>,
}

/// Moves the data: of a spec (with the plan beside it, if it fits, or a new one) or of a plan file.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn run(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let request = request.to_owned();
    let counters = Progress::default();
    let shown = counters.clone();
    enter::block_on_showing(py, &shown, progress, async move {
        enter::claim_engine()?;
        let request: RunRequest = json::request(&request)?;
        let mut world = request.world.world()?;
        world.context.progress = counters;
        let plan_file = if is_plan(&request.path) {
            request.path.clone()
        } else {
            let environment = request.environment.as_deref();
            let beside = || file::beside(&request.path, environment);
            file::committed(&request.path, environment).unwrap_or_else(beside)
        };
        world.context.proposals = places(&plan_file, &world);
        if request.rules_only {
            world.gateway = None;
        }
        let done = moved(&world, &request.path, request.run, request.environment.as_deref(), request.replay).await;
        json::answer(&leave(&world, done).await?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffRequest {
    old: PathBuf,
    new: PathBuf,
}

/// `{old, new}` to `{differences: [{place, what}]}`.
#[pyfunction]
pub(super) fn diff(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let DiffRequest { old, new } = json::request(request)?;
        let found = differences::diff(&file::read(&old)?, &file::read(&new)?);
        json::answer(&serde_json::json!({"schema": "windvane/diff/v1", "differences": found}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    plan: PathBuf,
    #[serde(default)]
    code: bool,
}

/// `{plan, code}` to `{text}`: Markdown, or polars code.
#[pyfunction]
pub(super) fn explain(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let ExplainRequest { plan, code } = json::request(request)?;
        let plan = file::read(&plan)?;
        let text = if code { words::code(&plan)? } else { words::explain(&plan) };
        json::answer(&serde_json::json!({"text": text}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectRequest {
    world: Outside,
    spec: PathBuf,
    #[serde(default)]
    environment: Option<String>,
}

/// `{world, spec, environment?}` to `{problems}`: a spec against what is really there.
#[pyfunction]
pub(super) fn check_connected(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        enter::claim_engine()?;
        let ConnectRequest { world, spec: path, environment } = json::request(&request)?;
        let world = World { store: None, gateway: None, ..world.world()? };
        let errors = match spec(&path, environment.as_deref(), &world.context.roots) {
            Ok(spec) => checking::check(&world, &spec, environment.as_deref()).await,
            Err(error) => vec![error],
        };
        let file = path.display().to_string();
        let problems: Vec<Problem> =
            errors.into_iter().map(|error| Problem::of(&file, &read::located(error, &path))).collect();
        json::answer(&serde_json::json!({"problems": problems}))
    })
}

async fn moved(
    world: &World,
    path: &Path,
    run: Option<String>,
    environment: Option<&str>,
    replay: Option<String>,
) -> Result<windvane_run::record::Run> {
    let replay = replay.map(|rows| quarantined(world, &rows)).transpose()?;
    let plan = if is_plan(path) { file::read(path)? } else { current(world, path, environment).await? };
    let filled = world.filling.document(&plan)?;
    world.filling.needed(&plan)?;
    let plan = filled;
    match replay {
        Some(rows) => replayed(world, &plan, &rows, run.as_deref()).await,
        None => whole::run(world, &plan, &run.unwrap_or_else(|| format!("manual-{}", clock::now().rfc3339()))).await,
    }
}

/// The quarantine file of a path, or of an address in the staging place.
fn quarantined(world: &World, rows: &str) -> Result<PathBuf> {
    let found = match &world.staging.shelf {
        Some(shelf) if rows.contains("://") => shelf.fetch(rows, &|| world.context.progress.wanted())?,
        _ => Some(PathBuf::from(rows)).filter(|path| path.is_file()),
    };
    found.ok_or_else(|| {
        Error::missing("there is no such quarantine file")
            .in_file(rows)
            .hint("The record of a run lists the quarantine files that it wrote")
    })
}
