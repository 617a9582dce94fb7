//! What is asked of target and sources once there is a plan: how columns go into tables that are there, and which travel as the
//! server's own text.

use super::planned::source_breaker;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use windvane_connectors::Connection;
use windvane_connectors::fits::{Fitting, Misfit};
use windvane_core::error::Result;
use windvane_core::spec::Spec;
use windvane_core::spec::drift::Policy;
use windvane_know::discover::Catalog;
use windvane_plan::{Output, Plan, carried};

/// How the columns of outputs go into tables that are there. A target that cannot be
/// asked now is looked at by the load.
pub(super) async fn fitted(world: &World, spec: &Spec, plan: &Plan) -> BTreeMap<String, Fitting> {
    let mut all = BTreeMap::new();
    let Ok(connection) = Connection::open_target(&spec.target, &world.context) else { return all };
    for output in &plan.outputs {
        match looked(&connection, world, plan, output).await {
            Ok(fitting) if !fitting.exists => {}
            Ok(fitting) => _ = all.insert(output.name.clone(), fitting),
            Err(error) => {
                tracing::warn!("the target's table '{}' is not compared with the plan: {error}", output.dataset);
                break;
            }
        }
    }
    all
}

/// What of the table the load would not widen by itself.
async fn looked(connection: &Connection, world: &World, plan: &Plan, output: &Output) -> Result<Fitting> {
    let kept = output.declared.as_ref();
    let mut fitting = connection.fitting(&output.dataset, &output.schema, output.mode, kept).await?;
    fitting.lacks = kept.filter(|_| fitting.exists).map(|kept| fitting.lacking(kept)).unwrap_or_default();
    if fitting.misfits.iter().any(|misfit| misfit.widens)
        && plan.drift_of(output).types == Policy::Evolve
        && let lately = connection.lately(&output.dataset, (&plan.pipeline, &output.name)).await?
        && let Some(last) = lately.own.or(lately.newest)
    {
        // What was cast to fit the table before is cast again: the source has not grown.
        let (wide, others) =
            fitting.misfits.into_iter().partition(|one| one.widens && !last.facts.fitted.contains(&one.column));
        fitting.misfits = others;
        let wide: Vec<Misfit> = wide;
        for misfit in wide {
            world.context.notes.add(&output.name, &format!("{}: the target's column widens", misfit.what));
        }
    }
    Ok(fitting)
}

/// The columns of inputs that travel as the server's own text, because they hold values that have no word here.
pub(super) async fn carried(
    world: &World,
    spec: &Spec,
    plan: &Plan,
    catalog: &Catalog,
    fitted: &BTreeMap<String, Fitting>,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sources = spec.named_sources();
    let mut all = BTreeMap::new();
    for (name, columns) in carried::candidates(plan, catalog, &spec.target, fitted) {
        let Some(input) = plan.input(&name) else { continue };
        let Some(source) = sources.get(&input.source) else { continue };
        let connection = Connection::open_source(source, &world.context)?;
        let asked = connection.beyond(&input.locator, &columns);
        let found: BTreeSet<String> = world.guarded(source_breaker(source), asked).await?.into_iter().collect();
        if !found.is_empty() {
            all.insert(name, found);
        }
    }
    Ok(all)
}
