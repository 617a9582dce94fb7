//! A person's decision about what waits in a plan.

use super::specs::{committed, is_plan};
use super::{enter, json};
use pyo3::prelude::*;
use serde::Deserialize;
use std::path::PathBuf;
use windvane_agents::{Decided, Decision};
use windvane_core::error::Error;
use windvane_core::resilience::clock;
use windvane_plan::decide::{Which, decide};
use windvane_plan::{file, waiting};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveRequest {
    path: PathBuf,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    /// Ids of proposals; with `every` all that wait.
    #[serde(default)]
    proposals: Vec<String>,
    #[serde(default)]
    every: bool,
    approved: bool,
    by: String,
}

/// Writes a person's decision about what waits into the plan file; without a choice, says what waits.
#[pyfunction]
pub(super) fn approve(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let ApproveRequest { path, environment, roots, proposals, every, approved, by } = json::request(request)?;
        let (file, plan) = if is_plan(&path) {
            let plan = file::read(&path)?;
            (path, plan)
        } else {
            committed(&path, environment.as_deref(), &roots)?.ok_or_else(|| {
                Error::missing("there is no plan file beside the spec, so nothing can be decided")
                    .in_file(path.display().to_string())
                    .hint("Write it with `windvane plan SPEC` and look at it first")
            })?
        };
        let which = match (every, proposals.is_empty()) {
            (true, true) => Some(Which::All),
            (false, false) => Some(Which::These(proposals)),
            (false, true) => None,
            (true, false) => {
                return Err(
                    Error::spec("all proposals, or these? Both were asked for").hint("Leave --all or --proposal out")
                );
            }
        };
        let (plan, taken) = match which {
            None => (plan, Vec::new()),
            Some(which) => {
                let decided = Decided { approved, by, at: clock::now().rfc3339() };
                let (plan, taken) = decide(plan, &which, &decided)?;
                file::write(&plan, &file)?;
                (plan, taken)
            }
        };
        let told = |decision: &Decision| {
            serde_json::json!({
                "id": waiting::id(decision),
                "output": decision.output,
                "what": waiting::said(decision),
                "stops": waiting::stops(decision),
                "decided": decision.decided,
            })
        };
        json::answer(&serde_json::json!({
            "schema": "windvane/approval/v1",
            "plan": plan.id,
            "plan_file": file.display().to_string(),
            "decided": taken.iter().map(told).collect::<Vec<_>>(),
            "waits": waiting::undecided(&plan).map(told).collect::<Vec<_>>(),
        }))
    })
}
