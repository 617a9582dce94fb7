//! What is asked of target and sources once there is a plan: how columns go into tables that are there, and which travel as the
//! server's own text.

use super::planned::source_breaker;
use super::run_context::RunContext;
use std::collections::{BTreeMap, BTreeSet};
use windvane_connectors::Connection;
use windvane_connectors::compatibility::{Compatibility, Mismatch};
use windvane_core::error::Result;
use windvane_core::spec::Spec;
use windvane_core::spec::drift::Policy;
use windvane_know::discover::Catalog;
use windvane_plan::{Output, Plan, passthrough};

/// How the columns of outputs go into tables that are there. A target that cannot be
/// asked now is looked at by the load.
pub(super) async fn fitted(run_context: &RunContext, spec: &Spec, plan: &Plan) -> BTreeMap<String, Compatibility> {
    let mut all = BTreeMap::new();
    let Ok(connection) = Connection::open_target(&spec.target, &run_context.context) else { return all };
    for output in &plan.outputs {
        match looked(&connection, run_context, plan, output).await {
            Ok(compatibility) if !compatibility.exists => {}
            Ok(compatibility) => _ = all.insert(output.name.clone(), compatibility),
            Err(error) => {
                tracing::warn!("the target's table '{}' is not compared with the plan: {error}", output.dataset);
                break;
            }
        }
    }
    all
}

/// What of the table the load would not widen by itself.
async fn looked(
    connection: &Connection,
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
) -> Result<Compatibility> {
    let kept = output.declared.as_ref();
    let mut compatibility = connection.compatibility(&output.dataset, &output.schema, output.mode, kept).await?;
    compatibility.lacks =
        kept.filter(|_| compatibility.exists).map(|kept| compatibility.lacking(kept)).unwrap_or_default();
    if compatibility.mismatches.iter().any(|mismatch| mismatch.widens)
        && plan.drift_of(output).types == Policy::Evolve
        && let lately = connection.latest_loads(&output.dataset, (&plan.pipeline, &output.name)).await?
        && let Some(last) = lately.own.or(lately.newest)
    {
        // What was cast to fit the table before is cast again: the source has not grown.
        let (wide, others) = compatibility
            .mismatches
            .into_iter()
            .partition(|one| one.widens && !last.facts.fitted.contains(&one.column));
        compatibility.mismatches = others;
        let wide: Vec<Mismatch> = wide;
        for mismatch in wide {
            run_context.context.notes.add(&output.name, &format!("{}: the target's column widens", mismatch.what));
        }
    }
    Ok(compatibility)
}

/// The columns of inputs that travel as the server's own text, because they hold values that have no word here.
pub(super) async fn carried(
    run_context: &RunContext,
    spec: &Spec,
    plan: &Plan,
    catalog: &Catalog,
    fitted: &BTreeMap<String, Compatibility>,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sources = spec.named_sources();
    let mut all = BTreeMap::new();
    for (name, columns) in passthrough::candidates(plan, catalog, &spec.target, fitted) {
        let Some(input) = plan.input(&name) else { continue };
        let Some(source) = sources.get(&input.source) else { continue };
        let connection = Connection::open_source(source, &run_context.context)?;
        let asked = connection.unrepresentable(&input.locator, &columns);
        let found: BTreeSet<String> = run_context.guarded(source_breaker(source), asked).await?.into_iter().collect();
        if !found.is_empty() {
            all.insert(name, found);
        }
    }
    Ok(all)
}
