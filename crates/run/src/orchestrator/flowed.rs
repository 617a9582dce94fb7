//! What has flowed: its counts, the note that later tries find, the receipt.

use super::events;
use crate::extract::disk;
use crate::extract::folder::Folder;
use crate::load;
use crate::load::{LoadAttempt, Receipt};
use crate::record::{Status, StepStats};
use crate::validate::CheckResult;
use serde::{Deserialize, Serialize};
use windvane_connectors::rerun::Counts;
use windvane_connectors::{Expected, ExpectedLoad, Loaded};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::resilience::clock::Stopwatch;
use windvane_plan::Output;

/// What has flowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flowed {
    pub(super) rows_in: u64,
    pub(super) rows: u64,
    pub(super) filtered: u64,
    #[serde(default)]
    pub(super) added: u64,
    pub(super) quarantined: u64,
    pub(super) quarantine: Vec<String>,
    pub(super) checksum: Option<String>,
    pub(super) checks: Vec<CheckResult>,
}

impl Flowed {
    pub(super) fn note(&self, folder: &Folder, output: &str) -> Result<()> {
        let path = folder.file(output, "moved.json");
        let beside = disk::beside(&path)?;
        let text = serde_json::to_vec(self).map_err(|error| Error::internal("counts are JSON").caused_by(&error))?;
        let failed = |error: std::io::Error| disk::failed("written", &beside, &error);
        std::fs::write(&beside, text).map_err(failed)?;
        disk::settle(&std::fs::File::open(&beside).map_err(failed)?, &beside, &path)?;
        folder.keep(&path).map(drop)
    }

    /// What an earlier attempt of the run has noted.
    pub(super) fn noted(folder: &Folder, output: &str) -> Result<Option<Self>> {
        let Some(path) = folder.find_file(output, "moved.json")? else { return Ok(None) };
        let text = std::fs::read(&path).map_err(|error| disk::failed("read", &path, &error))?;
        Ok(serde_json::from_slice(&text).ok())
    }

    fn counts(&self) -> Counts {
        let filtered = self.filtered + u64::from(faults::planted("miscounts_receipt"));
        Counts { rows_in: self.rows_in, added: self.added, filtered, quarantined: self.quarantined }
    }

    /// What the target must hold before its commit.
    pub(super) fn promised(&self) -> ExpectedLoad {
        let expected = Expected { rows: self.rows, checksum: self.checksum.clone() };
        ExpectedLoad { expected, counts: Some(self.counts()) }
    }

    /// Whether the target holds other rows than those that have flowed.
    pub(super) fn differs(&self, loaded: &Loaded) -> bool {
        let sums = self.checksum.is_some() && loaded.checksum.is_some() && self.checksum != loaded.checksum;
        loaded.rows != self.rows || sums
    }

    /// The receipt, when what is at the target is what has flowed.
    pub(super) fn receipt(&self, output: &Output, load_attempt: &LoadAttempt, loaded: Loaded) -> Result<Receipt> {
        let (run, attempt) = (load_attempt.run.as_str(), load::attempt(&loaded, load_attempt));
        if self.differs(&loaded) {
            if loaded.already {
                return Err(load::changed_since(&output.dataset, run, loaded.rows, self.rows));
            }
            return Err(Error::internal(format!("{} rows flowed, the target has {}", self.rows, loaded.rows))
                .in_table(&output.dataset));
        }
        Ok(Receipt {
            output: output.name.clone(),
            dataset: output.dataset.clone(),
            run: run.to_owned(),
            load_id: loaded.load_id,
            rows_in: self.rows_in,
            added: self.added,
            loaded: loaded.rows,
            filtered: self.counts().filtered,
            quarantined: self.quarantined,
            quarantine: self.quarantine.clone(),
            bytes: loaded.bytes,
            checksum_source: self.checksum.clone().filter(|_| loaded.checksum.is_some()),
            checksum_target: loaded.checksum,
            changes: loaded.changes,
            warnings: load::warnings(output, &self.checks, self.quarantined, &loaded.notes),
            already: loaded.already,
            attempt,
        })
    }

    pub(super) fn stats(&self, step: String, receipt: &Receipt, watch: Stopwatch) -> StepStats {
        StepStats {
            step,
            status: Status::Success,
            rows_in: self.rows_in,
            added: self.added,
            rows_out: receipt.loaded,
            filtered: self.filtered,
            quarantined: self.quarantined,
            bytes: receipt.bytes,
            seconds: watch.seconds(),
            peak_rss: events::peak_rss(),
        }
    }
}
