//! What proves a load, and what is told of one.

use super::load_attempt::LoadAttempt;
use crate::validate;
use crate::validate::CheckResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_connectors::rerun::Facts;
use windvane_connectors::{Changes, Loaded};
use windvane_core::spec::target::Absent;
use windvane_plan::Output;

/// Proof of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    pub output: String,
    /// Table or folder name at the target.
    pub dataset: String,
    pub run: String,
    pub load_id: String,
    pub rows_in: u64,
    /// Rows that steps made beside those that they got: `rows_in + added = loaded + filtered + quarantined`.
    #[serde(default)]
    pub added: u64,
    pub loaded: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of the quarantined rows.
    pub quarantine: Vec<String>,
    pub bytes: u64,
    /// Of the validated rows; nothing where they were too many to be read back (see `verify`).
    #[serde(default)]
    pub checksum_source: Option<String>,
    /// Of the rows as read back from the target.
    #[serde(default)]
    pub checksum_target: Option<String>,
    /// What a merge or a history did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// What people should know although it stopped nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// True when an earlier attempt of this run had loaded them already.
    pub already: bool,
    /// Which doing of the run loaded them; a store that was lost may know of less.
    #[serde(default)]
    pub attempt: u32,
}

/// What people should know of a load that was well; `notes` are those of the target.
pub fn warnings(output: &Output, checks: &[CheckResult], quarantined: u64, notes: &[String]) -> Vec<String> {
    let spared = (output.absent == Absent::Delete && quarantined > 0).then(|| {
        format!(
            "no row of '{}' was deleted: {quarantined} rows are in quarantine, and a row that could not be read is not absent",
            output.dataset
        )
    });
    validate::warnings(checks).into_iter().chain(spared).chain(notes.iter().cloned()).collect()
}

/// The receipt of a load that an earlier try of the same attempt (or a later one, with another store) has done, from what the ledger kept of it: the source
/// may have changed since.
pub fn retried(output: &Output, load_attempt: &LoadAttempt, loaded: &Loaded, earlier: &Facts) -> Option<Receipt> {
    let counts = earlier.counts.filter(|_| earlier.attempt >= load_attempt.attempt && loaded.already)?;
    Some(Receipt {
        output: output.name.clone(),
        dataset: output.dataset.clone(),
        run: load_attempt.run.clone(),
        load_id: loaded.load_id.clone(),
        rows_in: counts.rows_in,
        added: counts.added,
        loaded: loaded.rows,
        filtered: counts.filtered + loaded.superseded(),
        quarantined: counts.quarantined + loaded.refused.len() as u64 - loaded.superseded(),
        quarantine: Vec::new(),
        bytes: loaded.bytes,
        checksum_source: loaded.checksum.clone(),
        checksum_target: loaded.checksum.clone(),
        changes: loaded.changes,
        warnings: loaded.notes.clone(),
        already: true,
        attempt: earlier.attempt,
    })
}
