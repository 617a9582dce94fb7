//! What must not leave the house: personal data and secrets inside texts become marks such as `[email]`.
//!
//! Errs on the side of hiding: a long number or a long random-looking word goes, whatever it was. Dates stay.

use crate::error::{Error, Result};
use crate::faults;
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Patterns and marks, applied in this order: what is more specific comes first.
const RULES: [(&str, &str); 17] = [
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", "[private key]"),
    (r"(?i)\b([a-z][a-z0-9+.\-]*://)[^\s/]+@", "$1[credentials]@"),
    (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}", "$1 [secret]"),
    (
        r#"(?i)\b([a-z0-9_\-]*(?:password|passwd|pwd|passphrase|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key|credential)s?["']?\s*(?:=|:|=>)\s*["']?)[^\s"',;&}]+"#,
        "$1[secret]",
    ),
    (r"\beyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]*)?", "[secret]"),
    (r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b", "[secret]"),
    (r"\b(sk|pk|rk|ghp|gho|ghs|ghu|glpat|xox[a-z]|hf|pypi|npm|github_pat)[-_][A-Za-z0-9_\-]{8,}", "[secret]"),
    (r#"[^\s@<>"',;:()\[\]{}=]+@[^\s@<>"',;:()\[\]{}]+\.[^\s@<>"',;:()\[\]{}.]{2,}"#, "[email]"),
    (r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b", "[iban]"),
    (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "[ip]"),
    (
        r"(?i)\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b|(?i)\b(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?",
        "[ip]",
    ),
    (r"\b\d{3}-\d{2}-\d{4}\b", "[number]"),
    (r"\b\d(?:[ \-]?\d){12,18}\b", "[card]"),
    (r"\+\d(?:[ ().\-/]{0,2}\d){6,14}", "[phone]"),
    (r"\(\d{2,5}\)(?:[ .\-/]{0,2}\d){5,12}", "[phone]"),
    (r"\d{7,}", "[number]"),
    (r"[A-Za-z0-9_+/=\-]{32,}", "[token]"),
];

/// Groups of digits with separators: a phone number unless it is a date.
const GROUPS: &str = r"\b\d{2,5}(?:[ \-./]\d{2,5}){1,5}\b";
const DATE: &str =
    r"^(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}(?: \d{2})?|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}(?: \d{2})?|\d{1,6}\.\d{1,6})$";

struct Compiled {
    rules: Vec<(Regex, &'static str)>,
    groups: Regex,
    date: Regex,
}

/// Compiled once; nothing when a pattern above is wrong, which every call then reports.
static COMPILED: LazyLock<Option<Compiled>> = LazyLock::new(|| {
    let rules: std::result::Result<Vec<_>, regex::Error> =
        RULES.iter().map(|(pattern, mark)| Ok((Regex::new(pattern)?, *mark))).collect();
    Some(Compiled { rules: rules.ok()?, groups: Regex::new(GROUPS).ok()?, date: Regex::new(DATE).ok()? })
});

/// Whether redaction can be done at all.
pub fn ready() -> Result<()> {
    COMPILED.as_ref().map(|_| ()).ok_or_else(|| Error::internal("the patterns of redaction do not compile"))
}

/// The text without personal data and secrets.
pub fn text(text: &str) -> String {
    if faults::planted("unredacted") {
        return text.to_owned();
    }
    // Fail closed: without patterns nothing leaves.
    let Some(compiled) = COMPILED.as_ref() else { return "[hidden]".to_owned() };
    let mut clean = Cow::Borrowed(text);
    for (pattern, mark) in &compiled.rules {
        if let Cow::Owned(changed) = pattern.replace_all(&clean, *mark) {
            clean = Cow::Owned(changed);
        }
    }
    let grouped = compiled.groups.replace_all(&clean, |found: &regex::Captures<'_>| {
        let whole = found.get(0).map_or("", |group| group.as_str());
        let digits = whole.chars().filter(char::is_ascii_digit).count();
        if digits < 7 || compiled.date.is_match(whole) { whole.to_owned() } else { "[phone]".to_owned() }
    });
    grouped.into_owned()
}

/// The text with a mark in the place of each of these secrets, also as an address, JSON or HTML would spell them. Shorter
/// ones than three characters stay: they are words of any text.
pub fn without<S: AsRef<str>>(text: &str, secrets: &[S], mark: &str) -> String {
    let told = secrets.iter().map(AsRef::as_ref).filter(|secret| secret.len() > 2);
    let mut spelt: Vec<String> = told.flat_map(spellings).collect();
    // A secret may be a part of another one.
    spelt.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    spelt.iter().fold(text.to_owned(), |text, spelling| text.replace(spelling.as_str(), mark))
}

fn spellings(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let json = json.trim_matches('"').to_owned();
    let percent = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let address: String = secret.bytes().map(percent).collect();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        address.replace("%20", "+"),
        lowered(&address),
        address,
        html.replace('\'', "&#39;"),
        html,
    ]
}

/// `%2F` as `%2f`; what is not encoded stays.
fn lowered(address: &str) -> String {
    let mut left = 0_u8;
    let lower = |c: char| {
        left = if c == '%' { 3 } else { left };
        let is_code = left > 0;
        left = left.saturating_sub(1);
        if is_code { c.to_ascii_lowercase() } else { c }
    };
    address.chars().map(lower).collect()
}

/// A document with every text in it redacted. Keys stay: they are ours.
pub fn document(value: &Value) -> Value {
    match value {
        Value::String(found) => Value::String(text(found)),
        Value::Array(items) => Value::Array(items.iter().map(document).collect()),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), document(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
