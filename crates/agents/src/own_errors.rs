//! Our own errors in a text: by the kind that stands before them, or by their words, which the build gathers.

use super::error_class::Class;
use regex::Regex;
use std::sync::{LazyLock, OnceLock};
use windvane_core::error::Kind;

/// A line a message: its kind, a tab, the text with `{...}` where something is filled in. The doorway gives them, because
/// its build alone sees every crate: here it would make each change anywhere a change of this one.
static MESSAGES: OnceLock<&str> = OnceLock::new();
/// So many letters of its own a message must have to be told from the rest of the world's.
const TELLING: usize = 14;

struct Known {
    /// `windvane: conflict: …` at the shell.
    shell: Regex,
    /// `windvane.errors.ConflictError: …` in a traceback, `AirflowFailException: ConflictError: …` in a task's log.
    class: Regex,
    /// `"kind": "conflict"` in a document of ours.
    document: Regex,
    messages: Vec<(Kind, Vec<&'static str>)>,
}

static KNOWN: LazyLock<Option<Known>> = LazyLock::new(|| {
    let messages = MESSAGES.get().copied().unwrap_or_default().lines().filter_map(|line| {
        let (word, message) = line.split_once('\t')?;
        let parts = parts(message);
        let letters: usize = parts.iter().map(|part| part.chars().filter(|c| c.is_alphabetic()).count()).sum();
        (letters >= TELLING).then_some((kind(word)?, parts))
    });
    Some(Known {
        shell: Regex::new(r"(?m)^\W{0,3}windvane: ([a-z]+): (.*)$").ok()?,
        class: Regex::new(
            r"(?m)(?:windvane(?:\.\w+)*\.|AirflowFailException: |AirflowException: |^)(Spec|Data|Auth|Missing|Unsupported|Conflict|Budget|Unavailable|TimedOut|Throttled|BreakerOpen|Cancelled|Internal|Forked)Error: (.*)$",
        )
        .ok()?,
        document: Regex::new(r#""kind":\s*"([a-z]+)""#).ok()?,
        messages: messages.collect(),
    })
});

/// Before the first question: the messages of all crates.
pub fn know(messages: &'static str) {
    let _ = MESSAGES.set(messages);
}

/// The fixed parts of a template.
fn parts(message: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        parts.push(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    parts.push(rest);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The kind of our own error that a text tells of, its words, and how that is known.
pub(super) fn found(text: &str) -> Option<(Kind, String, &'static str)> {
    let known = KNOWN.as_ref()?;
    if let Some(line) = known.shell.captures_iter(text).last()
        && let Some(kind) = kind(line.get(1)?.as_str())
    {
        return Some((kind, line.get(2)?.as_str().to_owned(), "its kind stands before it"));
    }
    if let Some(line) = known.class.captures_iter(text).last() {
        let whole = line.get(0)?.as_str();
        let message = line.get(2)?.as_str();
        // Drivers have a `DataError` too: alone the name says nothing, with words of ours it does.
        if whole.contains("windvane") || by_words(known, message).is_some() || whole.contains("Airflow") {
            return Some((kind(&class_kind(line.get(1)?.as_str()))?, message.to_owned(), "its class is ours"));
        }
    }
    if text.contains("\"error\"")
        && text.contains("\"retryable\"")
        && let Some(found) = known.document.captures(text)
        && let Some(kind) = kind(found.get(1)?.as_str())
    {
        return Some((kind, text.to_owned(), "its document says the kind"));
    }
    by_words(known, text).map(|kind| (kind, text.to_owned(), "the words are ours"))
}

/// The message with the most fixed letters that stands in the text, all its parts in one line and in order.
fn by_words(known: &Known, text: &str) -> Option<Kind> {
    let mut best: Option<(usize, Kind)> = None;
    for line in text.lines() {
        for (kind, parts) in &known.messages {
            let mut at = 0;
            let fits = parts.iter().all(|part| {
                let found = line.get(at..).and_then(|rest| rest.find(part));
                at += found.map_or(0, |found| found + part.len());
                found.is_some()
            });
            let length = parts.iter().map(|part| part.len()).sum();
            if fits && best.is_none_or(|(known, _)| known < length) {
                best = Some((length, *kind));
            }
        }
    }
    best.map(|(_, kind)| kind)
}

fn class_kind(class: &str) -> String {
    match class {
        "TimedOut" => "timeout".to_owned(),
        "BreakerOpen" => "unavailable".to_owned(),
        "Forked" => "internal".to_owned(),
        other => other.to_lowercase(),
    }
}

fn kind(word: &str) -> Option<Kind> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

/// What class an error of ours is. A kind that no retry helps is never of a class that is tried again.
pub(super) fn class(kind: Kind, message: &str) -> Class {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match kind {
        Kind::Spec => Class::Configuration,
        Kind::Data if says(&["allowed", "allow ", "--allow", "nothing was loaded", "were expected", "guard"]) => {
            Class::Refused
        }
        Kind::Data => Class::MalformedData,
        Kind::Auth => Class::Authentication,
        Kind::Missing if says(&["file", "folder", "path"]) => Class::MissingFile,
        Kind::Missing => Class::MissingObject,
        Kind::Unsupported => Class::Unsupported,
        Kind::Conflict if says(&["--allow", "is allowed", "guard"]) => Class::Refused,
        Kind::Conflict
            if says(&["column", "source has changed", "schema", "spec has changed", "does not fit", "format"]) =>
        {
            Class::SchemaMismatch
        }
        Kind::Conflict => Class::ObjectState,
        Kind::Budget => Class::Quota,
        Kind::Unavailable => Class::ServiceUnavailable,
        Kind::Timeout => Class::Timeout,
        Kind::Throttled => Class::Throttled,
        Kind::Cancelled => Class::Cancelled,
        Kind::Internal => Class::Internal,
    }
}
