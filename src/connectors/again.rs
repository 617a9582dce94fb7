//! A load that comes a second time: whether the first one stands, or the work is done again.
//!
//! A retry (the same attempt) finds the first one done. A run that had ended and is run again (a later attempt) means "do
//! this again": replace, merge and history do. Appended rows would be there twice, so an append is only done again where
//! the caller has made sure that the earlier rows go (`swap`). What the ledger says is believed after a look: a table
//! that was dropped or emptied by hand is loaded again.

use crate::connectors::{LoadRequest, Loaded};
use crate::error::{Error, Kind, Result};
use crate::faults;
use crate::schema::Schema;
use crate::spec::target::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a load is about; kept beside its receipt in the target's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub pipeline: String,
    pub output: String,
    pub run: String,
    /// How often the run was done, this time included: a run that had ended and is run again counts on.
    pub attempt: u32,
    /// The plan that it was done by.
    pub plan: String,
    /// The part of an incremental source that it read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    pub columns: Schema,
    /// How many rows came and what became of them before the load, where that is known before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// Values of the watermark column above `low`, up to and with `high`, as canonical texts of its type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub rows_in: u64,
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
}

/// A load as the target remembers it.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub loaded: Loaded,
    pub facts: Facts,
    /// No load of the dataset came after it.
    pub newest: bool,
}

impl Earlier {
    /// The answer of the earlier load, or nothing: the work is done (again). `rows`: in the table now; none: no table.
    pub(super) fn stands(self, request: &LoadRequest, rows: Option<u64>) -> Result<Option<Loaded>> {
        let lost = match rows {
            None => true,
            // Loads that only append leave no table empty; others may.
            Some(0) => self.loaded.rows > 0 && (self.newest || request.mode == Mode::Append),
            Some(_) => false,
        };
        let same_attempt = self.facts.attempt >= request.facts.attempt || faults::planted("never_again");
        let already = Loaded { already: true, earlier: Some(Box::new(self.facts.clone())), ..self.loaded };
        let stands = match request.mode {
            _ if lost && !faults::planted("believes_ledger") => false,
            Mode::Replace => same_attempt && (!self.newest || rows == Some(already.rows)),
            Mode::Merge | Mode::History => same_attempt,
            Mode::Append if request.swap => same_attempt,
            Mode::Append if rows < Some(already.rows) && self.newest => {
                return Err(Error::new(
                    Kind::Conflict,
                    format!(
                        "run '{}' has appended {} rows, and the table holds {} rows now: somebody has taken rows away",
                        self.facts.run,
                        already.rows,
                        rows.unwrap_or_default()
                    ),
                )
                .hint("Nothing was changed. Empty the table to load the run again, or start a new run"));
            }
            Mode::Append => !faults::planted("adds_again"),
        };
        Ok(stands.then_some(already))
    }
}
