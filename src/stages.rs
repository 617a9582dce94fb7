//! The stages of a run, one function each. `progress` is called with a JSON text about once a second.

use super::enter;
use super::json;
use super::run_context::{RunContextRequest, leave, places, plan_of, tell};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::progress::Progress;
use windvane_run::extract::{Staged, reasons as refusals};
use windvane_run::load::Receipt;
use windvane_run::orchestrator::pieces::{self, Piece};
use windvane_run::orchestrator::{fused, pushdown, recording, remade, stage};
use windvane_run::validate::Verdict;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    world: RunContextRequest,
    plan: String,
    run: String,
    #[serde(default)]
    output: String,
    #[serde(default)]
    piece: Option<Piece>,
    #[serde(default)]
    inputs: BTreeMap<String, Staged>,
    /// Instead of `inputs`: what the tasks of an output's pieces gave.
    #[serde(default)]
    pieces: Vec<Extracted>,
    #[serde(default)]
    staged: Option<Staged>,
    #[serde(default)]
    verdict: Option<Verdict>,
    #[serde(default)]
    receipts: Vec<Receipt>,
}

/// The inputs as one piece of them was extracted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extracted {
    piece: Piece,
    inputs: BTreeMap<String, Staged>,
}

#[derive(Clone, Copy)]
enum Stage {
    Split,
    Extract,
    Transform,
    Validate,
    Load,
    Move,
    Record,
}

/// `{world, plan, output, run}` to `{pieces: [...]}`: what tasks can read side by side.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn split(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Split, request, progress)
}

/// `{world, plan, output, run, piece?}` to `{inputs: {name: staged}}`, with the `piece` when one was asked for.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn extract(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Extract, request, progress)
}

/// `{world, plan, output, run, inputs}` to a staged reference.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn transform(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Transform, request, progress)
}

/// `{world, plan, output, run, inputs, staged}` to a verdict.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn validate(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Validate, request, progress)
}

/// `{world, plan, output, run, verdict}` to a receipt; of a push-down `inputs` instead of `verdict`.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn load(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Load, request, progress)
}

/// `{world, plan, output, run}` to a receipt: all stages of an output as one stream.
#[pyfunction]
#[pyo3(name = "move", signature = (request, progress = None))]
pub(super) fn move_rows(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Move, request, progress)
}

/// `{world, plan, run, receipts}` to the record of the run.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn record(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    go(py, Stage::Record, request, progress)
}

fn go(py: Python<'_>, stage: Stage, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let request = request.to_owned();
    let counters = Progress::default();
    let shown = counters.clone();
    enter::block_on_showing(
        py,
        &shown,
        progress,
        async move { perform(stage, json::request(&request)?, counters).await },
    )
}

async fn perform(stage: Stage, request: Request, counters: Progress) -> Result<String> {
    let mut run_context = request.world.run_context()?;
    run_context.context.progress = counters;
    let (plan, path) = plan_of(&run_context, &request.plan).await?;
    let plan = run_context.template_values.document(&plan)?;
    run_context.context.proposals = places(&path, &run_context);
    let (output, run) = (request.output.as_str(), request.run.as_str());
    let inputs = if request.pieces.is_empty() {
        request.inputs
    } else {
        let pieces = request.pieces.into_iter().map(|one| (one.piece, one.inputs)).collect();
        pieces::gather(&plan, output, pieces)?
    };
    if matches!(stage, Stage::Record) {
        run_context.go_on(&plan, run).await?;
    } else {
        run_context.begin(&plan, run).await?;
    }
    let lacks = |what: &str| Error::spec(format!("the request lacks '{what}'"));
    let work = async {
        match stage {
            Stage::Split => {
                json::answer(&serde_json::json!({"pieces": stage::split(&run_context, &plan, output, run).await?}))
            }
            Stage::Extract => {
                if let Some(piece) = request.piece {
                    let inputs = stage::extract_piece(&run_context, &plan, output, run, &piece).await?;
                    return json::answer(&Extracted { piece, inputs });
                }
                let inputs = stage::extract(&run_context, &plan, output, run).await?;
                json::answer(&serde_json::json!({"inputs": inputs}))
            }
            Stage::Transform => {
                let inputs = remade::inputs(&run_context, &plan, output, run, inputs).await?;
                json::answer(&stage::transform(&run_context, &plan, output, run, &inputs).await?)
            }
            Stage::Validate => {
                let staged = request.staged.clone().ok_or_else(|| lacks("staged"))?;
                let inputs = remade::inputs(&run_context, &plan, output, run, inputs).await?;
                let staged = remade::staged(&run_context, &plan, output, run, (&inputs, staged)).await?;
                json::answer(&stage::validate(&run_context, &plan, output, run, &inputs, &staged).await?)
            }
            Stage::Load if !inputs.is_empty() => {
                let inputs = remade::inputs(&run_context, &plan, output, run, inputs).await?;
                json::answer(&pushdown::load(&run_context, &plan, output, run, &inputs).await?)
            }
            Stage::Load => {
                let verdict = request.verdict.clone().ok_or_else(|| lacks("verdict"))?;
                let verdict = remade::verdict(&run_context, &plan, output, run, verdict).await?;
                json::answer(&stage::load(&run_context, &plan, output, run, &verdict).await?)
            }
            Stage::Move => json::answer(&fused::run(&run_context, &plan, output, run).await?),
            Stage::Record => {
                json::answer(&recording::record(&run_context, &plan, run, request.receipts.clone()).await?)
            }
        }
    };
    let done = work.await;
    if !matches!(stage, Stage::Record) {
        tell(&run_context);
    }
    if done.is_err() {
        stage::give_up(&run_context, &plan, output, run).await;
    }
    leave(&run_context, done).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonsRequest {
    files: Vec<String>,
    /// For files in an object store.
    #[serde(default)]
    world: Option<RunContextRequest>,
}

/// `{files, world?}` of quarantine to `{reasons, lines}`: the most frequent reasons, each with an example without personal
/// values. Files that cannot be had are passed over.
#[pyfunction]
pub(super) fn reasons(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let ReasonsRequest { files, world } = json::request(&request)?;
        let staging = world
            .map(RunContextRequest::run_context)
            .transpose()?
            .map(|run_context| run_context.staging)
            .unwrap_or_default();
        let folder = staging.folder(staging.path.clone(), &Progress::default());
        let here = files.iter().filter_map(|file| folder.find(file).ok().flatten());
        let here: Vec<String> = here.map(|path| path.display().to_string()).collect();
        let found = refusals::frequent(&here);
        json::answer(&serde_json::json!({"lines": refusals::lines(&found), "reasons": found}))
    })
}
