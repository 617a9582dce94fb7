//! Steps and checks for the loaded datasets, from what the user said and what the profiles show.
//!
//! Conservative: a rule speaks only of what the data shows beyond doubt or the user's words ask for.

use super::decision::{ACCEPT_FROM, Decision, confident, fell_back};
use super::evidence;
use super::model_proposals::{self, Answer};
use super::profile_facts::{dates, keys};
use super::proposed_change::{Change, ProposedChange};
use super::question::{AGENT, Loaded, QUESTION, Question};
use super::wishes::{self, Reading, Vocabulary};
use futures::future::BoxFuture;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;
use windvane_know::profile::Profile;
use windvane_know::profile::semantic::words as name_words;
use windvane_llm::{Gateway, Question as Asked};

/// What the rules suggest, dataset by dataset, and what they made of the words.
pub fn rules(question: Question<'_>) -> (Vec<ProposedChange>, Option<Decision>) {
    let loaded = question.loaded();
    let texts = question.texts();
    let reading = wishes::read(&texts, &vocabulary(question, &loaded));
    let asked = wishes::derive(&reading, &loaded);
    let untouched = reading.keeps_everything();
    let mut all = Vec::new();
    for one in &loaded {
        let mut found = Vec::new();
        if let Some(profile) = one.profile {
            let readings = question.readings.and_then(|readings| readings.get(&one.output));
            dates(one, profile, readings.map_or(&[], Vec::as_slice), untouched, &mut found);
        }
        keys(one, &mut found);
        let mine = asked.iter().filter(|derived| derived.output == one.output);
        let gone = |column: &String| {
            mine.clone().filter(|derived| derived.verdict.is_ok()).any(|derived| match &derived.change {
                Change::Step(Step::Drop(columns)) => columns.contains(column),
                Change::Step(Step::Select(columns)) => !columns.contains(column),
                Change::Step(Step::Rename(names)) => names.contains_key(column),
                Change::Step(_) | Change::Check(_) => false,
            })
        };
        // A column that does not arrive needs no check, and what the words ask for is not asked twice.
        found.retain(|(change, ..)| {
            let idle = matches!(change, Change::Check(Check::NotNull(columns) | Check::Unique(columns))
                if columns.0.iter().any(gone));
            !idle && !mine.clone().any(|derived| wishes::same(&derived.change, change))
        });
        let found = found.into_iter().map(|(change, confidence, why)| suggestion(&one.output, change, confidence, why));
        let (steps, checks): (Vec<ProposedChange>, Vec<ProposedChange>) =
            found.partition(|suggestion| matches!(suggestion.change, Change::Step(_)));
        all.extend(mine.clone().map(wished));
        all.extend(steps);
        all.extend(checks);
    }
    (all, (!texts.is_empty()).then(|| understood(&reading)))
}

/// The names and values that the words can mean.
fn vocabulary(question: Question<'_>, loaded: &[Loaded<'_>]) -> Vocabulary {
    let table = |name: &str, schema: &Schema, profile: Option<&Profile>| wishes::Table {
        name: name.to_owned(),
        columns: schema
            .fields
            .iter()
            .map(|field| {
                let figures = profile.and_then(|profile| profile.columns.iter().find(|known| known.name == field.name));
                let shown = figures.filter(|figures| !figures.pii);
                let values: Vec<String> =
                    shown.into_iter().flat_map(|figures| &figures.top).map(|top| top.value.clone()).collect();
                wishes::Column {
                    all_seen: shown
                        .is_some_and(|figures| figures.distinct_exact && figures.distinct == values.len() as u64),
                    text: field.data_type == DataType::Text,
                    number: windvane_know::profile::column::is_numeric(field.data_type),
                    name: field.name.clone(),
                    values,
                }
            })
            .collect(),
    };
    let others =
        question.catalog.datasets.iter().filter(|dataset| loaded.iter().all(|one| one.dataset.name != dataset.name));
    let named = question.spec.connections().into_iter().chain([question.spec.pipeline.clone()]);
    Vocabulary {
        names: named.flat_map(|name| name_words(&name)).collect(),
        tables: loaded.iter().map(|one| table(&one.output, &one.schema, one.profile)).collect(),
        others: others
            .map(|dataset| table(&dataset.name, dataset.schema(), question.profiles.get(&dataset.name)))
            .collect(),
    }
}

