//! Why rows were refused, the most frequent reasons first and an example row each: for logs and messages, so personal
//! values are marks.

use super::quarantine;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use windvane_know::profile::mask;

/// So many are told.
const TOLD: usize = 3;
/// So many rows are looked at: the reasons of more are those of the first.
const LOOKED_AT: usize = 200_000;
/// Kinds of reasons that are counted apart.
const KINDS: usize = 1_000;
const COLUMNS: usize = 6;
const LONGEST: usize = 40;

/// Rows that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub rows: u64,
    pub column: Option<String>,
    /// Without the values that differ from row to row.
    pub reason: String,
    /// The source row number of the example.
    pub row: u64,
    pub example: String,
}

/// The most frequent reasons in quarantine files; what cannot be read is passed over, for it only explains.
pub fn frequent(files: &[String]) -> Vec<Reason> {
    let mut found: BTreeMap<(Option<String>, String), Reason> = BTreeMap::new();
    let lines = files.iter().filter_map(|file| quarantine::lines(Path::new(file)).ok()).flatten();
    for (_, line) in lines.take(LOOKED_AT).filter_map(Result::ok) {
        let column = line["column"].as_str().map(str::to_owned);
        let reason = general(line["reason"].as_str().unwrap_or_default());
        let key = (column.clone(), reason.clone());
        if let Some(known) = found.get_mut(&key) {
            known.rows += 1;
        } else if found.len() < KINDS {
            let row = line["row"].as_u64().unwrap_or_default();
            let example = line["record"].as_object().map(|record| shown(record, column.as_deref())).unwrap_or_default();
            found.insert(key, Reason { rows: 1, column, reason, row, example });
        }
    }
    let mut all: Vec<Reason> = found.into_values().collect();
    all.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.row.cmp(&b.row)));
    all.truncate(TOLD);
    all
}

/// The reasons for people, one line each.
pub fn lines(reasons: &[Reason]) -> Vec<String> {
    let line = |one: &Reason| {
        let rows = if one.rows == 1 { "1 row".to_owned() } else { format!("{} rows", one.rows) };
        let column = one.column.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        format!("{rows}: {column}{}; such as row {}: {}", one.reason, one.row, one.example)
    };
    reasons.iter().map(line).collect()
}

/// The reason without its quoted values and numbers, so that equal ones are counted together.
fn general(reason: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    let mut before = ' ';
    // A digit of a word (`int64`, `utf8`) is no value.
    let mut in_word = false;
    let mut letters = reason.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        if letter == '\'' && (quoted && !next.is_alphanumeric() || !quoted && !before.is_alphanumeric()) {
            text.push_str(if quoted { "…'" } else { "'" });
            quoted = !quoted;
        } else if !quoted && letter.is_ascii_digit() && !in_word {
            if !text.ends_with('…') {
                text.push('…');
            }
        } else if !quoted {
            text.push(letter);
        }
        in_word = letter == '_' || letter.is_alphabetic() || in_word && letter.is_ascii_digit();
        before = letter;
    }
    mask::text(&text)
}

/// Some of the row, the refused column first, without personal values.
fn shown(record: &Map<String, Value>, column: Option<&str>) -> String {
    let first = record.iter().filter(|(name, _)| Some(name.as_str()) == column);
    let others = record.iter().filter(|(name, _)| Some(name.as_str()) != column);
    let cells: Vec<String> = first.chain(others).take(COLUMNS).map(|(name, value)| cell(name, value)).collect();
    let more = if record.len() > COLUMNS { ", …" } else { "" };
    format!("{}{more}", cells.join(", "))
}

fn cell(name: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => return format!("{name} is null"),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if mask::is_hidden(name) {
        return format!("{name}=[hidden]");
    }
    let text = mask::text(&text.replace(['\n', '\r', '\t'], " "));
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() { format!("{name}='{short}…'") } else { format!("{name}='{text}'") }
}
