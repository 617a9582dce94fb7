//! What becomes of a person's decision about what waits.

use super::build::refitted;
use super::document::Plan;
use super::output::{Output, PlannedCheck, PlannedStep};
use super::plan_id::with_id;
use super::waiting::{self, id, undecided};
use windvane_agents::{By, Change, Decided, Decision};
use windvane_core::error::{Error, Result};

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
            && let Some(change) = waiting::change(&decision)
        {
            let before = plan.decisions.iter().take(at).filter(|other| {
                let step = matches!(waiting::change(other), Some(Change::Step(_)));
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
    with_id(plan)
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
            refitted(plan, changed)
        }
        Change::Step(step) => {
            let own = output.steps.iter().take_while(|planned| planned.by != By::Spec).count();
            let mut refused = None;
            for at in place.min(own)..=own {
                let mut tried = changed.clone();
                tried.steps.insert(at, PlannedStep { step: step.clone(), by: decision.by, reason: reason.clone() });
                match refitted(plan, tried) {
                    Ok(fits) => return Ok(fits),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            Err(refused.unwrap_or_else(|| Error::internal("a step found no place")))
        }
    }
}
