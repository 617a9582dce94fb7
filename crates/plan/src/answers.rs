//! What people have answered to the plan before: a new plan keeps an answer as long as it is to the same question.
//!
//! The same question is the same wording (the user's words, for what was read from them) and the same work: the same step or check
//! for the same output, on columns of the same types that no changed step of the spec makes. What is not kept is said in the
//! plan, and asked anew where it still waits.

use super::decide::settled;
use super::plan_id::with_id;
use super::{Output, Plan, waiting};
use std::collections::BTreeMap;
use windvane_agents::{By, Decided, Decision};
use windvane_core::error::Result;

const AGENT: &str = "plan";

/// The plan with the answers of the one before that still hold, and with a word on those that do not.
pub fn kept(mut plan: Plan, before: &Plan) -> Result<Plan> {
    let mut lost = Vec::new();
    for answer in &before.decisions {
        let Some(decided) = &answer.decided else { continue };
        match again(&plan, before, answer).and_then(|at| answered(&plan, at, decided)) {
            Ok(with) => plan = with,
            Err(why) => lost.push(dropped(answer, decided, &why)),
        }
    }
    if lost.is_empty() {
        return Ok(plan);
    }
    plan.decisions.extend(lost);
    with_id(plan)
}

/// Where the same question waits now, or why it does not.
fn again(plan: &Plan, before: &Plan, answer: &Decision) -> Result<usize, String> {
    let same = |decision: &Decision| {
        (&decision.output, &decision.question, &decision.proposal, decision.by)
            == (&answer.output, &answer.question, &answer.proposal, answer.by)
            && words(decision) == words(answer)
    };
    let waits = |decision: &Decision| decision.waits && decision.decided.is_none();
    let Some(at) = plan.decisions.iter().position(|decision| waits(decision) && same(decision)) else {
        let settled = plan.decisions.iter().any(|decision| decision.decided.is_none() && same(decision));
        let why =
            if settled { "nobody is asked about it any more" } else { "its words or what it would do have changed" };
        return Err(why.to_owned());
    };
    match other_work(plan, before, answer) {
        Some(why) => Err(why),
        None => Ok(at),
    }
}

/// What the user said; a model's wording of its own idea is another each time.
fn words(decision: &Decision) -> &[String] {
    match decision.by {
        By::Rules => &decision.evidence,
        By::Model | By::Spec => &[],
    }
}

fn answered(plan: &Plan, at: usize, decided: &Decided) -> Result<Plan, String> {
    let mut plan = plan.clone();
    if let Some(decision) = plan.decisions.get_mut(at) {
        decision.decided = Some(decided.clone());
        decision.reason = format!("kept from the plan before, because nothing of it has changed; {}", decision.reason);
    }
    settled(plan).map_err(|error| error.to_string())
}

/// What the proposal's columns are made of otherwise than they were.
fn other_work(plan: &Plan, before: &Plan, answer: &Decision) -> Option<String> {
    let output = answer.output.as_ref()?;
    let (Some(new), Some(old)) = (plan.output(output), before.output(output)) else {
        return Some(format!("the output '{output}' is another"));
    };
    if (&new.from, &new.reads) != (&old.from, &old.reads) {
        return Some(format!("'{output}' reads other datasets"));
    }
    let work = answer.proposal.to_string();
    let (was, is) = (columns(before, old, &work), columns(plan, new, &work));
    for (column, then) in &was {
        match is.get(column) {
            Some(now) if now == then => {}
            Some(now) => return Some(format!("its column '{column}' was {then} and is {now}")),
            None => return Some(format!("its column '{column}' is gone")),
        }
    }
    if let Some(column) = is.keys().find(|column| !was.contains_key(*column)) {
        return Some(format!("its column '{column}' is new"));
    }
    let made = [old, new].into_iter().flat_map(|output| &output.schema.fields).map(|field| field.name.as_str());
    let names: Vec<&str> = made.chain(was.keys().map(|name| &**name)).filter(|name| mentions(&work, name)).collect();
    let (was, is) = (own(old), own(new));
    let changed = was.iter().filter(|step| !is.contains(step)).chain(is.iter().filter(|step| !was.contains(step)));
    for step in changed {
        if let Some(column) = names.iter().find(|name| mentions(step, name)) {
            return Some(format!("a step of the spec that works on its column '{column}' has changed"));
        }
    }
    None
}

/// The columns that are read and that the work names, with their types.
fn columns(plan: &Plan, output: &Output, work: &str) -> BTreeMap<String, String> {
    let read = output.reads.iter().chain([&output.from]).filter_map(|name| plan.input(name));
    let fields = read.flat_map(|input| &input.schema.fields).filter(|field| mentions(work, &field.name));
    fields.map(|field| (field.name.clone(), field.data_type.to_string())).collect()
}

/// The steps that the spec says.
fn own(output: &Output) -> Vec<String> {
    let own = output.steps.iter().filter(|planned| planned.by == By::Spec);
    own.map(|planned| serde_json::to_string(&planned.step).unwrap_or_default()).collect()
}

/// Whether a text has this name as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, behind) =
                (text.get(..at).unwrap_or_default(), text.get(at + name.len()..).unwrap_or_default());
            !part(before.chars().next_back()) && !part(behind.chars().next())
        })
}

fn dropped(answer: &Decision, decided: &Decided, why: &str) -> Decision {
    let verb = if decided.approved { "approved" } else { "rejected" };
    let reason = format!("what {} had {verb} at {} does not hold any more: {why}", decided.by, decided.at);
    let mut what = answer.clone();
    what.reason.clear();
    let what = waiting::said(&what).trim_end_matches([':', ' ']).to_owned();
    tracing::warn!("{reason}: {what}");
    Decision {
        output: answer.output.clone(),
        evidence: vec![what],
        accepted: false,
        reason,
        ..Decision::of(AGENT, "do the answers to the plan before still hold?")
    }
}
