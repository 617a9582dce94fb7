//! Repairs what qa refused: a smaller or milder set of proposals, in a bounded number of rounds.

use super::{Change, Decision, Suggestion};
use crate::llm::{Gateway, Question as Asked, redact};
use crate::schema::DataType;
use crate::spec::step::Step;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

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

/// The suggestions after one round. What is refused is vetoed with the reason; of a cast of several columns, or to a
/// type that the data does not have, a milder one takes its place in the first round.
pub fn rules(suggestions: &[Suggestion], refused: &[Refused], round: u32) -> Vec<Suggestion> {
    let mut repaired = suggestions.to_vec();
    for refusal in refused {
        let Some(bad) = repaired.get_mut(refusal.suggestion) else { continue };
        bad.decision.accepted = false;
        bad.decision.reason = format!("refused by the dry run: {}", refusal.reason);
        if round < ROUNDS
            && let Some(change) = milder(&bad.change)
        {
            let mut next = bad.clone();
            AGENT.clone_into(&mut next.decision.agent);
            next.decision.evidence.push(format!("The first proposal did not hold: {}.", refusal.reason));
            next.decision.proposal = serde_json::to_value(&change).unwrap_or_default();
            next.decision.accepted = true;
            "milder than what the dry run refused".clone_into(&mut next.decision.reason);
            next.change = change;
            repaired.push(next);
        }
    }
    repaired
}

/// A cast to a type that the data does not have becomes text; everything else has no milder form.
fn milder(change: &Change) -> Option<Change> {
    match change {
        Change::Step(Step::Cast(columns)) if columns.values().any(|to| *to != DataType::Text) => {
            let texts = columns.keys().map(|column| (column.clone(), DataType::Text)).collect();
            Some(Change::Step(Step::Cast(texts)))
        }
        Change::Step(_) | Change::Check(_) => None,
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Other proposals that also should go because they rest on the refused ones, by index.
    also_drop: Vec<usize>,
    reason: String,
}

const INSTRUCTIONS: &str = "Some proposals for a data pipeline were refused by a dry run. Name the other proposals, by \
index, that make no sense without them. An empty list is a good answer.";

/// The rules' repair; a model may only take more away.
pub async fn ask(
    suggestions: &[Suggestion],
    refused: &[Refused],
    round: u32,
    gateway: Option<&Gateway>,
    log: &mut Vec<Decision>,
) -> Vec<Suggestion> {
    let mut repaired = rules(suggestions, refused, round);
    let Some(gateway) = gateway.filter(|_| suggestions.len() > refused.len() && !refused.is_empty()) else {
        return repaired;
    };
    let data = redact::document(&json!({
        "proposals": suggestions.iter().map(|one| json!({"output": one.output, "change": one.change})).collect::<Vec<_>>(),
        "refused": refused.iter().map(|one| json!({"index": one.suggestion, "reason": one.reason})).collect::<Vec<_>>(),
    }));
    let asked = Asked { agent: AGENT, instructions: INSTRUCTIONS, data: &data };
    let question = "what else must go with the refused proposals?";
    let known = |answer: &Answer| match answer.also_drop.iter().find(|index| **index >= suggestions.len()) {
        Some(index) => Err(format!("there is no proposal {index}")),
        None => Ok(()),
    };
    match gateway.ask(asked, known).await {
        Ok(answer) => {
            for index in &answer.value.also_drop {
                if let Some(one) = repaired.get_mut(*index).filter(|one| one.decision.accepted) {
                    one.decision.accepted = false;
                    let why: String = answer.value.reason.chars().take(200).collect();
                    one.decision.reason = format!("it rests on a refused proposal (model): {why}");
                }
            }
            log.push(Decision {
                agent: AGENT.to_owned(),
                question: question.to_owned(),
                proposal: json!(answer.value.also_drop),
                evidence: Vec::new(),
                confidence: 1.0,
                by: super::By::Model,
                accepted: true,
                reason: "the model may only take proposals away".to_owned(),
                model: Some(answer.model),
                tokens: Some(answer.tokens),
            });
        }
        Err(refusal) => log.push(super::fell_back(AGENT, question, &refusal)),
    }
    repaired
}