/// What the words ask for, as a suggestion.
fn wished(derived: &wishes::Derived) -> ProposedChange {
    let why = vec![format!("The words say '{}'.", derived.words)];
    let mut wished = suggestion(&derived.output, derived.change.clone(), 0.9, why);
    wished.decision.accepted = derived.verdict.is_ok();
    wished.decision.waits = derived.verdict.is_err();
    let (Ok(reason) | Err(reason)) = &derived.verdict;
    wished.decision.reason.clone_from(reason);
    wished.effect = Some(derived.effect);
    wished
}

/// The decision that tells how the words were read.
fn understood(reading: &Reading) -> Decision {
    let unread: Vec<&str> = reading.unread.iter().map(|unread| unread.words.as_str()).collect();
    let accepted = unread.is_empty();
    let reason = if accepted {
        "every word was understood".to_owned()
    } else {
        let words = unread.iter().map(|words| format!("'{words}'")).collect::<Vec<_>>().join(", ");
        let why: Vec<&str> = reading.unread.iter().filter_map(|unread| unread.why.as_deref()).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
        format!("not understood: {words}{why}; nothing is taken away or changed because of the words")
    };
    Decision {
        proposal: serde_json::json!({
            "understood": reading.clauses.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>(),
            "not_understood": unread,
        }),
        evidence: reading.clauses.iter().map(|(words, wish)| format!("'{words}': {}.", wish.said())).collect(),
        confidence: if accepted { 1.0 } else { 0.0 },
        accepted,
        reason,
        waits: reading.asks,
        ..Decision::of(AGENT, "what do the words ask for?")
    }
}

fn suggestion(output: &str, change: Change, confidence: f64, evidence: Vec<String>) -> ProposedChange {
    let confidence = confident(confidence);
    let accepted = confidence >= ACCEPT_FROM;
    let reason = if accepted {
        "confident enough".to_owned()
    } else {
        // Nobody has asked for it: it is left out, and waits for nobody.
        format!("confidence {confidence:.2} is below {ACCEPT_FROM}: who wants it writes it into the spec")
    };
    let proposal = serde_json::to_value(&change).unwrap_or_default();
    let decision = Decision {
        output: Some(output.to_owned()),
        proposal,
        evidence,
        confidence,
        accepted,
        reason,
        ..Decision::of(AGENT, format!("{output}: {QUESTION}"))
    };
    ProposedChange { output: output.to_owned(), change, decision, effect: None }
}

const INSTRUCTIONS: &str = "You prepare tables for loading. Propose steps (run before the user's own, on the columns as they \
are) and checks, each for one output dataset, as JSON of the given schema. Propose only what the user's words ask for or \
the figures show; leave everything else alone. Never remove rows or columns that the user's words do not ask to remove. \
Expressions are SQL scalar expressions over the dataset's columns. Confidence is 0 to 1.";

/// The rules' suggestions and, when there is a model, what it adds; the log says who answered and why.
pub fn ask<'a>(
    question: Question<'a>,
    gateway: Option<&'a Gateway>,
    log: &'a mut Vec<Decision>,
) -> BoxFuture<'a, Vec<ProposedChange>> {
    Box::pin(asked(question, gateway, log))
}

async fn asked(question: Question<'_>, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Vec<ProposedChange> {
    let (mut all, read) = rules(question);
    log.extend(read);
    let Some(gateway) = gateway else { return all };
    let loaded = question.loaded();
    let data = serde_json::json!({
        "outputs": loaded.iter().map(|one| evidence::dataset(&one.output, &one.schema, one.profile)).collect::<Vec<_>>(),
    });
    let users = question.texts().join("\n");
    let instructions = format!("{INSTRUCTIONS}\nThe user's words: {}", windvane_core::redact::text(&users));
    let asked = Asked { agent: AGENT, instructions: &instructions, data: &data };
    match gateway.ask(asked, |answer: &Answer| model_proposals::check(&loaded, answer)).await {
        Ok(answer) => {
            log.push(model_proposals::answered(AGENT, QUESTION, &answer));
            model_proposals::merge(&loaded, answer, &mut all);
        }
        Err(refusal) => log.push(fell_back(AGENT, QUESTION, &refusal)),
    }
    all
}
