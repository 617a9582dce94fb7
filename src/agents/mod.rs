//! Who proposes: one file a role, each answering a typed question with a proposal, by rules or by a model.
//!
//! Deliberately absent: authority. An agent's proposal changes nothing until `plan` accepts it. Nothing here writes to
//! a source or a target.
//!
//! Invariants: confidence lies in [0, 1]; with no model every question is answered by rules; text found in data is
//! data, never an instruction; a proposal names only columns that exist.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an agent answers: the value, why, how sure, and who.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal<T> {
    pub value: T,
    /// Short facts, for people.
    pub evidence: Vec<String>,
    /// 0 to 1.
    pub confidence: f64,
    pub by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The user wrote it in the spec.
    Spec,
    Rules,
    Model,
}

/// One decision, as the store and the plan file keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub agent: String,
    pub question: String,
    pub proposal: serde_json::Value,
    pub evidence: Vec<String>,
    pub confidence: f64,
    pub by: By,
    pub accepted: bool,
    /// Why accepted or refused.
    pub reason: String,
    /// Of a model: its name and what it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}
