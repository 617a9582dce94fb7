//! What a model may propose for a plan, and what of it is accepted without a person.
//!
//! The rule: what takes rows or columns away (filter, drop, select, deduplicate, aggregate, an inner join) is accepted
//! only when the user's own words ask for it. Words found in data never count.

use super::decision::{ACCEPT_FROM, By, Decision, confident};
use super::proposed_change::{Change, ProposedChange};
use super::question::{AGENT, Loaded, QUESTION};
use super::{guard, wishes};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_core::spec::pattern;
use windvane_core::spec::step::Step;
use windvane_llm::Answer as Answered;

const MOST: usize = 50;

/// A closed list: nothing but steps and checks of the spec's own kinds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) proposals: Vec<ModelProposal>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelProposal {
    /// The output dataset it is for.
    pub(super) output: String,
    pub(super) change: Change,
    /// 0 to 1.
    pub(super) confidence: f64,
    #[serde(default)]
    pub(super) evidence: Vec<String>,
}

/// What is wrong with an answer of the right shape.
pub(super) fn check(loaded: &[Loaded<'_>], answer: &Answer) -> Result<(), String> {
    if answer.proposals.len() > MOST {
        return Err(format!("more than {MOST} proposals"));
    }
    for proposal in &answer.proposals {
        let one = loaded.iter().find(|one| one.output == proposal.output);
        let one = one.ok_or_else(|| format!("unknown output '{}'", proposal.output))?;
        if !(0.0..=1.0).contains(&proposal.confidence) {
            return Err(format!("confidence {} is not between 0 and 1", proposal.confidence));
        }
        let lookup =
            |name: &str| loaded.iter().find(|other| other.dataset.name == name).map(|other| other.schema.clone());
        match &proposal.change {
            Change::Step(step) => fits_step(step, &one.schema, &lookup),
            Change::Check(check) => fits_check(check, &one.schema, &lookup),
        }
        .map_err(|why| format!("a proposal for '{}': {why}", proposal.output))?;
    }
    Ok(())
}

fn fits_step(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(), String> {
    for text in step.expressions() {
        guarded(text, schema)?;
    }
    windvane_engine::plan_schema(std::slice::from_ref(step), schema, lookup)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The engine has its own grammar; the guard before it keeps out what is no expression at all.
fn guarded(text: &str, schema: &Schema) -> Result<(), String> {
    let columns: BTreeSet<&str> = schema.names().collect();
    guard::expression(text, &columns).map_err(|error| error.to_string())
}

fn fits_check(check: &Check, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(), String> {
    let known = |column: &str| schema.field(column).map(|_| ()).ok_or_else(|| format!("unknown column '{column}'"));
    match check {
        Check::NotNull(columns) | Check::Unique(columns) => columns.0.iter().try_for_each(|column| known(column)),
        Check::Accepted(accepted) => known(&accepted.column),
        Check::Range(range) => known(&range.column),
        Check::Matches(matches) => known(&matches.column)
            .and_then(|()| pattern::whole(&matches.pattern).map(|_| ()).map_err(|error| error.to_string())),
        Check::Expression(text) => {
            guarded(text, schema)?;
            let step = Step::Filter(text.clone());
            windvane_engine::plan_schema(&[step], schema, lookup).map(|_| ()).map_err(|error| error.to_string())
        }
        Check::References(references) => {
            known(&references.column)?;
            let other =
                lookup(&references.dataset).ok_or_else(|| format!("unknown dataset '{}'", references.dataset))?;
            let key = references.key.as_ref().unwrap_or(&references.column);
            other.field(key).map(|_| ()).ok_or_else(|| format!("unknown column '{key}' of '{}'", references.dataset))
        }
        Check::Rows(_) => Ok(()),
    }
}

/// The decision that tells that the model answered.
pub(super) fn answered(agent: &str, question: &str, answer: &Answered<Answer>) -> Decision {
    Decision {
        evidence: vec![format!("The model made {} proposals.", answer.value.proposals.len())],
        by: By::Model,
        reason: "the answer has the asked shape and names only what exists; each proposal is judged for itself"
            .to_owned(),
        model: Some(answer.model.clone()),
        tokens: Some(answer.tokens),
        ..Decision::of(agent, question)
    }
}

/// Adds the model's proposals to the rules'; what both say is strengthened and not doubled: then the rules' own form of it
/// is done.
pub(super) fn merge(loaded: &[Loaded<'_>], answer: Answered<Answer>, all: &mut Vec<ProposedChange>) {
    for proposal in answer.value.proposals {
        let same = |known: &&mut ProposedChange| {
            known.output == proposal.output && wishes::same(&known.change, &proposal.change)
        };
        if let Some(known) = all.iter_mut().find(same) {
            known.decision.evidence.push(format!("The model proposes it too ({:.2}).", proposal.confidence));
            continue;
        }
        let one = loaded.iter().find(|one| one.output == proposal.output);
        // The spec does it already: nothing is left to decide.
        let done = one.is_some_and(|one| wishes::satisfied(&proposal.change, one));
        let reason = if done { Err("the spec says so already".to_owned()) } else { verdict(one, &proposal) };
        let accepted = reason.is_ok();
        let (Ok(reason) | Err(reason)) = reason;
        all.push(ProposedChange {
            decision: Decision {
                output: Some(proposal.output.clone()),
                proposal: serde_json::to_value(&proposal.change).unwrap_or_default(),
                evidence: proposal.evidence.iter().take(5).map(|line| line.chars().take(200).collect()).collect(),
                confidence: confident(proposal.confidence),
                by: By::Model,
                accepted,
                reason,
                waits: !accepted && !done,
                model: Some(answer.model.clone()),
                ..Decision::of(AGENT, format!("{}: {}", proposal.output, QUESTION))
            },
            output: proposal.output,
            change: proposal.change,
            effect: None,
        });
    }
}

/// The reason to accept, or the reason to wait for a person. What is not exactly what the words say adds nothing but a
/// check that all rows were seen to pass.
fn verdict(one: Option<&Loaded<'_>>, proposal: &ModelProposal) -> Result<String, String> {
    if proposal.confidence < ACCEPT_FROM {
        return Err(format!("confidence {:.2} is below {ACCEPT_FROM}: a person should decide", proposal.confidence));
    }
    match &proposal.change {
        Change::Step(_) => {
            Err("the user's words do not say exactly this, and it changes what is loaded: a person must approve"
                .to_owned())
        }
        Change::Check(Check::NotNull(columns)) => proven(one, &columns.0, false),
        Change::Check(Check::Unique(columns)) => proven(one, &columns.0, true),
        // Its rows would go to quarantine: a model's opinion is not enough.
        Change::Check(
            Check::Expression(_)
            | Check::Accepted(_)
            | Check::Range(_)
            | Check::Matches(_)
            | Check::Rows(_)
            | Check::References(_),
        ) => Err("a check that could send good rows to quarantine: a person must approve".to_owned()),
    }
}

/// Whether every row was read and none breaks the check.
fn proven(one: Option<&Loaded<'_>>, columns: &[String], unique: bool) -> Result<String, String> {
    let unsure = |why: &str| Err(format!("{why}: a person must approve"));
    let Some(profile) = one.and_then(|one| one.profile).filter(|profile| profile.exact && profile.rows > 0) else {
        return unsure("not every row was read");
    };
    if one.is_some_and(|one| one.joined) {
        return unsure("the steps make other rows than were read");
    }
    if unique && columns.len() != 1 {
        return unsure("how often these columns repeat together was not measured");
    }
    for name in columns {
        let Some(column) = profile.columns.iter().find(|column| column.name == *name) else {
            return unsure("the column was not measured");
        };
        let repeats = column.distinct_exact && column.distinct + column.nulls == profile.rows;
        if unique && !repeats || !unique && column.nulls > 0 {
            return unsure("rows that are there break it");
        }
    }
    Ok(format!("all {} rows were read and none breaks it", profile.rows))
}
