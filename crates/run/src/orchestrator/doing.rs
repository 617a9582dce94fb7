//! Which doing of which run a load belongs to, and what is remembered of earlier ones.

use super::window;
use super::world::World;
use crate::load;
use crate::load::Turn;
use windvane_connectors::again::{Facts, Known, Manner, Noted, Remembered};
use windvane_core::error::Result;
use windvane_core::spec::target::Mode;
use windvane_plan::{Output, Plan};
use windvane_store::ledger::{LedgerRow, Loads};

/// Which load this is.
pub(super) async fn turn(world: &World, plan: &Plan, planned: &Output, run: &str) -> Result<Turn> {
    let window = window::known(world, plan, planned, run).await?;
    let (load_id, mut remembered) = (load::load_id(&plan.pipeline, run, &planned.name, ""), Remembered::default());
    let target = load::place(plan, &world.context);
    let (pipeline, output, dataset) = (&*plan.pipeline, &*planned.name, &*planned.dataset);
    let of = Loads { pipeline, output, dataset, target: &target };
    let by_interval = planned.mode == Mode::Append && window.as_ref().is_some_and(|window| window.interval);
    world
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
    let replays = world.replay.as_ref().map(|replay| replay.of(plan, planned));
    Ok(Turn { run: run.to_owned(), attempt: world.turn.attempt, window, remembered, replays })
}

/// As the target's own ledger would tell it.
fn known_load(LedgerRow { load_id, run, pipeline, output, rows, window, .. }: LedgerRow) -> Known {
    let window = window.and_then(|window| serde_json::from_value(window).ok());
    Known { load_id, rows, facts: Facts { pipeline, output, run, window, ..Facts::default() }, manner: Manner::Added }
}
