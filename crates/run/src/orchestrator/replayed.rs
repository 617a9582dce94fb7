//! Where mended rows belong, as the loads of their outputs tell it to the target.

use crate::extract::mended::Owner;
use crate::load;
use std::collections::BTreeMap;
use windvane_connectors::rerun::replays::Replays;
use windvane_core::spec::target::Mode;
use windvane_plan::{Output, Plan};

/// Where mended rows belong.
#[derive(Debug, Clone)]
pub struct Replay {
    pub(super) of: Owner,
    /// What tells each row from the others of the run.
    pub(super) rows: Vec<String>,
    /// By their names.
    pub(super) outputs: BTreeMap<String, Replayed>,
}

/// How an output of mended rows is loaded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Replayed {
    pub(super) mode: Mode,
    /// One row of several is taken: a row may be there that was taken instead.
    pub(super) chooses: bool,
}

impl Replay {
    /// As the target's ledger keeps it.
    pub(super) fn of(&self, plan: &Plan, output: &Output) -> Replays {
        let Replayed { mode, chooses } = self.outputs.get(&output.name).copied().unwrap_or_default();
        Replays {
            run: self.of.by.run.clone(),
            attempt: self.of.by.attempt,
            load_id: load::load_id(&plan.pipeline, &self.of.by.run, &output.name, ""),
            rows: self.rows.clone(),
            mode,
            changes: !chooses,
        }
    }
}
