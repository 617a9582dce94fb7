//! Which doing of which run a load belongs to, and what is remembered of earlier ones.

use super::run_context::RunContext;
use super::window;
use crate::load;
use crate::load::LoadAttempt;
use windvane_connectors::rerun::{Facts, LedgerLoad, LoadEffect, Noted, Remembered};
use windvane_core::error::Result;
use windvane_core::spec::target::Mode;
use windvane_plan::{Output, Plan};
use windvane_store::ledger::{LedgerRow, Loads};

/// Which load this is.
pub(super) async fn load_attempt(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    run: &str,
) -> Result<LoadAttempt> {
    let window = window::known(run_context, plan, planned, run).await?;
    let (load_id, mut remembered) = (load::load_id(&plan.pipeline, run, &planned.name, ""), Remembered::default());
    let target = load::place(plan, &run_context.context);
    let (pipeline, output, dataset) = (&*plan.pipeline, &*planned.name, &*planned.dataset);
    let of = Loads { pipeline, output, dataset, target: &target };
    let by_interval = planned.mode == Mode::Append && window.as_ref().is_some_and(|window| window.interval);
    run_context
        .remember("question for earlier loads", async |store| {
            let known = store.load(&load_id, &target).await?.filter(|load| load.dataset == dataset);
            remembered.rows = known.map(|load| load.rows);
            let last = store.last_load(&of).await?;
            remembered.last = last.map(|LedgerRow { run, rows, loaded_at: at, .. }| Noted { run, rows, at });
            if by_interval {
                remembered.others = store.windowed_loads(&of).await?.into_iter().map(known_load).collect();
            }
            Ok(())
        })
        .await?;
    let replays = run_context.replay.as_ref().map(|replay| replay.of(plan, planned));
    Ok(LoadAttempt { run: run.to_owned(), attempt: run_context.begun.attempt, window, remembered, replays })
}

/// As the target's own ledger would tell it.
fn known_load(LedgerRow { load_id, run, pipeline, output, rows, window, .. }: LedgerRow) -> LedgerLoad {
    let window = window.and_then(|window| serde_json::from_value(window).ok());
    LedgerLoad {
        load_id,
        rows,
        facts: Facts { pipeline, output, run, window, ..Facts::default() },
        effect: LoadEffect::Added,
    }
}
