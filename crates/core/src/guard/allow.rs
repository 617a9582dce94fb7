//! What a run lets pass, and what it has let pass.

use super::judge::Finding;
use super::limits::Guard;
use crate::error::Result;
use crate::faults;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A finding that did not stop its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passed {
    pub guard: Guard,
    /// The output or the dataset that is read.
    pub dataset: String,
    /// What would have stopped the run.
    pub saw: String,
}

/// The guards that a run lets pass. Clones note what passed together.
#[derive(Debug, Clone, Default)]
pub struct Allow {
    guards: BTreeSet<Guard>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Allow {
    /// The guards of these names.
    pub fn of(names: &[String]) -> Result<Self> {
        let guards = names.iter().map(|name| Guard::named(name.trim())).collect::<Result<_>>()?;
        Ok(Self { guards, passed: Arc::default() })
    }

    pub fn lets(&self, guard: Guard) -> bool {
        self.guards.contains(&guard)
    }

    pub fn guards(&self) -> Vec<Guard> {
        self.guards.iter().copied().collect()
    }

    /// An error for a finding that this run does not let pass.
    pub fn judge(&self, dataset: &str, finding: Option<Finding>) -> Result<()> {
        let Some(finding) = finding.filter(|finding| !sleeps(finding)) else { return Ok(()) };
        let Some(guard) = finding.guard.filter(|guard| self.lets(*guard)) else {
            return Err(finding.refused().in_table(dataset));
        };
        let passed = Passed { guard, dataset: dataset.to_owned(), saw: finding.saw };
        let mut all = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        // A stage that is tried again sees the same again, perhaps with other numbers.
        all.retain(|known| (known.guard, &known.dataset) != (guard, &passed.dataset));
        all.push(passed);
        Ok(())
    }

    /// What has passed so far.
    pub fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a planted fault keeps the guard from firing.
fn sleeps(finding: &Finding) -> bool {
    match finding.guard {
        Some(Guard::Quarantined) => faults::planted("quarantined_unguarded"),
        Some(Guard::Rows) => faults::planted("rows_unguarded"),
        Some(Guard::EmptiedColumns) => faults::planted("emptied_unguarded"),
        Some(Guard::LostColumns) => faults::planted("lost_unguarded"),
        Some(Guard::Format) => faults::planted("format_unguarded"),
        None => faults::planted("adopts_unasked"),
    }
}
