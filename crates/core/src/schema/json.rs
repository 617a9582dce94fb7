//! JSON texts by value, numbers by their digits: nothing passes through a double.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
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

/// A JSON value in which no object has a key twice; at any depth.
pub struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Distinct;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distinct, A::Error> {
                let mut names = BTreeSet::new();
                // A raw value, for a number may be beyond any that Rust has.
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    distinct(value).map_err(A::Error::custom)?;
                    if let Some(name) = names.replace(name) {
                        return Err(A::Error::custom(format!("the key '{name}' is there twice")));
                    }
                }
                Ok(Distinct)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
                while let Some(item) = items.next_element::<&'de RawValue>()? {
                    distinct(item).map_err(A::Error::custom)?;
                }
                Ok(Distinct)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn distinct(value: &RawValue) -> Result<(), serde_json::Error> {
    if value.get().starts_with(['{', '[']) {
        serde_json::from_str::<Distinct>(value.get())?;
    }
    Ok(())
}

/// One form for equal values, whatever the white space, the order of members and the writing of numbers: databases change
/// these. Text that is not JSON counts as it is.
pub(super) fn canonical(text: &str) -> Vec<u8> {
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
