//! Judges a dry run of proposed steps and checks on a sample: may they stay, and if not, which of them must go.

use super::decision::{ACCEPT_FROM, By, Decision, Proposal, confident, fell_back};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use windvane_core::boxed;
use windvane_core::redact;
use windvane_llm::{Gateway, Question as Asked};

const AGENT: &str = "qa";
/// A proposed step that refuses more of the sampled rows than this does not fit the data.
pub const REJECTED_AT_MOST: f64 = 0.05;
/// A proposed check that more of the sampled rows break than this is no rule of the data.
pub const BROKEN_AT_MOST: f64 = 0.2;

/// What happened to a sample, part by part, in the order of running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    pub output: String,
    pub parts: Vec<Part>,
    /// A failure of the run itself, when there was one.
    #[serde(default)]
    pub error: Option<String>,
}

/// One step or check of a dry run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// As people say it.
    pub what: String,
    pub is_check: bool,
    /// Whether the user wrote it: such a part is never refused, only spoken of.
    pub by: By,
    pub rows_in: u64,
    pub rows_out: u64,
    /// Rows that the part made beside those that it got.
    #[serde(default)]
    pub added: u64,
    /// Rows that left because the part says so.
    pub filtered: u64,
    /// Rows that the part could not take, or that broke the check.
    pub rejected: u64,
    #[serde(default)]
    pub error: Option<String>,
    /// The share of the rows that the user's words expect to be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<super::Effect>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    pub accept: bool,
    pub refused: Vec<Refused>,
    /// What people should know although nothing is refused.
    pub remarks: Vec<String>,
}

/// A proposed part that must go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Index into the dry run's parts.
    pub part: usize,
    pub reason: String,
}

#[expect(clippy::cast_precision_loss, reason = "a sample is small")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

pub fn rules(run: &DryRun) -> Proposal<Verdict> {
    let mut refused = Vec::new();
    let mut remarks = Vec::new();
    for (index, part) in run.parts.iter().enumerate() {
        let rejected = share(part.rejected, part.rows_in);
        let limit = if part.is_check { BROKEN_AT_MOST } else { REJECTED_AT_MOST };
        let reason = if let Some(error) = &part.error {
            Some(format!("it failed: {error}"))
        } else if rejected > limit {
            let verb = if part.is_check { "break it" } else { "do not fit it" };
            Some(format!("{:.1} % of {} sampled rows {verb}", rejected * 100.0, part.rows_in))
        } else if part.rows_in > 0 && part.rows_out == 0 {
            Some(format!("it leaves none of {} sampled rows", part.rows_in))
        } else {
            unexpected(part)
        };
        let Some(reason) = reason else { continue };
        match part.by {
            By::Spec => remarks.push(format!("{}: {reason}; it is written in the spec and stays.", part.what)),
            By::Rules | By::Model => refused.push(Refused { part: index, reason }),
        }
    }
    remarks.extend(run.error.as_ref().map(|error| format!("The dry run ended early: {error}.")));
    let accept = refused.is_empty();
    let evidence = run
        .parts
        .iter()
        .map(|part| {
            format!(
                "{}: {} rows in, {} added, {} out, {} filtered, {} refused.",
                part.what, part.rows_in, part.added, part.rows_out, part.filtered, part.rejected
            )
        })
        .collect();
    let sampled = run.parts.iter().map(|part| part.rows_in).max().unwrap_or(0);
    // The more rows, the surer.
    let confidence = confident(0.6 + 0.35 * share(sampled.min(1_000), 1_000));
    Proposal { value: Verdict { accept, refused, remarks }, evidence, confidence, by: By::Rules }
}

/// An effect that the words do not imply.
fn unexpected(part: &Part) -> Option<String> {
    let effect = part.effect.filter(|_| part.rows_in > 0)?;
    let left = share(part.rows_out, part.rows_in);
    let within = (effect.at_least..=effect.at_most).contains(&left);
    (!within).then(|| {
        format!(
            "it leaves {} of {} sampled rows, not the {:.0} to {:.0} % that the words imply",
            part.rows_out,
            part.rows_in,
            effect.at_least.max(0.0) * 100.0,
            effect.at_most.min(1.0) * 100.0
        )
    })
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Parts that should not stay although they ran.
    refuse: Vec<Objection>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Objection {
    /// Index into `parts`.
    part: usize,
    reason: String,
    confidence: f64,
}

const INSTRUCTIONS: &str = "You judge a dry run of a data pipeline on a sample. Name the parts (by index) that were proposed \
by `rules` or `model` and do harm: they lose rows that nobody asked to lose, or break what the others need. Parts by `spec` \
stay. An empty list means all is well. Confidence is 0 to 1.";

/// The rules' verdict; a model may only add objections, never lift one.
#[boxed]
pub async fn ask(run: &DryRun, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Proposal<Verdict> {
    let mut verdict = rules(run);
    let question = format!("{}: does the plan work on a sample?", run.output);
    let mut used = None;
    if let Some(gateway) = gateway.filter(|_| !run.parts.is_empty()) {
        let data = redact::document(&json!({"parts": run.parts, "error": run.error}));
        let asked = Asked { agent: AGENT, instructions: INSTRUCTIONS, data: &data };
        match gateway.ask(asked, |answer: &Answer| check(run, answer)).await {
            Ok(answer) => {
                object(&mut verdict, answer.value);
                used = Some((answer.model, answer.tokens));
            }
            Err(refusal) => log.push(fell_back(AGENT, &question, &refusal)),
        }
    }
    let reasons: Vec<&str> = verdict.value.refused.iter().map(|refused| refused.reason.as_str()).collect();
    let reason = if reasons.is_empty() { "the dry run holds".to_owned() } else { reasons.join("; ") };
    let (model, tokens) = used.unzip();
    log.push(Decision {
        proposal: serde_json::to_value(&verdict.value).unwrap_or_default(),
        evidence: verdict.evidence.clone(),
        confidence: verdict.confidence,
        by: verdict.by,
        accepted: verdict.value.accept,
        reason,
        model,
        tokens,
        ..Decision::of(AGENT, question)
    });
    verdict
}

/// Adds the model's objections.
pub(super) fn object(verdict: &mut Proposal<Verdict>, answer: Answer) {
    for objection in answer.refuse.into_iter().filter(|objection| objection.confidence >= ACCEPT_FROM) {
        if !verdict.value.refused.iter().any(|refused| refused.part == objection.part) {
            let reason = format!("the model objects: {}", objection.reason.chars().take(200).collect::<String>());
            verdict.value.refused.push(Refused { part: objection.part, reason });
            verdict.by = By::Model;
        }
    }
    verdict.value.accept = verdict.value.refused.is_empty();
}

pub(super) fn check(run: &DryRun, answer: &Answer) -> Result<(), String> {
    for objection in &answer.refuse {
        let part = run.parts.get(objection.part).ok_or_else(|| format!("there is no part {}", objection.part))?;
        if part.by == By::Spec {
            return Err(format!("part {} is written in the spec", objection.part));
        }
        if !(0.0..=1.0).contains(&objection.confidence) {
            return Err(format!("confidence {} is not between 0 and 1", objection.confidence));
        }
    }
    Ok(())
}
