//! Whose rows a load takes away, asked again under the target's lock: two pipelines may have looked at a table at the very
//! same time, when nobody's rows were there.

pub use super::facts::NewestLoad;
use super::facts::{LedgerLoad, LoadEffect};
use super::table_rows::TableRows;
use crate::load::LoadRequest;
use windvane_core::error::Result;
use windvane_core::faults;
use windvane_core::guard::{self, Incoming, RowOwner};

/// The newest of the loads (the newest first), when it is one of another pipeline that nobody has judged.
pub fn other<'a>(request: &LoadRequest, loads: &'a [LedgerLoad]) -> Option<&'a LedgerLoad> {
    let seen = request.seen.as_ref().filter(|_| !faults::planted("adopts_unasked"))?;
    let newest = loads.first().filter(|load| load.effect != LoadEffect::Gone)?;
    let theirs = !newest.facts.pipeline.is_empty() && newest.facts.pipeline != request.facts.pipeline;
    (theirs && *seen != NewestLoad::of(Some(newest))).then_some(newest)
}

/// Refuses to take away what another pipeline has loaded since the look.
pub fn judge(request: &LoadRequest, loads: &[LedgerLoad], there: TableRows) -> Result<()> {
    let Some(other) = other(request, loads) else { return Ok(()) };
    let brings = Incoming { mode: request.mode, absent: request.absent, incremental: false, rows: 0 };
    let there = guard::Existing { rows: there.rows, last: None };
    let found = guard::adopted(request.adopt, &brings, &there, &RowOwner::Of(other.facts.pipeline.clone()));
    found.map_or(Ok(()), |found| Err(found.refused().in_table(&request.dataset)))
}
