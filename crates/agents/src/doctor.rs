//! What an error is and what to do about it, from whatever text there is: a message, a traceback, a log's end.
//!
//! By rules over what the text says for certain first (SQLSTATE, HTTP status, exception names), phrases last.

use super::decision::{ACCEPT_FROM, By, Decision, confident, fell_back};
use super::error_class::Class;
use super::error_signatures::{self, EXCEPTIONS, PHRASES, SQLSTATES};
use super::remedies::{Action, cause, treatment};
use super::{logs, own_errors};
use regex::{Regex, RegexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use windvane_core::boxed;
use windvane_core::error::Kind;
use windvane_core::redact;
use windvane_llm::{Gateway, Question as Asked};

const AGENT: &str = "doctor";
/// The end of a long log says what happened.
const LOOKED_AT: usize = 20_000;

/// What is known of a failure. The text alone suffices.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub text: String,
    #[serde(default)]
    pub kind: Option<Kind>,
    #[serde(default)]
    pub sqlstate: Option<String>,
    #[serde(default)]
    pub http_status: Option<u16>,
    /// Seconds that the outside asked to wait.
    #[serde(default)]
    pub retry_after: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diagnosis {
    pub class: Class,
    /// One sentence.
    pub cause: String,
    pub retryable: bool,
    pub action: Action,
    /// Seconds before a retry; 0 when none helps.
    pub delay: f64,
    pub confidence: f64,
    pub evidence: Vec<String>,
    /// Similar failures of the past, filled by who remembers them.
    pub similar: Vec<serde_json::Value>,
    pub by: By,
}

struct Patterns {
    phrases: RegexSet,
    exception: Regex,
    sqlstate: Regex,
    status: Regex,
    wait: Regex,
    camel: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let phrases = PHRASES.iter().map(|(words, _)| phrase(words));
    Some(Patterns {
        phrases: RegexSet::new(phrases).ok()?,
        exception: Regex::new(r"(?m)^\s*((?:[A-Za-z_][\w]*\.)*[A-Z][A-Za-z0-9_]*)(?::\s|:?$)").ok()?,
        sqlstate: Regex::new(r"(?i)(?:sqlstate|sql state|pgcode|error code)\W{0,4}([0-9A-Z]{5})\b").ok()?,
        status: Regex::new(r"(?i)(?:\bhttp(?:/\d(?:\.\d)?)?|status(?:[ _]?code)?)\W{0,3}(?:status\W{0,3}code\W{0,3})?(\d{3})\b|\b([45]\d\d) (?:client|server) error").ok()?,
        wait: Regex::new(r"(?i)(?:retry[- ]after|try again in|wait)\W{1,3}(\d+(?:\.\d+)?)\s*(?:s\b|sec|seconds)?").ok()?,
        camel: Regex::new("([a-z0-9])([A-Z])").ok()?,
    })
});

/// A phrase begins where a word does, or a part of a name: `read_timeout`.
fn phrase(words: &str) -> String {
    format!(r"(?i)(?:\b|_)(?:{words})")
}

pub fn rules(question: &Question) -> Diagnosis {
    let start = question.text.len().saturating_sub(LOOKED_AT);
    let start = (start..=question.text.len()).find(|at| question.text.is_char_boundary(*at)).unwrap_or(0);
    let text = question.text.get(start..).unwrap_or_default();
    let stated = question.kind.is_some() || question.sqlstate.is_some() || question.http_status.is_some();
    let telling = logs::telling(text);
    let (class, confidence, why) = match &telling {
        // Words of our own tell of a failure, whatever else the line says.
        None if !stated && own_errors::found(text).is_none() => {
            (Class::NoError, 0.85, "No line of it speaks of a failure.".to_owned())
        }
        telling => classify(question, telling.as_deref().unwrap_or(text)),
    };
    let asked = question.retry_after.or_else(|| {
        let found = PATTERNS.as_ref()?.wait.captures(text)?;
        found.get(1)?.as_str().parse().ok()
    });
    diagnosis(class, confidence, vec![why], asked)
}

fn diagnosis(class: Class, confidence: f64, evidence: Vec<String>, asked: Option<f64>) -> Diagnosis {
    let (action, delay) = treatment(class);
    let retryable = action == Action::Retry;
    let delay = if retryable { asked.filter(|wait| (0.0..=86_400.0).contains(wait)).unwrap_or(delay) } else { 0.0 };
    Diagnosis {
        class,
        cause: cause(class).to_owned(),
        retryable,
        action,
        delay,
        confidence: confident(confidence),
        evidence,
        similar: Vec::new(),
        by: By::Rules,
    }
}

