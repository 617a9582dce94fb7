//! What an agent would add to a plan.

use crate::decision::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;

/// What an agent would add to a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Runs before the spec's own steps.
    Step(Step),
    Check(Check),
}

/// A change for one loaded dataset, with the decision that tells of it. `decision.accepted` is false when it must not
/// be done without a person, whatever its confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedChange {
    pub output: String,
    pub change: Change,
    pub decision: Decision,
    /// What a dry run may show of it, where the words say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// Of a dry run: the share of the rows that may be left behind the change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    pub at_least: f64,
    pub at_most: f64,
}
