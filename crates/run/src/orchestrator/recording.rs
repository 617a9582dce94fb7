//! The record of a run, whatever became of it.

use super::events::{all_notes, all_passed, last_steps};
use super::held;
use super::run_context::RunContext;
use crate::load::Receipt;
use crate::record::{self, Failure, Run, Status};
use serde_json::json;
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_plan::Plan;
use windvane_store::runs::RunStatus;

/// Keeps the record of the run and clears its staging; quarantine stays. Rows that do not balance are an error.
#[boxed]
pub async fn record(run_context: &RunContext, plan: &Plan, run: &str, receipts: Vec<Receipt>) -> Result<Run> {
    let loaded: Vec<&str> = receipts.iter().map(|receipt| receipt.output.as_str()).collect();
    let held = held::told(plan, &loaded);
    let document = recorded(run_context, plan, run, receipts, held.clone()).await?;
    if document.status == Status::Failed {
        let loaded: Vec<&str> = document.outputs.iter().map(|receipt| receipt.output.as_str()).collect();
        let refused = plan.refused.iter().map(|refused| refused.output.as_str());
        let missing: Vec<&str> = plan.outputs.iter().map(|output| output.name.as_str()).chain(refused).collect();
        let missing: Vec<&str> = missing.into_iter().filter(|name| !loaded.contains(name)).collect();
        let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = if missing.is_empty() {
            "the run does not balance".to_owned()
        } else {
            format!("the run has failed: not loaded: {}", missing.join(", "))
        };
        let told = if missing.len() > plan.refused.len() {
            ". Why the others are not stands in the log of their own tasks"
        } else {
            ". When the source is mended, clear the task 'plan' with its downstream"
        };
        // Those have no task of their own that could say it.
        let refused = plan.refused.iter().map(|refused| format!("{}: {}", refused.output, refused.error()));
        let reasons: Vec<String> = refused.chain(held.iter().map(|held| held.message.clone())).collect();
        return Err(Error::new(Kind::Data, message)
            .with_lines(&reasons)
            .hint(format!("Loaded: {}{told}", list(&loaded)))
            .in_stage("record"));
    }
    Ok(document)
}

/// Keeps the record of a run, whatever became of it; clears its staging when all is well.
pub(super) async fn recorded(
    run_context: &RunContext,
    plan: &Plan,
    run: &str,
    receipts: Vec<Receipt>,
    failed: Vec<Failure>,
) -> Result<Run> {
    let events = match &run_context.store {
        Some(store) => store.events(&RunContext::entry(plan, run)).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let allow = &run_context.context.allow;
    let refused = plan.refused.iter().map(|refused| Failure::of(&refused.output, &refused.error()));
    let ended = record::Ended {
        steps: last_steps(&events),
        receipts,
        failed: failed.into_iter().chain(refused).collect(),
        allow: allow.guards(),
        passed: all_passed(&events, allow.passed()),
        degraded: given_up(run_context),
        drift: all_notes(&events, run_context.context.notes.all()),
    };
    let attempt = ended.receipts.iter().map(|receipt| receipt.attempt).max().unwrap_or_default();
    let mut document = record::run(plan, run, ended);
    let status = match document.status {
        Status::Success => RunStatus::Succeeded,
        Status::Failed => RunStatus::Failed,
    };
    run_context.finish(plan, run, (status, attempt), &json!(document)).await?;
    // It may have failed at its last task only.
    for why in given_up(run_context) {
        if !document.degraded.contains(&why) {
            document.degraded.push(why);
        }
    }
    if document.status == Status::Success {
        let folder = run_context.folder(plan, run);
        tokio::task::block_in_place(|| folder.clear());
    }
    Ok(document)
}

/// That the run has gone on without its store, and why.
fn given_up(run_context: &RunContext) -> Vec<String> {
    let why = run_context.store.as_ref().and_then(|store| store.given_up());
    why.map(|why| format!("the store was given up, and does not know of this run: {why}")).into_iter().collect()
}
