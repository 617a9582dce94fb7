//! What waits for a person, what it stops, and what becomes of a person's decision.
//!
//! A wish of the user's words that would take rows or columns away, or change them, and that is not done, stops the load of
//! its dataset until a person has decided. A check that only would count, a model's own idea and mere description wait
//! without stopping anything.

use super::build;
use super::{Output, Plan, PlannedCheck, PlannedStep, file, sentences};
use windvane_agents::{By, Change, Decided, Decision};
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

/// Which proposals a person speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    /// By their ids, or the beginnings of them.
    These(Vec<String>),
}

/// The plan with a person's decision about what waits, and the decisions that were taken.
pub fn decide(mut plan: Plan, which: &Which, decided: &Decided) -> Result<(Plan, Vec<Decision>)> {
    let known: Vec<String> = undecided(&plan).map(id).collect();
    if let Which::These(wanted) = which
        && let Some(unknown) = wanted.iter().find(|one| known.iter().filter(|id| id.starts_with(*one)).count() != 1)
    {
        let list = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        return Err(Error::missing(format!("no proposal '{unknown}' waits in this plan"))
            .hint(format!("What waits is: {list}; `windvane approve SPEC` lists it")));
    }
    let meant = |decision: &Decision| match which {
        Which::All => true,
        Which::These(wanted) => wanted.iter().any(|one| id(decision).starts_with(one)),
    };
    let mut taken = Vec::new();
    for decision in plan.decisions.iter_mut().filter(|decision| decision.waits && decision.decided.is_none()) {
        if meant(decision) {
            decision.decided = Some(decided.clone());
            taken.push(id(decision));
        }
    }
    let plan = settled(plan)?;
    let done = plan.decisions.iter().filter(|decision| decision.decided.is_some() && taken.contains(&id(decision)));
    let done = done.cloned().collect();
    Ok((plan, done))
}

/// Does what was decided and is not done yet: an approved change joins its output, a rejected one is left out for good.
pub(super) fn settled(mut plan: Plan) -> Result<Plan> {
    let open: Vec<usize> = (0..plan.decisions.len())
        .filter(|at| plan.decisions[*at].waits && plan.decisions[*at].decided.is_some())
        .collect();
    if open.is_empty() {
        return Ok(plan);
    }
    for at in open {
        let decision = plan.decisions[at].clone();
        let Some(decided) = &decision.decided else { continue };
        if decided.approved
            && let Some(change) = change(&decision)
        {
            let before = plan.decisions.iter().take(at).filter(|other| {
                let step = matches!(self::change(other), Some(Change::Step(_)));
                other.accepted && step && other.output == decision.output
            });
            let place = before.count();
            let output = plan.outputs.iter().position(|output| Some(&output.name) == decision.output.as_ref());
            let output = output.ok_or_else(|| Error::missing("the plan no longer loads what the proposal is for"))?;
            let changed = added(&plan, &plan.outputs[output], &change, &decision, place).map_err(|error| {
                let hint = "Reject it with `windvane approve SPEC --reject`, and write what you want into the spec";
                Error::new(error.kind(), format!("the proposal [{}] does not fit the plan: {error}", id(&decision)))
                    .in_table(decision.output.clone().unwrap_or_default())
                    .hint(hint)
            })?;
            plan.outputs[output] = changed;
        }
        let verb = if decided.approved { "approved" } else { "rejected" };
        plan.decisions[at].reason = format!("{verb} by {} at {}; {}", decided.by, decided.at, decision.reason);
        plan.decisions[at].accepted = decided.approved;
        plan.decisions[at].waits = false;
    }
    file::seal(plan)
}

/// The output with the change among its proposals, at this place or the next one where it fits.
fn added(plan: &Plan, output: &Output, change: &Change, decision: &Decision, place: usize) -> Result<Output> {
    let reason = decision.evidence.join("; ");
    let mut changed = output.clone();
    match change {
        Change::Check(check) => {
            if changed.checks.iter().all(|known| known.check != *check) {
                changed.checks.push(PlannedCheck { check: check.clone(), by: decision.by, reason, warns: false });
            }
            build::refitted(plan, changed)
        }
        Change::Step(step) => {
            let own = output.steps.iter().take_while(|planned| planned.by != By::Spec).count();
            let mut refused = None;
            for at in place.min(own)..=own {
                let mut tried = changed.clone();
                tried.steps.insert(at, PlannedStep { step: step.clone(), by: decision.by, reason: reason.clone() });
                match build::refitted(plan, tried) {
                    Ok(fits) => return Ok(fits),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            Err(refused.unwrap_or_else(|| Error::internal("a step found no place")))
        }
    }
}

pub(super) fn change(decision: &Decision) -> Option<Change> {
    serde_json::from_value(decision.proposal.clone()).ok()
}
