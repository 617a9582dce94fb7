//! A load whose steps the target does itself: what was extracted goes there raw.

use super::planned::{named, target_breaker};
use super::world::World;
use super::{aside, doing, events, stage, window};
use crate::extract::Inputs;
use crate::load::{self, Receipt};
use crate::record::{Status, StepStats};
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::resilience::clock::Stopwatch;
use windvane_plan::Plan;

/// Loads the extracted rows through the steps and the checks of an output, exactly once.
#[boxed]
pub async fn load(world: &World, plan: &Plan, output: &str, run: &str, inputs: &Inputs) -> Result<Receipt> {
    let watch = Stopwatch::start();
    named(plan.output(output), "output", output, plan)?;
    let planned = stage::current(plan, output, inputs)?;
    let primary = stage::primary(&planned, inputs)?;
    let folder = world.folder(plan, run);
    world.context.progress.begin("load", output, Some(primary.rows));
    window::still_mine(world, plan, &planned, run).await?;
    let turn = doing::turn(world, plan, &planned, run).await?;
    let loading = load::pushed::run(plan, &planned, inputs, &turn, &world.context, &folder);
    let loading = world.guarded(target_breaker(&plan.target), loading).await;
    let (receipt, checks) = match loading {
        Ok(done) => done,
        Err(error) => {
            let error = if error.stage().is_none() { error.in_stage("load") } else { error };
            let own = aside::own_files(&folder, output, &["validate", "load"])?;
            let files: Vec<String> = primary.quarantine.iter().cloned().chain(own).collect();
            return Err(aside::put_aside(world, plan, &planned, run, &files, error).await);
        }
    };
    aside::keep_aside(world, plan, &planned, run, &receipt.quarantine).await?;
    events::remember_checks(world, plan, run, output, &checks).await?;
    let stats = StepStats {
        step: format!("{output}.load"),
        status: Status::Success,
        rows_in: primary.rows,
        rows_out: receipt.loaded,
        added: receipt.added.saturating_sub(primary.added),
        filtered: receipt.filtered.saturating_sub(primary.filtered),
        quarantined: receipt.quarantined.saturating_sub(primary.quarantined),
        bytes: receipt.bytes,
        seconds: watch.seconds(),
        peak_rss: events::peak_rss(),
    };
    events::remember_step(world, plan, run, &stats).await?;
    events::remember_passed(world, plan, run).await?;
    window::done(world, plan, &planned, run).await?;
    events::remember_load(world, plan, run, output, &receipt).await?;
    Ok(receipt)
}
