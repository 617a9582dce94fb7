//! What a spec or plan asks of its caller.

use super::run_context::{RunContextRequest, leave, plan_of};
use super::specs::{is_plan, spec};
use super::{enter, json};
use pyo3::prelude::*;
use serde::Deserialize;
use std::path::PathBuf;
use windvane_core::spec::source::Source;
use windvane_core::spec::template;
use windvane_plan::{Plan, file, order};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedsRequest {
    path: String,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    /// For a plan that lies in the staging place or in the store.
    #[serde(default)]
    world: Option<RunContextRequest>,
}

/// `{path, environment?, roots?, world?}` of a spec or a plan to `{connections, templates, target, staging}`: what the caller
/// must resolve and render, where it loads to and where it wants its rows to rest.
#[pyfunction]
pub(super) fn needs(py: Python<'_>, request: &str) -> PyResult<String> {
    let NeedsRequest { path, environment, roots, world } =
        json::request(request).map_err(|error| super::errors::to_python(py, &error))?;
    if let Some(world) = world {
        return enter::block_on(py, async move {
            let run_context = world.run_context()?;
            let found = plan_of(&run_context, &path).await;
            let (plan, _) = leave(&run_context, found).await?;
            json::answer(&needs_of(&plan))
        });
    }
    enter::compute(py, || {
        let path = PathBuf::from(path);
        if is_plan(&path) {
            return json::answer(&needs_of(&file::read(&path)?));
        }
        let spec = spec(&path, environment.as_deref(), &roots)?;
        json::answer(&serde_json::json!({
            "pipeline": spec.pipeline,
            "plan": serde_json::Value::Null,
            "connections": spec.connections(),
            "templates": template::texts(&spec),
            "target": spec.target,
            "staging": spec.staging,
            "outputs": [],
            "waits": {},
        }))
    })
}

fn needs_of(plan: &Plan) -> serde_json::Value {
    let named = plan.sources.values().filter_map(Source::resolved_connection).chain(plan.target.connection());
    let ids: std::collections::BTreeSet<_> = named.collect();
    let templates = template::texts(plan);
    let waits: std::collections::BTreeMap<_, Vec<_>> = order::ordered(plan)
        .into_iter()
        .map(|(output, waits)| (&output.name, waits.into_iter().map(|other| &other.name).collect()))
        .collect();
    serde_json::json!({
        "pipeline": plan.pipeline,
        "plan": plan.id,
        "connections": ids,
        "templates": templates,
        "target": plan.target,
        "staging": plan.staging,
        "outputs": plan.outputs.iter().map(|output| &output.name).collect::<Vec<_>>(),
        "waits": waits,
    })
}
