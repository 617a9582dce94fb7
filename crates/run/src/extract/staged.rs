//! Rows at rest between two stages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_core::schema::Schema;
use windvane_plan::Output;

/// The column that carries the source row number through transform and validate; never loaded.
pub const ROW_COLUMN: &str = "_windvane_row";

/// Rows at rest between two stages: a reference, small enough for XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    pub dataset: String,
    /// Path or address of the Parquet file. It holds the columns of `schema` and [`ROW_COLUMN`] (int64).
    pub uri: String,
    /// Files that follow the first one, when the dataset was read in pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<Rest>,
    pub schema: Schema,
    /// Rows in the files.
    pub rows: u64,
    pub bytes: u64,
    /// Counted since the source, over all stages so far: `rows_in + added = rows + filtered + quarantined`.
    pub rows_in: u64,
    /// Rows that steps made beside those that they got (unpivot, explode).
    #[serde(default)]
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of quarantined rows, one file a stage that refused any.
    pub quarantine: Vec<String>,
    /// Rows of the other inputs that the steps or checks have read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: Joined,
    /// The machine that wrote the files; nothing where they lie in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The machine and disk that files lie on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    pub host: String,
    /// What the note beside them says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

/// A further file of a staged dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    pub uri: String,
    /// What its row numbers count from.
    pub offset: u64,
    /// The machine that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl Staged {
    /// Whether every row since the source is accounted for.
    pub fn balances(&self) -> bool {
        self.rows_in + self.added == self.rows + self.filtered + self.quarantined
    }
}

/// Rows by input.
pub type Joined = BTreeMap<String, u64>;

/// Of what was staged: the rows that steps and checks of an output look into.
pub fn joined(output: &Output, inputs: &Inputs) -> Joined {
    output.reads.iter().filter_map(|name| Some((name.clone(), inputs.get(name)?.rows))).collect()
}

/// The staged inputs of an output, by name.
pub type Inputs = BTreeMap<String, Staged>;
