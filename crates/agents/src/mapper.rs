//! Which column of a source is which column of a target.

mod similarity;

use super::decision::{By, Decision, Proposal, confident, fell_back};
use super::scout::widens;
use super::{evidence, guard, name_similarity};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similarity::{Fit, compatible, figures, overlap};
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_know::profile::Profile;
use windvane_llm::{Gateway, Question as Asked};

const AGENT: &str = "mapper";
const QUESTION: &str = "which source column is which target column?";
/// Below, a pair is a candidate and no mapping.
const MAP_FROM: f64 = 0.5;
const CANDIDATE_FROM: f64 = 0.2;
const CANDIDATES: usize = 5;

/// Two schemas, with profiles where there are some.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub source: &'a Schema,
    pub target: &'a Schema,
    pub source_profile: Option<&'a Profile>,
    pub target_profile: Option<&'a Profile>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Mappings {
    /// In the order of the target's columns; each column occurs once.
    pub mappings: Vec<Mapping>,
    /// Target column to its best source columns, best first.
    pub candidates: BTreeMap<String, Vec<Candidate>>,
    pub unmapped_source: Vec<String>,
    pub unmapped_target: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Mapping {
    pub source: String,
    pub target: String,
    pub confidence: f64,
    pub kind: MappingKind,
    /// The expression over the source's columns that gives the target's column; absent when it is taken as it is.
    pub transformation: Option<String>,
    pub evidence: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MappingKind {
    Direct,
    Transformed,
    Derived,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Candidate {
    pub source: String,
    pub confidence: f64,
}

struct Pair {
    source: usize,
    target: usize,
    confidence: f64,
    evidence: Vec<String>,
}

/// Greedy one-to-one assignment by what names, types and values have in common.
pub fn rules(question: Question<'_>) -> Proposal<Mappings> {
    let (offers, wants) =
        (name_similarity::prepare(question.source.names()), name_similarity::prepare(question.target.names()));
    let mut pairs = Vec::new();
    for (target, wanted) in question.target.fields.iter().enumerate() {
        for (source, offered) in question.source.fields.iter().enumerate() {
            let alike = offers
                .get(source)
                .zip(wants.get(target))
                .map_or(0.0, |(left, right)| name_similarity::similarity(left, right));
            let (confidence, evidence) = judge(question, offered, wanted, alike);
            pairs.push(Pair { source, target, confidence, evidence });
        }
    }
    // Ties go to the earlier columns: the same schemas give the same mapping.
    pairs.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then((a.target, a.source).cmp(&(b.target, b.source))));
    let mut candidates: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    let mut taken: BTreeMap<usize, &Pair> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for pair in pairs.iter().filter(|pair| pair.confidence >= CANDIDATE_FROM) {
        let Some((offered, wanted)) = fields(question, pair) else { continue };
        let listed = candidates.entry(wanted.name.clone()).or_default();
        if listed.len() < CANDIDATES {
            listed.push(Candidate { source: offered.name.clone(), confidence: pair.confidence });
        }
        if pair.confidence >= MAP_FROM && !taken.contains_key(&pair.target) && used.insert(pair.source) {
            taken.insert(pair.target, pair);
        }
    }
    let chosen = taken.values().filter_map(|pair| {
        let (offered, wanted) = fields(question, pair)?;
        Some(mapping(offered, wanted, pair.confidence, pair.evidence.clone()))
    });
    let mappings: Vec<Mapping> = chosen.collect();
    proposal(question, mappings, candidates, By::Rules)
}

fn fields<'a>(question: Question<'a>, pair: &Pair) -> Option<(&'a Field, &'a Field)> {
    question.source.fields.get(pair.source).zip(question.target.fields.get(pair.target))
}

fn proposal(
    question: Question<'_>,
    mappings: Vec<Mapping>,
    candidates: BTreeMap<String, Vec<Candidate>>,
    by: By,
) -> Proposal<Mappings> {
    let missing = |schema: &Schema, used: BTreeSet<&str>| -> Vec<String> {
        schema.names().filter(|name| !used.contains(name)).map(str::to_owned).collect()
    };
    let unmapped_source = missing(question.source, mappings.iter().map(|mapping| mapping.source.as_str()).collect());
    let unmapped_target = missing(question.target, mappings.iter().map(|mapping| mapping.target.as_str()).collect());
    let evidence = vec![format!("{} of {} target columns are mapped.", mappings.len(), question.target.fields.len())];
    let lowest = mappings.iter().map(|mapping| mapping.confidence).fold(f64::INFINITY, f64::min);
    let confidence = if mappings.is_empty() { 0.0 } else { confident(lowest) };
    Proposal { value: Mappings { mappings, candidates, unmapped_source, unmapped_target }, evidence, confidence, by }
}

fn mapping(source: &Field, target: &Field, confidence: f64, evidence: Vec<String>) -> Mapping {
    let same = source.data_type == target.data_type
        || widens(source.data_type, target.data_type) && target.data_type != DataType::Text;
    let cast = || format!("CAST({} AS {})", windvane_core::schema::sql::quote(&source.name), target.data_type);
    Mapping {
        source: source.name.clone(),
        target: target.name.clone(),
        confidence,
        kind: if same { MappingKind::Direct } else { MappingKind::Transformed },
        transformation: (!same).then(cast),
        evidence,
    }
}

