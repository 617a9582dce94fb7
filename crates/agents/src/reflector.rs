//! Repairs what qa refused: a smaller set of proposals, in a bounded number of rounds.

use super::decision::{By, Decision, fell_back};
use super::proposed_change::ProposedChange;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use windvane_core::boxed;
use windvane_core::redact;
use windvane_llm::{Gateway, Question as Asked};

const AGENT: &str = "reflector";
/// After so many repairs what is still refused stays out.
pub const ROUNDS: u32 = 2;

/// A suggestion that the dry run refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Index into the suggestions.
    pub suggestion: usize,
    pub reason: String,
}

/// The suggestions after one round: what is refused is vetoed, with the reason. Nothing takes its place: a milder change
/// is one that nobody asked for.
pub fn rules(suggestions: &[ProposedChange], refused: &[Refused]) -> Vec<ProposedChange> {
    let mut repaired = suggestions.to_vec();
    for refusal in refused {
        let Some(bad) = repaired.get_mut(refusal.suggestion) else { continue };
        bad.decision.accepted = false;
        bad.decision.waits = bad.effect.is_some();
        bad.decision.reason = format!("refused by the dry run: {}", refusal.reason);
    }
    repaired
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Other proposals that also should go because they rest on the refused ones, by index.
    also_drop: Vec<usize>,
    reason: String,
}

const INSTRUCTIONS: &str = "Some proposals for a data pipeline were refused by a dry run. Name the other proposals, by \
index, that make no sense without them. An empty list is a good answer.";

/// The rules' repair; a model may only take more away.
#[boxed]
pub async fn ask(
    suggestions: &[ProposedChange],
    refused: &[Refused],
    gateway: Option<&Gateway>,
    log: &mut Vec<Decision>,
) -> Vec<ProposedChange> {
    let mut repaired = rules(suggestions, refused);
    let Some(gateway) = gateway.filter(|_| suggestions.len() > refused.len() && !refused.is_empty()) else {
        return repaired;
    };
    let data = redact::document(&json!({
        "proposals": suggestions.iter().map(|one| json!({"output": one.output, "change": one.change})).collect::<Vec<_>>(),
        "refused": refused.iter().map(|one| json!({"index": one.suggestion, "reason": one.reason})).collect::<Vec<_>>(),
    }));
    let asked = Asked { agent: AGENT, instructions: INSTRUCTIONS, data: &data };
    let question = "what else must go with the refused proposals?";
    match gateway.ask(asked, |answer: &Answer| check(suggestions, answer)).await {
        Ok(answer) => {
            take_away(&mut repaired, &answer.value);
            log.push(Decision {
                proposal: json!(answer.value.also_drop),
                by: By::Model,
                reason: "the model may only take proposals away".to_owned(),
                model: Some(answer.model),
                tokens: Some(answer.tokens),
                ..Decision::of(AGENT, question)
            });
        }
        Err(refusal) => log.push(fell_back(AGENT, question, &refusal)),
    }
    repaired
}

pub(super) fn check(suggestions: &[ProposedChange], answer: &Answer) -> Result<(), String> {
    match answer.also_drop.iter().find(|index| **index >= suggestions.len()) {
        Some(index) => Err(format!("there is no proposal {index}")),
        None => Ok(()),
    }
}

/// Takes away what the model says must go with the refused ones.
pub(super) fn take_away(repaired: &mut [ProposedChange], answer: &Answer) {
    for index in &answer.also_drop {
        if let Some(one) = repaired.get_mut(*index).filter(|one| one.decision.accepted) {
            one.decision.accepted = false;
            // What the words ask for is not forgotten because a model says so.
            one.decision.waits = one.effect.is_some();
            let why: String = answer.reason.chars().take(200).collect();
            one.decision.reason = format!("it rests on a refused proposal (model): {why}");
        }
    }
}
