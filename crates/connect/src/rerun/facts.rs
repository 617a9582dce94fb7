//! What is known of loads: by the ledger of a target, and by the store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::schema::Schema;
use windvane_core::spec::target::Mode;

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
    /// That were loaded.
    pub columns: Schema,
    /// What was read, as the plan knew it: steps have made the loaded columns of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Value>,
    /// How texts among it were read as days and times that nobody has said it of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parsed: Vec<Value>,
    /// How many rows came and what became of them before the load, where that is known before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The column in which its rows carry the load's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_id: Option<String>,
    /// Columns that were cast to what the table has: it was not made for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fitted: Vec<String>,
    /// So many rows were there before the first load that only added: they are not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<u64>,
    /// Its rows are mended ones that another run has put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replays: Option<Replays>,
}

/// Values of the watermark column above `low`, up to and with `high`, as canonical texts of its type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// Of a data interval: `low` itself is inside, `high` is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interval: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub rows_in: u64,
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
}

/// What a load of mended rows is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replays {
    /// The run that has put them aside, which doing of it, and its load.
    pub run: String,
    pub attempt: u32,
    pub load_id: String,
    /// What tells each source row from the others of the run.
    pub rows: Vec<String>,
    /// What the loads of the output do.
    #[serde(skip)]
    pub mode: Mode,
    /// Rows of the same key may change: none has come since, as far as was seen before the load.
    #[serde(skip)]
    pub changes: bool,
}

/// A load in the list of a ledger.
#[derive(Debug, Clone)]
pub struct LedgerLoad {
    pub load_id: String,
    /// That it loaded.
    pub rows: u64,
    pub facts: Facts,
    pub effect: LoadEffect,
}

/// What a load did to the rows that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadEffect {
    Added,
    Replaced,
    /// By key.
    Changed,
    /// Its table was found empty afterwards: none of its rows is left.
    Gone,
}

/// What the store remembers of loads into a target: what counts where the ledger there was lost.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// So many rows of this load.
    pub rows: Option<u64>,
    /// The newest load of the same output.
    pub last: Option<Noted>,
    /// Of an append by interval: what other runs have loaded.
    pub others: Vec<LedgerLoad>,
}

/// A load in the store's notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub run: String,
    pub rows: u64,
    pub at: String,
}

/// The newest load when the rows were judged that are there: its id, and which doing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewestLoad(Option<(String, u32)>);

impl NewestLoad {
    pub fn of(newest: Option<&LedgerLoad>) -> Self {
        Self(newest.map(|load| (load.load_id.clone(), load.facts.attempt)))
    }
}

impl Replays {
    /// Whether a load is the one that they belong to, or of its mended rows.
    pub fn belongs(&self, load: &LedgerLoad) -> bool {
        let theirs = load.facts.replays.as_ref();
        load.load_id == self.load_id || theirs.is_some_and(|theirs| theirs.load_id == self.load_id)
    }
}
