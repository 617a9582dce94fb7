//! What a run did, as plain data: steps, counts, and whether they balance.
//!
//! Deliberately absent: I/O. The orchestrator keeps the record in the store.
//!
//! Invariants: a run is `success` only when every output has a receipt whose rows balance and whose checksums agree.

use crate::load::Receipt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_agents::By;
use windvane_core::error::{Error, Kind, Place};
use windvane_core::guard::{Guard, Note, Passed};
use windvane_plan::{Output, Plan, waiting};

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub schema: String,
    pub run: String,
    pub pipeline: String,
    pub plan: String,
    pub status: Status,
    /// What worked less well than asked for: a model was asked for and rules answered, the store was given up.
    pub degraded: Vec<String>,
    pub steps: Vec<StepStats>,
    pub outputs: Vec<Receipt>,
    /// The outputs that were not loaded, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
    /// The guards that the run was told to let pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Guard>,
    /// What they would have stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Passed>,
    /// What the source has changed, where that was no reason to stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Note>,
    pub reconciliation: Reconciliation,
}

/// An output that was not loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub output: String,
    pub kind: Kind,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<f64>,
    pub retryable: bool,
    #[serde(default)]
    pub place: Place,
}

impl Failure {
    pub fn of(output: &str, error: &Error) -> Self {
        Self {
            output: output.to_owned(),
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint_text().map(str::to_owned),
            stage: error.stage().map(str::to_owned),
            retry_after: error.retry_after_seconds(),
            retryable: error.retryable(),
            place: error.place().clone(),
        }
    }
}

/// What became of a run, before it is summed up.
#[derive(Debug, Default)]
pub struct Ended {
    pub steps: Vec<StepStats>,
    pub receipts: Vec<Receipt>,
    pub failed: Vec<Failure>,
    pub allow: Vec<Guard>,
    pub passed: Vec<Passed>,
    pub degraded: Vec<String>,
    pub drift: Vec<Note>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Success,
    Failed,
}

/// One stage of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepStats {
    /// Such as `orders.extract`.
    pub step: String,
    pub status: Status,
    pub rows_in: u64,
    pub rows_out: u64,
    /// By this step.
    #[serde(default)]
    pub added: u64,
    /// By this step.
    pub filtered: u64,
    /// By this step.
    pub quarantined: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// Bytes; of the process that ran the step, since it started.
    pub peak_rss: u64,
}

/// The sums over all outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    pub rows_in: u64,
    #[serde(default)]
    pub added: u64,
    pub loaded: u64,
    pub filtered: u64,
    pub quarantined: u64,
    pub balanced: bool,
    /// Nothing when one of the outputs was only counted.
    pub checksum_source: Option<String>,
    pub checksum_target: Option<String>,
}

/// The record of a run from its receipts.
pub fn run(plan: &Plan, run: &str, ended: Ended) -> Run {
    let Ended { steps, mut receipts, failed, allow, passed, mut degraded, drift } = ended;
    receipts.sort_by(|a, b| a.output.cmp(&b.output));
    let reconciliation = reconcile(&receipts);
    let loaded = |output: &Output| receipts.iter().any(|receipt| receipt.output == output.name);
    let complete = plan.refused.is_empty() && plan.outputs.iter().all(loaded);
    // A model was asked, gave nothing, and the rules answered: the planner's own record of that proposes nothing.
    if plan.decisions.iter().any(|one| one.by == By::Model && !one.accepted && one.proposal.is_null()) {
        degraded.push("the model gave no answer that could be used: the rules answered".to_owned());
    }
    degraded.extend(waiting::warnings(plan));
    let agrees = reconciliation.balanced && reconciliation.checksum_source == reconciliation.checksum_target;
    Run {
        schema: "windvane/run/v1".to_owned(),
        run: run.to_owned(),
        pipeline: plan.pipeline.clone(),
        plan: plan.id.clone(),
        status: if complete && agrees { Status::Success } else { Status::Failed },
        degraded,
        steps,
        outputs: receipts,
        failed,
        allow,
        passed,
        drift,
        reconciliation,
    }
}

fn reconcile(receipts: &[Receipt]) -> Reconciliation {
    let sum = |count: fn(&Receipt) -> u64| receipts.iter().map(count).sum::<u64>();
    let balanced = receipts.iter().all(|one| one.rows_in + one.added == one.loaded + one.filtered + one.quarantined);
    Reconciliation {
        rows_in: sum(|receipt| receipt.rows_in),
        added: sum(|receipt| receipt.added),
        loaded: sum(|receipt| receipt.loaded),
        filtered: sum(|receipt| receipt.filtered),
        quarantined: sum(|receipt| receipt.quarantined),
        balanced,
        checksum_source: add_up(receipts.iter().map(|receipt| receipt.checksum_source.as_deref())),
        checksum_target: add_up(receipts.iter().map(|receipt| receipt.checksum_target.as_deref())),
    }
}

/// Checksums are sums of hashes, so the checksum of several datasets is the sum of theirs.
fn add_up<'a>(mut checksums: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let sum = checksums.try_fold(0_u128, |sum, text| Some(sum.wrapping_add(u128::from_str_radix(text?, 16).ok()?)));
    sum.map(|sum| format!("{sum:032x}"))
}
