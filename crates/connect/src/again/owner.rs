//! Whose rows a load takes away, asked again under the target's lock: two pipelines may have looked at a table at the very
//! same time, when nobody's rows were there.

pub use super::facts::Seen;
use super::facts::{Known, Manner};
use super::there::There;
use crate::load::LoadRequest;
use windvane_core::error::Result;
use windvane_core::faults;
use windvane_core::guard::{self, Brings, Whose};

/// The newest of the loads (the newest first), when it is one of another pipeline that nobody has judged.
pub fn other<'a>(request: &LoadRequest, loads: &'a [Known]) -> Option<&'a Known> {
    let seen = request.seen.as_ref().filter(|_| !faults::planted("adopts_unasked"))?;
    let newest = loads.first().filter(|load| load.manner != Manner::Gone)?;
    let theirs = !newest.facts.pipeline.is_empty() && newest.facts.pipeline != request.facts.pipeline;
    (theirs && *seen != Seen::of(Some(newest))).then_some(newest)
}

/// Refuses to take away what another pipeline has loaded since the look.
pub fn judge(request: &LoadRequest, loads: &[Known], there: There) -> Result<()> {
    let Some(other) = other(request, loads) else { return Ok(()) };
    let brings = Brings { mode: request.mode, absent: request.absent, incremental: false, rows: 0 };
    let there = guard::There { rows: there.rows, last: None };
    let found = guard::adopted(request.adopt, &brings, &there, &Whose::Of(other.facts.pipeline.clone()));
    found.map_or(Ok(()), |found| Err(found.refused().in_table(&request.dataset)))
}
