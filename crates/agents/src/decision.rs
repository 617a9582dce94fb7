//! What an agent answers, and what is written down of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_llm::Refusal;

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
    /// The output that a proposal is for, where it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    pub proposal: serde_json::Value,
    pub evidence: Vec<String>,
    pub confidence: f64,
    pub by: By,
    pub accepted: bool,
    /// Why accepted or refused.
    pub reason: String,
    /// Not accepted, and not to be forgotten either: a person should decide.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waits: bool,
    /// What a person has decided about what waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Of a model: its name and what it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl Decision {
    /// An accepted decision of the rules, sure, with nothing else to say.
    pub fn of(agent: &str, question: impl Into<String>) -> Self {
        Self {
            agent: agent.to_owned(),
            question: question.into(),
            output: None,
            proposal: serde_json::Value::Null,
            evidence: Vec::new(),
            confidence: 1.0,
            by: By::Rules,
            accepted: true,
            reason: String::new(),
            waits: false,
            decided: None,
            model: None,
            tokens: None,
        }
    }
}

/// Who has decided, what, and when (RFC 3339).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    pub approved: bool,
    pub by: String,
    pub at: String,
}

/// A proposal needs at least this confidence to be accepted without a person; `plan` judges by the same number.
pub const ACCEPT_FROM: f64 = 0.8;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// A confidence, whatever the arithmetic gave.
pub(super) fn confident(raw: f64) -> f64 {
    if raw.is_finite() { (raw.clamp(0.0, 1.0) * 1_000.0).round() / 1_000.0 } else { 0.0 }
}

/// The decision that tells that a model was asked and the rules answered.
pub(super) fn fell_back(agent: &str, question: &str, refusal: &Refusal) -> Decision {
    Decision {
        confidence: 0.0,
        by: By::Model,
        accepted: false,
        reason: format!("{}; the rules answer instead", refusal.error),
        model: Some(refusal.model.clone()),
        tokens: Some(refusal.tokens),
        ..Decision::of(agent, question)
    }
}
