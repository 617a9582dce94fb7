//! A whole run in one process: every stage of every output, each behind those that it joins to.

use super::held::Refusals;
use super::planned::decided;
use super::stages::staged;
use super::world::World;
use super::{fused, pushed, recording, stage};
use crate::load::Receipt;
use crate::record::{Failure, Run};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::Strategy;
use windvane_plan::{Output, Plan, order};

/// Runs a plan. The same run never loads twice. An output that fails does not stop the others: the record of the run says
/// which failed, and why.
#[boxed]
pub async fn run(world: &World, plan: &Plan, run: &str) -> Result<Run> {
    let mut world = world.clone();
    world.hold(plan, run).await?;
    let done = begun(&mut world, plan, run).await;
    world.let_go(plan, run).await?;
    done
}

async fn begun(world: &mut World, plan: &Plan, run: &str) -> Result<Run> {
    world.begin(plan, run).await?;
    if world.turn.uncounted {
        world.turn.attempt = world.done_before(plan, run).await + 1;
    }
    let world = &*world;
    let (mut receipts, mut failed, mut refusals) = (Vec::new(), Vec::new(), Refusals::of(plan));
    for (output, waits) in order::ordered(plan) {
        let error = match moved(world, plan, output, run, refusals.hold(output, &waits)).await {
            Ok(receipt) => {
                receipts.push(receipt);
                continue;
            }
            Err(error) => error,
        };
        stage::give_up(world, plan, &output.name, run).await;
        failed.push(Failure::of(&output.name, &error));
        refusals.add(&output.name, &error);
        if error.kind() == Kind::Cancelled {
            // Nobody waits for the others.
            break;
        }
    }
    recording::recorded(world, plan, run, receipts, failed).await
}

/// One output, on the way that the plan chose. One that is held is loaded by an earlier try only.
async fn moved(world: &World, plan: &Plan, output: &Output, run: &str, held: Option<Error>) -> Result<Receipt> {
    decided(plan, &output.name)?;
    if let Some(receipt) = stage::retried(world, plan, output, run).await? {
        return Ok(receipt);
    }
    if let Some(held) = held {
        return Err(held);
    }
    match output.strategy.strategy {
        Strategy::Staged => staged(world, plan, &output.name, run).await,
        Strategy::Pushdown => {
            let inputs = stage::extract(world, plan, &output.name, run).await?;
            pushed::load(world, plan, &output.name, run, &inputs).await
        }
        Strategy::Fused => fused::run(world, plan, &output.name, run).await,
    }
}
