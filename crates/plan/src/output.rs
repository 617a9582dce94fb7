//! What a plan says of a dataset that is loaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_agents::By;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::spec::check::Check;
use windvane_core::spec::drift::Drift;
use windvane_core::spec::guard::Guards;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::{Absent, Mode, OnDuplicate};
use windvane_core::spec::{Incremental, Strategy};

/// A dataset to load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub name: String,
    /// The input it starts from.
    pub from: String,
    /// The other inputs its steps and checks read, sorted.
    pub reads: Vec<String>,
    pub steps: Vec<PlannedStep>,
    /// The columns after the last step.
    pub schema: Schema,
    /// What the target's table takes over from the source's, where it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    pub checks: Vec<PlannedCheck>,
    /// Table or folder name at the target.
    pub dataset: String,
    pub mode: Mode,
    /// What identifies a row, for `merge` and `history`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub absent: Absent,
    /// Of loads by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_duplicate: Option<PlannedDuplicates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<Incremental>,
    /// What a run may not do to it in silence.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guard: Guards,
    /// Rows that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub adopt: bool,
    /// The column of an appended table that holds the id of a row's load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_id: Option<String>,
    /// Into how many parts the reading is split.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub partitions: u32,
    /// Where it is not the plan's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    pub strategy: PlannedStrategy,
}

/// How the rows travel, and why so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStrategy {
    pub strategy: Strategy,
    pub by: By,
    pub reason: String,
    /// Of a push-down: what runs at the target, over what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// Which of several rows with one key is taken, and why so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedDuplicates {
    pub choice: OnDuplicate,
    /// The column that says which row is later; without one it is the order of reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub by: By,
    pub reason: String,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    pub step: Step,
    pub by: By,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedCheck {
    pub check: Check,
    pub by: By,
    pub reason: String,
    /// Rows that break it are counted and loaded all the same: nobody has written or reviewed it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub warns: bool,
}

/// The steps alone.
pub fn plain(steps: &[PlannedStep]) -> Vec<Step> {
    steps.iter().map(|planned| planned.step.clone()).collect()
}
