//! Looking, planning and whole runs.

use super::run_context::{RunContextRequest, leave, places, tell};
use super::specs::{Question, current, is_plan, planned, spec};
use super::{enter, json};
use pyo3::prelude::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Result};
use windvane_core::resilience::{clock, progress::Progress};
use windvane_core::spec::problem::Problem;
use windvane_core::spec::read;
use windvane_plan::{diff as differences, explain as words, file};
use windvane_run::orchestrator::{RunContext, checking};
use windvane_run::orchestrator::{replay::replay as replayed, whole};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRequest {
    world: RunContextRequest,
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
        let request: PlanRequest = json::request(&request)?;
        let mut run_context = request.world.run_context()?;
        if request.rules_only {
            run_context.gateway = None;
        }
        if request.staged {
            run_context.ready().await?;
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
        let built = planned(&run_context, &request.spec, question).await;
        tell(&run_context);
        let plan = leave(&run_context, built).await?;
        if request.write {
            let path = match request.plan_file {
                Some(path) if request.staged => run_context.staging.path.join(path),
                given => given.unwrap_or(beside),
            };
            file::write(&plan, &path)?;
            if let Some(remote) = run_context.staging.remote.as_ref().filter(|_| request.staged) {
                remote.send(&path, &|| run_context.context.progress.wanted())?;
            }
        }
        json::answer(&plan)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    world: RunContextRequest,
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
        let request: RunRequest = json::request(&request)?;
        let mut run_context = request.world.run_context()?;
        run_context.context.progress = counters;
        let plan_file = if is_plan(&request.path) {
            request.path.clone()
        } else {
            let environment = request.environment.as_deref();
            let beside = || file::beside(&request.path, environment);
            file::committed(&request.path, environment).unwrap_or_else(beside)
        };
        run_context.context.proposals = places(&plan_file, &run_context);
        if request.rules_only {
            run_context.gateway = None;
        }
        let done =
            moved(&run_context, &request.path, request.run, request.environment.as_deref(), request.replay).await;
        json::answer(&leave(&run_context, done).await?)
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
    world: RunContextRequest,
    spec: PathBuf,
    #[serde(default)]
    environment: Option<String>,
}

/// `{world, spec, environment?}` to `{problems}`: a spec against what is really there.
#[pyfunction]
pub(super) fn check_connected(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let ConnectRequest { world, spec: path, environment } = json::request(&request)?;
        let run_context = RunContext { store: None, gateway: None, ..world.run_context()? };
        let errors = match spec(&path, environment.as_deref(), run_context.context.local.roots()) {
            Ok(spec) => checking::check(&run_context, &spec, environment.as_deref()).await,
            Err(error) => vec![error],
        };
        let file = path.display().to_string();
        let problems: Vec<Problem> =
            errors.into_iter().map(|error| Problem::of(&file, &read::located(error, &path))).collect();
        json::answer(&serde_json::json!({"problems": problems}))
    })
}

async fn moved(
    run_context: &RunContext,
    path: &Path,
    run: Option<String>,
    environment: Option<&str>,
    replay: Option<String>,
) -> Result<windvane_run::record::Run> {
    let replay = replay.map(|rows| quarantined(run_context, &rows)).transpose()?;
    let plan = if is_plan(path) { file::read(path)? } else { current(run_context, path, environment).await? };
    let filled = run_context.template_values.document(&plan)?;
    run_context.template_values.needed(&plan)?;
    let plan = filled;
    match replay {
        Some(rows) => replayed(run_context, &plan, &rows, run.as_deref()).await,
        None => {
            whole::run(run_context, &plan, &run.unwrap_or_else(|| format!("manual-{}", clock::now().rfc3339()))).await
        }
    }
}

/// The quarantine file of a path, or of an address in the staging place.
fn quarantined(run_context: &RunContext, rows: &str) -> Result<PathBuf> {
    let found = match &run_context.staging.remote {
        Some(remote) if rows.contains("://") => remote.fetch(rows, &|| run_context.context.progress.wanted())?,
        _ => Some(PathBuf::from(rows)).filter(|path| path.is_file()),
    };
    found.ok_or_else(|| {
        Error::missing("there is no such quarantine file")
            .in_file(rows)
            .hint("The record of a run lists the quarantine files that it wrote")
    })
}