/// How sure it is that these two are the same, and why.
fn judge(question: Question<'_>, source: &Field, target: &Field, name: f64) -> (f64, Vec<String>) {
    let mut evidence = Vec::new();
    if name >= 0.3 {
        evidence.push(format!("The names are {:.0} % alike.", name * 100.0));
    }
    let figures = figures(question.source_profile, &source.name).zip(figures(question.target_profile, &target.name));
    let values = figures.and_then(|(left, right)| overlap(left, right, &mut evidence));
    let mut confidence = match values {
        None => name,
        // Either may be silent: alike values under other names, alike names over other values.
        Some(values) => {
            (0.6 * name + 0.4 * values).max(0.9 * name).max(if values >= 0.6 { 0.62 * values } else { 0.0 })
        }
    };
    match compatible(source.data_type, target.data_type) {
        Fit::Same => evidence.push(format!("Both are {}.", target.data_type)),
        Fit::Near => confidence *= 0.95,
        Fit::Strange => {
            confidence *= 0.7;
            evidence.push(format!("{} would have to become {}.", source.data_type, target.data_type));
        }
    }
    (confident(confidence), evidence)
}

/// What a model may answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    mappings: Vec<Wanted>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// A source column.
    source: String,
    /// A target column; each at most once.
    target: String,
    /// 0 to 1.
    confidence: f64,
    /// A SQL scalar expression over source columns, when the value must be computed.
    #[serde(default)]
    transformation: Option<String>,
    #[serde(default)]
    evidence: Vec<String>,
}

const INSTRUCTIONS: &str = "You match the columns of a source table to the columns of a target table. Judge by names, types, \
meanings and values. Leave out what has no counterpart. Each source column and each target column occurs at most once. \
Confidence is 0 to 1. Give a transformation (one SQL scalar expression over source columns) only when the value must change.";

/// By the model when there is one, else or failing that by rules; the log says which and why.
pub fn ask<'a>(
    question: Question<'a>,
    gateway: Option<&'a Gateway>,
    log: &'a mut Vec<Decision>,
) -> BoxFuture<'a, Proposal<Mappings>> {
    Box::pin(asked(question, gateway, log))
}

async fn asked(question: Question<'_>, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Proposal<Mappings> {
    let by_rules = rules(question);
    let Some(gateway) = gateway else {
        log.push(decision(&by_rules, "the rules answered", None));
        return by_rules;
    };
    let data = serde_json::json!({
        "source": evidence::dataset("source", question.source, question.source_profile),
        "target": evidence::dataset("target", question.target, question.target_profile),
    });
    let asked = Asked { agent: AGENT, instructions: INSTRUCTIONS, data: &data };
    match gateway.ask(asked, |answer: &Answer| check(question, answer)).await {
        Ok(answer) => {
            let mappings = accepted(question, &answer.value);
            let by_model = proposal(question, mappings, by_rules.value.candidates.clone(), By::Model);
            log.push(decision(
                &by_model,
                "the model's mapping names existing columns once each",
                Some((answer.model, answer.tokens)),
            ));
            by_model
        }
        Err(refusal) => {
            log.push(fell_back(AGENT, QUESTION, &refusal));
            log.push(decision(&by_rules, "the rules answered", None));
            by_rules
        }
    }
}

pub(super) fn check(question: Question<'_>, answer: &Answer) -> Result<(), String> {
    let columns: BTreeSet<&str> = question.source.names().collect();
    let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for wanted in &answer.mappings {
        if question.source.field(&wanted.source).is_none() {
            return Err(format!("unknown source column '{}'", wanted.source));
        }
        if question.target.field(&wanted.target).is_none() {
            return Err(format!("unknown target column '{}'", wanted.target));
        }
        if !(0.0..=1.0).contains(&wanted.confidence) {
            return Err(format!("confidence {} is not between 0 and 1", wanted.confidence));
        }
        if !targets.insert(&wanted.target) || !sources.insert(&wanted.source) {
            return Err(format!("'{}' to '{}' uses a column twice", wanted.source, wanted.target));
        }
        if let Some(text) = &wanted.transformation {
            guard::expression(text, &columns)
                .map_err(|error| format!("the transformation of '{}': {error}", wanted.target))?;
        }
    }
    Ok(())
}

pub(super) fn accepted(question: Question<'_>, answer: &Answer) -> Vec<Mapping> {
    let find = |target: &Field| {
        let wanted = answer.mappings.iter().find(|wanted| wanted.target == target.name)?;
        let source = question.source.field(&wanted.source)?;
        let evidence = wanted.evidence.iter().take(5).map(|line| line.chars().take(200).collect()).collect();
        let plain = mapping(source, target, confident(wanted.confidence), evidence);
        Some(match &wanted.transformation {
            None => plain,
            Some(text) => Mapping { kind: MappingKind::Transformed, transformation: Some(text.clone()), ..plain },
        })
    };
    question.target.fields.iter().filter_map(find).collect()
}

fn decision(proposal: &Proposal<Mappings>, reason: &str, model: Option<(String, u64)>) -> Decision {
    let pairs: BTreeMap<&str, &str> =
        proposal.value.mappings.iter().map(|mapping| (mapping.target.as_str(), mapping.source.as_str())).collect();
    let (model, tokens) = model.unzip();
    Decision {
        proposal: serde_json::json!(pairs),
        evidence: proposal.evidence.clone(),
        confidence: proposal.confidence,
        by: proposal.by,
        reason: reason.to_owned(),
        model,
        tokens,
        ..Decision::of(AGENT, QUESTION)
    }
}
