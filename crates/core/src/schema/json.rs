//! JSON texts by value, numbers by their digits: nothing passes through a double.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The members of an object in their order, values untouched.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    all.push((name, value.get()));
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(All).map(Self)
    }
}

/// Deeper values are not taken: whoever walks them, one call a level, would run out of stack.
const DEEPEST: usize = 1_000;

/// Refuses a JSON value in which an object has a key twice, at any depth, and one that is nested too deep.
///
/// # Errors
/// What is wrong with it.
pub fn check(value: &RawValue) -> Result<(), serde_json::Error> {
    let text = value.get();
    let bytes = text.as_bytes();
    // The keys of each object that is open; a list has none.
    let mut open: Vec<BTreeSet<String>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' if open.len() == DEEPEST => {
                return Err(serde_json::Error::custom(format!("it is nested more than {DEEPEST} levels deep")));
            }
            b'{' | b'[' => open.push(BTreeSet::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let end = closed(bytes, at);
                let is_key = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                if is_key && let Some(keys) = open.last_mut() {
                    // By what it means: a letter may be written in several ways.
                    if let Some(name) = keys.replace(serde_json::from_str(&text[at..end])?) {
                        return Err(serde_json::Error::custom(format!("the key '{name}' is there twice")));
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Behind the string that begins here.
fn closed(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether brackets nest deeper than that.
fn is_too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' if depth == DEEPEST => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at = closed(bytes, at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// One form for equal values, whatever the white space, the order of members and the writing of numbers: databases change
/// these. Text that is not JSON, or nested too deep, counts as it is.
pub(super) fn canonical(text: &str) -> Vec<u8> {
    if is_too_deep(text) {
        return text.as_bytes().to_vec();
    }
    let mut out = Vec::new();
    match value(text.trim(), &mut out) {
        Ok(()) => out,
        Err(_) => text.as_bytes().to_vec(),
    }
}

fn value(text: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match text.as_bytes().first() {
        Some(b'{') => {
            // Of two members with one name the last counts, as in the databases.
            let members: BTreeMap<String, &str> = serde_json::from_str::<Members<'_>>(text)?.0.into_iter().collect();
            out.push(b'{');
            for (name, inner) in members {
                out.extend(format!("{name:?}:").bytes());
                value(inner, out)?;
            }
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            for item in serde_json::from_str::<Vec<&RawValue>>(text)? {
                value(item.get(), out)?;
                out.push(b',');
            }
            out.push(b']');
        }
        Some(b'"') => out.extend(serde_json::to_string(&serde_json::from_str::<String>(text)?)?.bytes()),
        Some(b'-' | b'0'..=b'9') => {
            serde_json::from_str::<&RawValue>(text)?;
            out.extend(number(text).unwrap_or_else(|| text.to_owned()).bytes());
        }
        _ => out.extend(serde_json::from_str::<serde_json::Value>(text)?.to_string().bytes()),
    }
    Ok(())
}

/// The digits without zeros at the edges, and the power of ten.
fn number(text: &str) -> Option<String> {
    let (text, sign) = text.strip_prefix('-').map_or((text, ""), |rest| (rest, "-"));
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{part}").trim_start_matches('0').to_owned();
    let mut power = power.parse::<i64>().ok()?.checked_sub(i64::try_from(part.len()).ok()?)?;
    let length = digits.len();
    digits.truncate(digits.trim_end_matches('0').len());
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    power += i64::try_from(length - digits.len()).ok()?;
    match usize::try_from(power) {
        Ok(zeros) if zeros < 20 => Some(format!("{sign}{digits}{}", "0".repeat(zeros))),
        _ => Some(format!("{sign}{digits}e{power}")),
    }
}
