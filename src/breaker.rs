//! The shared circuit breaker, and the state machines of `resilience` run over a list of events, for tests and for
//! people who want to see what their settings would do.

use super::store::{door, open};
use super::{enter, errors, json};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use windvane_core::error::{Error, Kind};
use windvane_core::resilience::breaker::{Admission, Outcome, Permit, Settings, State, admit, record};
use windvane_core::resilience::clock::{self, Now};
use windvane_core::resilience::retry::{self, Decision, Policy};
use windvane_core::resilience::token_bucket::{self, Bucket};
use windvane_store::breaker as shared;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdmitRequest {
    store: String,
    name: String,
    #[serde(default)]
    settings: Settings,
    /// Missing: now.
    #[serde(default)]
    now: Option<Now>,
}

door! {
    /// May a call be made? `{store, name, settings?, now?}` to `{granted: {permit}}` or `{refused: {retry_after}}`.
    breaker_admit(request: AdmitRequest, store) {
        shared::admit(&store, &request.name, &request.settings, request.now.unwrap_or_else(clock::now)).await?
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordRequest {
    store: String,
    name: String,
    #[serde(default)]
    settings: Settings,
    permit: Permit,
    outcome: Outcome,
    #[serde(default)]
    now: Option<Now>,
}

door! {
    /// How a call went: `{store, name, settings?, permit, outcome: success | failure | neither, now?}` to the state.
    breaker_record(request: RecordRequest, store) {
        let RecordRequest { name, settings, permit, outcome, now, .. } = request;
        shared::record(&store, &name, &settings, permit, outcome, now.unwrap_or_else(clock::now)).await?
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRequest {
    store: String,
    name: String,
}

door! {
    /// `{store, name}` to `{generation, phase: {closed | open | half_open: {...}}}`.
    breaker_state(request: NameRequest, store) { store.breaker(&request.name).await?.0 }
}

door! {
    /// Closes a breaker whatever it was: `{store, name}` to the state.
    breaker_reset(request: NameRequest, store) {
        store.reset_breaker(&request.name).await?;
        store.breaker(&request.name).await?.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuardRequest {
    store: Option<String>,
    name: String,
    #[serde(default)]
    settings: Settings,
    /// The kind of error that the guarded work ends with; missing: it succeeds.
    #[serde(default)]
    fails: Option<Kind>,
}

/// What the engine's own guarded calls do, with work that ends as told: `{store, name, settings?, fails?}` to `{}`.
#[pyfunction]
pub(super) fn breaker_guard(py: Python<'_>, request: &str) -> PyResult<String> {
    let request: GuardRequest = json::request(request).map_err(|error| errors::to_python(py, &error))?;
    let store = request.store.as_deref().map(|url| open(py, url)).transpose()?;
    enter::block_on(py, async move {
        let fails = request.fails;
        let work = async { fails.map_or(Ok(()), |kind| Err(Error::new(kind, "the guarded work failed"))) };
        shared::guard(store.as_ref(), &request.name, &request.settings, work).await?;
        json::answer(&json!({}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateRequest {
    settings: Settings,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    at: Now,
    op: Operation,
    /// Which event, counted from 0, was granted the permit that is given back.
    #[serde(default)]
    of: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Admit,
    Success,
    Failure,
    Neither,
}

/// A breaker over a list of events: `{settings, events: [{at, op, of?}]}` to `{trace: [{admission, state}]}`.
#[pyfunction]
pub(super) fn breaker_simulate(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let SimulateRequest { settings, events } = json::request(request)?;
        settings.check()?;
        let mut state = State::default();
        let mut permits: Vec<Option<Permit>> = Vec::new();
        let mut trace = Vec::new();
        for event in &events {
            let outcome = match event.op {
                Operation::Admit => None,
                Operation::Success => Some(Outcome::Success),
                Operation::Failure => Some(Outcome::Failure),
                Operation::Neither => Some(Outcome::Neither),
            };
            let mut admission = None;
            if let Some(outcome) = outcome {
                let permit = event.of.and_then(|index| permits.get(index).copied().flatten());
                let permit =
                    permit.ok_or_else(|| Error::spec("an outcome must name an event that was granted a permit"))?;
                state = record(state, &settings, permit, outcome, event.at);
                permits.push(None);
            } else {
                let (next, answer) = admit(state, &settings, event.at);
                state = next;
                permits.push(match &answer {
                    Admission::Granted { permit } => Some(*permit),
                    Admission::Refused { .. } => None,
                });
                admission = Some(answer);
            }
            trace.push(json!({"admission": admission, "state": state}));
        }
        json::answer(&json!({"trace": trace}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryRequest {
    #[serde(default)]
    policy: Policy,
    seed: u64,
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    kind: Kind,
    #[serde(default)]
    retry_after: Option<f64>,
    /// How long the failed attempt took.
    #[serde(default)]
    seconds: f64,
}

/// A retry policy over a list of failures: `{policy?, seed, failures: [{kind, retry_after?, seconds?}]}` to
/// `{delays: [...], stopped: null | terminal | attempts | elapsed}`.
#[pyfunction]
pub(super) fn retry_simulate(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let RetryRequest { policy, seed, failures } = json::request(request)?;
        let mut delays = Vec::new();
        let mut elapsed = 0.0;
        for (attempt, failure) in (1..).zip(&failures) {
            let error = Error::new(failure.kind, "simulated");
            let error = failure.retry_after.into_iter().fold(error, Error::retry_after);
            elapsed += failure.seconds;
            match retry::decide(&policy, seed, attempt, elapsed, &error) {
                Decision::Again { after } => {
                    elapsed += after;
                    delays.push(after);
                }
                Decision::Stop { why } => return json::answer(&json!({"delays": delays, "stopped": why})),
            }
        }
        json::answer(&json!({"delays": delays, "stopped": Value::Null}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitRequest {
    settings: token_bucket::Settings,
    takes: Vec<Take>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    at: Now,
    tokens: f64,
}

/// A token bucket over a list of takes: `{settings, takes: [{at, tokens}]}` to `{trace: [granted | {refused}]}`.
#[pyfunction]
pub(super) fn limit_simulate(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let LimitRequest { settings, takes } = json::request(request)?;
        let start = takes.first().map_or(Now(0.0), |take| take.at);
        let mut bucket = Bucket::full(&settings, start);
        let mut trace = Vec::new();
        for take in &takes {
            let (next, taken) = token_bucket::take(bucket, &settings, take.tokens, take.at);
            bucket = next;
            trace.push(taken);
        }
        json::answer(&json!({"trace": trace}))
    })
}
