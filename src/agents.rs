//! Doors to the agents: `map_schemas`, `propose`, `diagnose`, `redact`, `judge`, `guard`.

use super::enter;
use super::json::{answer as write, request as read};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::{Decision, doctor, guard, mapper, planner, qa, question};
use windvane_core::error::Result;
use windvane_core::redact as redaction;
use windvane_core::schema::Schema;
use windvane_core::spec::Spec;
use windvane_know::discover::Catalog;
use windvane_know::profile::Profile;
use windvane_llm::{Gateway, Settings};
use windvane_store::Store;

/// The door to the model, with the breaker of the store where one is named.
fn gateway(settings: Option<&Settings>, store: Option<&str>) -> Result<Option<Gateway>> {
    let store = store.filter(|_| settings.is_some()).map(Store::at).transpose()?;
    settings.map(|settings| Gateway::new(settings, store.as_ref())).transpose()
}

async fn rest(gateway: Option<&Gateway>) {
    if let Some(gateway) = gateway {
        gateway.rest().await;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapRequest {
    source: Schema,
    target: Schema,
    #[serde(default)]
    source_profile: Option<Profile>,
    #[serde(default)]
    target_profile: Option<Profile>,
    #[serde(default)]
    gateway: Option<Settings>,
    #[serde(default)]
    store: Option<String>,
}

#[derive(Serialize)]
struct Mapped {
    #[serde(flatten)]
    mappings: mapper::Mappings,
    decisions: Vec<Decision>,
}

/// Columns to columns: the `windvane map` document.
#[pyfunction]
pub(super) fn map_schemas(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: MapRequest = read(&request)?;
        let gateway = gateway(request.gateway.as_ref(), request.store.as_deref())?;
        let question = mapper::Question {
            source: &request.source,
            target: &request.target,
            source_profile: request.source_profile.as_ref(),
            target_profile: request.target_profile.as_ref(),
        };
        let mut decisions = Vec::new();
        let mappings = mapper::ask(question, gateway.as_ref(), &mut decisions).await.value;
        rest(gateway.as_ref()).await;
        write(&Mapped { mappings, decisions })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposeRequest {
    spec: Spec,
    catalog: Catalog,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
    #[serde(default)]
    words: Option<String>,
    #[serde(default)]
    gateway: Option<Settings>,
    #[serde(default)]
    store: Option<String>,
}

#[derive(Serialize)]
struct Proposed {
    proposals: Vec<windvane_agents::ProposedChange>,
    decisions: Vec<Decision>,
}

/// Steps and checks for a spec's outputs.
#[pyfunction]
pub(super) fn propose(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: ProposeRequest = read(&request)?;
        let gateway = gateway(request.gateway.as_ref(), request.store.as_deref())?;
        let question = question::Question {
            spec: &request.spec,
            catalog: &request.catalog,
            profiles: &request.profiles,
            words: request.words.as_deref(),
            readings: None,
        };
        let mut decisions = Vec::new();
        let proposals = planner::ask(question, gateway.as_ref(), &mut decisions).await;
        rest(gateway.as_ref()).await;
        write(&Proposed { proposals, decisions })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiagnoseRequest {
    text: String,
    #[serde(default)]
    kind: Option<windvane_core::error::Kind>,
    #[serde(default)]
    sqlstate: Option<String>,
    #[serde(default)]
    http_status: Option<u16>,
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    gateway: Option<Settings>,
    #[serde(default)]
    store: Option<String>,
}

#[derive(Serialize)]
struct Diagnosed {
    #[serde(flatten)]
    diagnosis: doctor::Diagnosis,
    decisions: Vec<Decision>,
}

/// An error's text: the `windvane diagnose` document.
#[pyfunction]
pub(super) fn diagnose(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: DiagnoseRequest = read(&request)?;
        let gateway = gateway(request.gateway.as_ref(), request.store.as_deref())?;
        let DiagnoseRequest { text, kind, sqlstate, http_status, retry_after, .. } = request;
        let question = doctor::Question { text, kind, sqlstate, http_status, retry_after };
        let mut decisions = Vec::new();
        let diagnosis = doctor::ask(&question, gateway.as_ref(), &mut decisions).await;
        rest(gateway.as_ref()).await;
        write(&Diagnosed { diagnosis, decisions })
    })
}

/// A text as a model would get to see it.
#[pyfunction]
pub(super) fn redact(py: Python<'_>, text: &str) -> PyResult<String> {
    enter::compute(py, || redaction::ready().map(|()| redaction::text(text)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgeRequest {
    dry_run: qa::DryRun,
    #[serde(default)]
    gateway: Option<Settings>,
    #[serde(default)]
    store: Option<String>,
}

#[derive(Serialize)]
struct Judged {
    #[serde(flatten)]
    verdict: qa::Verdict,
    decisions: Vec<Decision>,
}

/// The verdict on a dry run.
#[pyfunction]
pub(super) fn judge(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: JudgeRequest = read(&request)?;
        let gateway = gateway(request.gateway.as_ref(), request.store.as_deref())?;
        let mut decisions = Vec::new();
        let verdict = qa::ask(&request.dry_run, gateway.as_ref(), &mut decisions).await.value;
        rest(gateway.as_ref()).await;
        write(&Judged { verdict, decisions })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum GuardRequest {
    Expression { text: String, columns: BTreeSet<String> },
    Statement { text: String, tables: BTreeSet<String> },
}

/// Nothing when the SQL may pass; otherwise `SpecError` with the reason.
#[pyfunction]
pub(super) fn guard_sql(py: Python<'_>, request: &str) -> PyResult<()> {
    enter::compute(py, || match read(request)? {
        GuardRequest::Expression { text, columns } => {
            guard::expression(&text, &columns.iter().map(String::as_str).collect())
        }
        GuardRequest::Statement { text, tables } => {
            guard::statement(&text, &tables.iter().map(String::as_str).collect())
        }
    })
}
