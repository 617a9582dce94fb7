//! What becomes of a proposal: accepted or refused, with the reason.

use std::collections::BTreeSet;
use windvane_agents::{ACCEPT_FROM, By, Change, Decision, ProposedChange};
use windvane_connect::compatibility::Compatibility;
use windvane_core::schema::DataType;
use windvane_core::spec::step::Step;

/// The reason to accept, or the reason to refuse.
pub(super) fn verdict(decision: &Decision) -> std::result::Result<String, String> {
    if !decision.accepted {
        return Err(decision.reason.clone());
    }
    if !(ACCEPT_FROM..=1.0).contains(&decision.confidence) {
        return Err(format!("confidence {:.2} is below {ACCEPT_FROM}", decision.confidence));
    }
    Ok(if decision.reason.is_empty() {
        "confident enough and fits the schema".to_owned()
    } else {
        decision.reason.clone()
    })
}

pub(super) fn decided(suggestion: &ProposedChange, reason: std::result::Result<String, String>) -> Decision {
    let decision = &suggestion.decision;
    let accepted = reason.is_ok();
    // What the words ask for and the plan cannot take is not forgotten.
    let waits = decision.waits || !accepted && decision.accepted && suggestion.effect.is_some();
    let (Ok(reason) | Err(reason)) = reason;
    Decision { accepted, reason, waits, ..decision.clone() }
}

/// The columns that the target has as text: its table as it is, or, where there is none to say it, what the last load has
/// made of them.
pub(super) fn texts(compatibility: Option<&Compatibility>, last: Option<&BTreeSet<String>>) -> BTreeSet<String> {
    let mismatches = compatibility.into_iter().flat_map(|compatibility| &compatibility.mismatches);
    let there = mismatches.filter(|mismatch| mismatch.cast == Some(DataType::Text)).map(|mismatch| &mismatch.column);
    let said =
        |column: &&String| compatibility.is_some_and(|compatibility| compatibility.declared.contains_key(*column));
    there.chain(last.into_iter().flatten().filter(|column| !said(column))).cloned().collect()
}

/// A type that nobody has asked for is none for columns that arrive as text: what is written there would be lost.
pub(super) fn wanted(suggestion: &ProposedChange, texts: &BTreeSet<String>, reason: String) -> Result<String, String> {
    let asked = suggestion.effect.is_some() || suggestion.decision.by != By::Rules;
    match &suggestion.change {
        Change::Step(Step::Parse(parse)) if !asked && parse.columns.iter().all(|column| texts.contains(column)) => {
            Err("the target has it as text: it arrives as it is written".to_owned())
        }
        Change::Step(_) | Change::Check(_) => Ok(reason),
    }
}
