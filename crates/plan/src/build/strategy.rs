//! How the rows travel.

use crate::output::{PlannedStep, PlannedStrategy, plain};
use windvane_agents::By;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::Target;
use windvane_core::spec::{DatasetSpec, Strategy};
use windvane_engine as engine;
use windvane_engine::step::Program;

/// From so many rows on, writing and reading them between the stages costs more than a stage that is tried again.
const FUSED_FROM: u64 = 1_000_000;

pub(super) fn strategy(
    settings: &DatasetSpec,
    steps: &[PlannedStep],
    input: &Schema,
    rows: Option<u64>,
    lookup: &dyn Fn(&str) -> Option<Schema>,
) -> PlannedStrategy {
    if let Some(strategy) = settings.strategy {
        return PlannedStrategy { strategy, by: By::Spec, reason: "written in the spec".to_owned(), sql: None };
    }
    let whole = Program::new(&plain(steps), input, lookup).is_ok_and(|program| program.next_whole(0).is_some());
    let (strategy, reason) = match rows {
        _ if settings.partitions.is_some_and(|parts| parts > 1) => (Strategy::Staged, "it is read in parts".to_owned()),
        _ if whole => (Strategy::Staged, "a step needs all rows, so they rest before it anyway".to_owned()),
        None => {
            (Strategy::Staged, "nobody knows how many rows come, and each stage can be tried again alone".to_owned())
        }
        Some(rows) if rows < FUSED_FROM => {
            (Strategy::Staged, format!("{rows} rows rest cheaply, and each stage can be tried again alone"))
        }
        Some(rows) => (Strategy::Fused, format!("{rows} rows: writing them down between the stages would cost most")),
    };
    PlannedStrategy { strategy, by: By::Rules, reason, sql: None }
}

/// The steps as the target does them; what it cannot do is said before anything runs.
pub(super) fn pushdown(
    steps: &[Step],
    from: &str,
    input: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    target: &Target,
) -> Result<String> {
    if !target.kind().pushdown {
        return Err(Error::unsupported("only a postgres target runs steps as SQL")
            .hint("Leave `strategy` out: the engine runs the steps on the way"));
    }
    Ok(engine::pushdown::staged(steps, from, input, lookup)?.query.placed())
}
