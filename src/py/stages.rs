//! The stages of a run, one function each.

use super::enter;
use super::json;
use super::world::{Outside, leave};
use crate::error::{Error, Result};
use crate::extract::Staged;
use crate::load::Receipt;
use crate::orchestrator::stage;
use crate::plan::file;
use crate::validate::Verdict;
use pyo3::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    world: Outside,
    plan: PathBuf,
    run: String,
    #[serde(default)]
    output: String,
    #[serde(default)]
    inputs: BTreeMap<String, Staged>,
    #[serde(default)]
    staged: Option<Staged>,
    #[serde(default)]
    verdict: Option<Verdict>,
    #[serde(default)]
    receipts: Vec<Receipt>,
}

#[derive(Clone, Copy)]
enum Stage {
    Extract,
    Transform,
    Validate,
    Load,
    Record,
}

/// `{world, plan, output, run}` to `{inputs: {name: staged}}`.
#[pyfunction]
pub(super) fn extract(py: Python<'_>, request: &str) -> PyResult<String> {
    go(py, Stage::Extract, request)
}

/// `{world, plan, output, run, inputs}` to a staged reference.
#[pyfunction]
pub(super) fn transform(py: Python<'_>, request: &str) -> PyResult<String> {
    go(py, Stage::Transform, request)
}

/// `{world, plan, output, run, inputs, staged}` to a verdict.
#[pyfunction]
pub(super) fn validate(py: Python<'_>, request: &str) -> PyResult<String> {
    go(py, Stage::Validate, request)
}

/// `{world, plan, output, run, verdict}` to a receipt.
#[pyfunction]
pub(super) fn load(py: Python<'_>, request: &str) -> PyResult<String> {
    go(py, Stage::Load, request)
}

/// `{world, plan, run, receipts}` to the record of the run.
#[pyfunction]
pub(super) fn record(py: Python<'_>, request: &str) -> PyResult<String> {
    go(py, Stage::Record, request)
}

fn go(py: Python<'_>, stage: Stage, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move { perform(stage, json::request(&request)?).await })
}

async fn perform(stage: Stage, request: Request) -> Result<String> {
    let plan = file::read(&request.plan)?;
    let world = request.world.world()?;
    let (output, run) = (request.output.as_str(), request.run.as_str());
    let lacks = |what: &str| Error::spec(format!("the request lacks '{what}'"));
    let work = async {
        match stage {
            Stage::Extract => {
                let inputs = stage::extract(&world, &plan, output, run).await?;
                json::answer(&serde_json::json!({"inputs": inputs}))
            }
            Stage::Transform => {
                enter::claim_engine()?;
                json::answer(&stage::transform(&world, &plan, output, run, &request.inputs).await?)
            }
            Stage::Validate => {
                enter::claim_engine()?;
                let staged = request.staged.as_ref().ok_or_else(|| lacks("staged"))?;
                json::answer(&stage::validate(&world, &plan, output, run, &request.inputs, staged).await?)
            }
            Stage::Load => {
                let verdict = request.verdict.as_ref().ok_or_else(|| lacks("verdict"))?;
                json::answer(&stage::load(&world, &plan, output, run, verdict).await?)
            }
            Stage::Record => json::answer(&stage::record(&world, &plan, run, request.receipts.clone()).await?),
        }
    };
    let done = work.await;
    leave(&world, done).await
}
