//! What the store keeps of a run while it goes on, and how that is read again.

use super::run_context::RunContext;
use super::window;
use crate::load;
use crate::load::Receipt;
use crate::record::StepStats;
use crate::validate::CheckResult;
use serde_json::json;
use windvane_core::error::Result;
use windvane_core::guard::{Note, Passed};
use windvane_plan::Plan;
use windvane_store::ledger::LedgerRow;

pub(super) async fn remember_checks(
    run_context: &RunContext,
    plan: &Plan,
    run: &str,
    output: &str,
    checks: &[CheckResult],
) -> Result<()> {
    let document = json!({"output": output, "checks": checks});
    let entry = RunContext::entry(plan, run);
    run_context.remember("checks", async |store| store.put_event(&entry, "checks", &document).await).await
}

/// The store's copy of the ledger.
pub(super) async fn remember_load(
    run_context: &RunContext,
    plan: &Plan,
    run: &str,
    output: &str,
    receipt: &Receipt,
) -> Result<()> {
    let window = match plan.output(output) {
        Some(planned) => window::known(run_context, plan, planned, run).await?,
        None => None,
    };
    let row = LedgerRow {
        load_id: receipt.load_id.clone(),
        run: run.to_owned(),
        pipeline: plan.pipeline.clone(),
        output: output.to_owned(),
        dataset: receipt.dataset.clone(),
        rows: receipt.loaded,
        checksum: receipt.checksum_target.clone().unwrap_or_default(),
        target: load::place(plan, &run_context.context),
        window: window.map(|window| json!(window)),
        loaded_at: String::new(),
    };
    run_context.remember("ledger", async |store| store.put_ledger(&row).await.map(drop)).await
}

/// Keeps what the run's guards have let pass, for the record: tasks of one run may be processes of their own.
pub(super) async fn remember_passed(run_context: &RunContext, plan: &Plan, run: &str) -> Result<()> {
    for passed in run_context.context.allow.passed() {
        let document = json!(passed);
        run_context
            .remember("guards", async |store| store.put_event(&RunContext::entry(plan, run), "passed", &document).await)
            .await?;
    }
    for note in run_context.context.notes.all() {
        let document = json!(note);
        run_context
            .remember("drift", async |store| store.put_event(&RunContext::entry(plan, run), "drift", &document).await)
            .await?;
    }
    Ok(())
}

/// Each note once.
pub(super) fn all_notes(events: &[windvane_store::history::EventRow], mine: Vec<Note>) -> Vec<Note> {
    let told = events.iter().filter(|event| event.kind == "drift");
    let mut all: Vec<Note> = Vec::new();
    for note in told.filter_map(|event| serde_json::from_value(event.document.clone()).ok()).chain(mine) {
        if !all.contains(&note) {
            all.push(note);
        }
    }
    all
}

/// Each guard once a dataset, as it was seen last; what this process saw is newest.
pub(super) fn all_passed(events: &[windvane_store::history::EventRow], mine: Vec<Passed>) -> Vec<Passed> {
    let told = events.iter().filter(|event| event.kind == "passed");
    let mut all: Vec<Passed> = Vec::new();
    for passed in told.filter_map(|event| serde_json::from_value(event.document.clone()).ok()).chain(mine) {
        all.retain(|known| (known.guard, &known.dataset) != (passed.guard, &passed.dataset));
        all.push(passed);
    }
    all
}

pub(super) async fn remember_step(run_context: &RunContext, plan: &Plan, run: &str, stats: &StepStats) -> Result<()> {
    run_context
        .remember("step", async |store| store.put_event(&RunContext::entry(plan, run), "step", &json!(stats)).await)
        .await
}

/// The last event of each step: a retried task tells of the same step again.
pub(super) fn last_steps(events: &[windvane_store::history::EventRow]) -> Vec<StepStats> {
    let mut steps: Vec<StepStats> = Vec::new();
    for event in events.iter().filter(|event| event.kind == "step") {
        let Ok(stats) = serde_json::from_value::<StepStats>(event.document.clone()) else { continue };
        steps.retain(|known| known.step != stats.step);
        steps.push(stats);
    }
    steps
}

/// The most memory this process has held, in bytes; 0 where the system does not tell.
pub(super) fn peak_rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