/// Certain signs first.
fn classify(question: &Question, text: &str) -> (Class, f64, String) {
    let Some(patterns) = PATTERNS.as_ref() else {
        return (Class::Unknown, 0.0, "The patterns do not compile.".to_owned());
    };
    let code = question.sqlstate.as_deref().or_else(|| Some(patterns.sqlstate.captures(text)?.get(1)?.as_str()));
    if let Some((code, class)) = code.and_then(|code| Some((code, of_sqlstate(code)?))) {
        return (class, 0.95, format!("SQLSTATE {code}."));
    }
    if let Some((kind, message, why)) = own_errors::found(text) {
        return (
            own_errors::class(kind, &message),
            0.9,
            format!("It is an error of windvane of the kind {}: {why}.", kind.as_str()),
        );
    }
    let status = question.http_status.or_else(|| {
        let found = patterns.status.captures(text)?;
        found.get(1).or_else(|| found.get(2))?.as_str().parse().ok()
    });
    if let Some((status, class)) = status.and_then(|status| Some((status, error_signatures::of_status(status)?))) {
        return (class, 0.9, format!("HTTP status {status}."));
    }
    let last = last_message(text);
    let names: Vec<&str> =
        patterns.exception.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let recognised = names.iter().rev().take(2).find_map(|name| Some((*name, of_exception(name)?)));
    if let Some((name, class)) = recognised {
        return (class, 0.85, format!("The exception {name}."));
    }
    // `ReadTimeout` is two words, once nothing is found without taking it apart.
    let apart = |text: &str| patterns.camel.replace_all(text, "$1 $2").into_owned();
    for (part, confidence) in
        [(last.to_owned(), 0.75), (text.to_owned(), 0.55), (apart(last), 0.5), (apart(text), 0.45)]
    {
        if let Some(index) = patterns.phrases.matches(&part).iter().next() {
            let found = PHRASES.get(index).and_then(|(words, class)| Some((Regex::new(&phrase(words)).ok()?, *class)));
            if let Some((words, class)) = found {
                let words = words.find(&part).map_or("", |found| found.as_str());
                return (class, confidence, format!("It says '{}'.", words.trim()));
            }
        }
    }
    let defects = [
        "TypeError",
        "AttributeError",
        "NameError",
        "KeyError",
        "IndexError",
        "ValueError",
        "RecursionError",
        "AssertionError",
    ];
    if let Some(name) = names.last().filter(|name| defects.iter().any(|known| name.ends_with(known))) {
        return (Class::CodeError, 0.6, format!("The exception {name}, without a better explanation."));
    }
    match question.kind {
        Some(kind) => (own_errors::class(kind, text), 0.6, format!("The error's kind is {}.", kind.as_str())),
        None => (Class::Unknown, 0.1, "Nothing in the text is known.".to_owned()),
    }
}

fn of_sqlstate(state: &str) -> Option<Class> {
    let state = state.to_ascii_uppercase();
    let fits = SQLSTATES.iter().filter(|(prefix, _)| state.starts_with(prefix));
    fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, class)| *class)
}

fn of_exception(name: &str) -> Option<Class> {
    let short = name.rsplit('.').next().unwrap_or(name);
    let lower = short.to_lowercase();
    // The known name is the whole or its last words: an `EmergeError` is no `MergeError`.
    let ends = |known: &str| {
        let at = lower.len().checked_sub(known.len()).filter(|_| lower.ends_with(known));
        at.is_some_and(|at| at == 0 || short.get(at..).is_some_and(|rest| rest.starts_with(|c: char| c.is_uppercase())))
    };
    EXCEPTIONS.iter().find(|(known, _)| ends(known)).map(|(_, class)| *class)
}

/// What follows the last frame of a traceback; the text itself when there is none.
fn last_message(text: &str) -> &str {
    let Some(at) = text.rfind("\n  File \"").or_else(|| text.starts_with("Traceback").then_some(0)) else {
        return text;
    };
    let rest = text.get(at + 1..).unwrap_or(text);
    let mut offset = 0;
    for line in rest.split_inclusive('\n') {
        if !line.starts_with(' ') && !line.starts_with("Traceback") && !line.trim().is_empty() {
            return rest.get(offset..).unwrap_or(rest);
        }
        offset += line.len();
    }
    text
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    class: Class,
    /// 0 to 1.
    confidence: f64,
    #[serde(default)]
    evidence: Vec<String>,
}

const INSTRUCTIONS: &str = "You classify a failure of a data pipeline. Choose the one class that names the root cause. \
Quote the words of the text that show it as evidence. Confidence is 0 to 1.";

/// What the rules are sure of stays; for the rest a model may name the class. What is done about a class is never the
/// model's choice.
#[boxed]
pub async fn ask(question: &Question, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Diagnosis {
    let by_rules = rules(question);
    let asks = "what failed, and what helps?";
    let mut found = by_rules.clone();
    let (mut model, mut tokens) = (None, None);
    if let Some(gateway) = gateway.filter(|_| by_rules.confidence < ACCEPT_FROM) {
        let tail: String = question.text.chars().rev().take(4_000).collect::<Vec<_>>().into_iter().rev().collect();
        let data = serde_json::json!({"text": redact::text(&tail)});
        let asked = Asked { agent: AGENT, instructions: INSTRUCTIONS, data: &data };
        match gateway.ask(asked, check).await {
            Ok(answer) => {
                (model, tokens) = (Some(answer.model), Some(answer.tokens));
                found = surer(by_rules, &answer.value, question.retry_after);
            }
            Err(refusal) => log.push(fell_back(AGENT, asks, &refusal)),
        }
    }
    log.push(Decision {
        proposal: serde_json::json!({"class": found.class, "action": found.action}),
        evidence: found.evidence.clone(),
        confidence: found.confidence,
        by: found.by,
        reason: "the surest answer".to_owned(),
        model,
        tokens,
        ..Decision::of(AGENT, asks)
    });
    found
}

pub(super) fn check(answer: &Answer) -> Result<(), String> {
    let sane = (0.0..=1.0).contains(&answer.confidence);
    if sane { Ok(()) } else { Err(format!("confidence {} is not between 0 and 1", answer.confidence)) }
}

/// The model's class where it is surer of it than the rules are of theirs; what is done about a class is ours to say.
pub(super) fn surer(by_rules: Diagnosis, answer: &Answer, retry_after: Option<f64>) -> Diagnosis {
    if answer.confidence <= by_rules.confidence {
        return by_rules;
    }
    let evidence = answer.evidence.iter().take(5).map(|line| line.chars().take(200).collect()).collect();
    Diagnosis { by: By::Model, ..diagnosis(answer.class, answer.confidence, evidence, retry_after) }
}
