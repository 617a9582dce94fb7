//! A whole run in one process: every stage of every output, each behind those that it joins to.

use super::held::Refusals;
use super::planned::decided;
use super::run_context::RunContext;
use super::stages::staged;
use super::{fused, pushdown, recording, stage};
use crate::load::Receipt;
use crate::record::{Failure, Run};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::Strategy;
use windvane_plan::{Output, Plan, order};

/// Runs a plan. The same run never loads twice. An output that fails does not stop the others: the record of the run says
/// which failed, and why.
#[boxed]
pub async fn run(run_context: &RunContext, plan: &Plan, run: &str) -> Result<Run> {
    let mut run_context = run_context.clone();
    run_context.hold(plan, run).await?;
    let done = begun(&mut run_context, plan, run).await;
    run_context.let_go(plan, run).await?;
    done
}

async fn begun(run_context: &mut RunContext, plan: &Plan, run: &str) -> Result<Run> {
    run_context.begin(plan, run).await?;
    if run_context.begun.uncounted {
        run_context.begun.attempt = run_context.done_before(plan, run).await + 1;
    }
    let run_context = &*run_context;
    let (mut receipts, mut failed, mut refusals) = (Vec::new(), Vec::new(), Refusals::of(plan));
    for (output, waits) in order::ordered(plan) {
        let error = match moved(run_context, plan, output, run, refusals.hold(output, &waits)).await {
            Ok(receipt) => {
                receipts.push(receipt);
                continue;
            }
            Err(error) => error,
        };
        stage::give_up(run_context, plan, &output.name, run).await;
        failed.push(Failure::of(&output.name, &error));
        refusals.add(&output.name, &error);
        if error.kind() == Kind::Cancelled {
            // Nobody waits for the others.
            break;
        }
    }
    recording::recorded(run_context, plan, run, receipts, failed).await
}

/// One output, on the way that the plan chose. One that is held is loaded by an earlier try only.
async fn moved(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    run: &str,
    held: Option<Error>,
) -> Result<Receipt> {
    decided(plan, &output.name)?;
    if let Some(receipt) = stage::retried(run_context, plan, output, run).await? {
        return Ok(receipt);
    }
    if let Some(held) = held {
        return Err(held);
    }
    match output.strategy.strategy {
        Strategy::Staged => staged(run_context, plan, &output.name, run).await,
        Strategy::Pushdown => {
            let inputs = stage::extract(run_context, plan, &output.name, run).await?;
            pushdown::load(run_context, plan, &output.name, run, &inputs).await
        }
        Strategy::Fused => fused::run(run_context, plan, &output.name, run).await,
    }
}
