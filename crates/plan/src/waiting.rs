//! What waits for a person, and what it stops.
//!
//! A wish of the user's words that would take rows or columns away, or change them, and that is not done, stops the load of
//! its dataset until a person has decided. A check that only would count, a model's own idea and mere description wait
//! without stopping anything.

use super::{Output, Plan, sentences};
use windvane_agents::{By, Change, Decision};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::digest;

/// By what a person names a proposal: the same for the same proposal, whatever else the plan holds.
pub fn id(decision: &Decision) -> String {
    digest(format!("{}\n{}", decision.question, decision.proposal).as_bytes(), 8)
}

/// What waits and nobody has decided, in the order of the plan.
pub fn undecided(plan: &Plan) -> impl Iterator<Item = &Decision> {
    plan.decisions.iter().filter(|decision| decision.waits && decision.decided.is_none())
}

/// Whether nothing may be loaded before somebody has decided.
pub fn stops(decision: &Decision) -> bool {
    let asked = match decision.by {
        By::Rules => true,
        // A model's idea is nothing that the user has said.
        By::Model | By::Spec => false,
    };
    let only_counts = matches!(change(decision), Some(Change::Check(_)));
    decision.waits && decision.decided.is_none() && asked && !only_counts
}

/// What the words ask for and is not done, without stopping anything; for people.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let of_words = |decision: &&Decision| {
        decision.by == By::Rules && !decision.accepted && decision.decided.is_none() && !stops(decision)
    };
    let told = plan.decisions.iter().filter(of_words).filter_map(|decision| {
        if decision.proposal.get("not_understood").is_some() {
            return Some(format!("the words change nothing: {}", decision.reason));
        }
        decision.waits.then(|| format!("waits for a person: {}", said(decision)))
    });
    told.collect()
}

/// Refuses an output of which the words ask for something that waits.
pub fn allow(plan: &Plan, output: &Output) -> Result<()> {
    let mine = |decision: &&Decision| decision.output.as_ref().is_none_or(|name| *name == output.name);
    let waiting: Vec<&Decision> = plan.decisions.iter().filter(|decision| stops(decision)).filter(mine).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let what: Vec<String> = waiting.iter().map(|decision| said(decision)).collect();
    Err(Error::new(Kind::Conflict, format!("the words wait for a person, nothing is loaded: {}", what.join("; ")))
        .in_table(&output.name)
        .in_stage("plan")
        .hint(
            "Run `windvane plan SPEC` and look at the plan; then decide with `windvane approve SPEC --all`, or one by one \
             with `--proposal ID`, and with `--reject` against it. Or say it in other words, or as steps of the spec",
        ))
}

/// A proposal in one line, with what a person calls it by.
pub fn said(decision: &Decision) -> String {
    let what = change(decision).and_then(|_| sentences::proposal(&decision.proposal));
    let words = decision.evidence.first().map(|line| format!(" ({})", line.trim_end_matches('.')));
    let what = what.map(|what| format!("{what}{}: ", words.unwrap_or_default())).unwrap_or_default();
    format!("[{}] {what}{}", id(decision), decision.reason)
}

pub(super) fn change(decision: &Decision) -> Option<Change> {
    serde_json::from_value(decision.proposal.clone()).ok()
}
