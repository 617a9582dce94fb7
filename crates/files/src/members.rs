//! The members of JSON objects: their texts, and what type their values are.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, infer::Inference, json};

/// So many digits always come through a float as they went.
const FLOAT_DIGITS: usize = 15;

/// The members of an object, in the order they are written.
pub struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A value as the text that a column of this type is parsed from. An object that has a key twice is no value: databases keep
/// one of the two, and which is meant nobody knows.
pub fn text_of(raw: &RawValue, to: DataType) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        _ if text == "null" => None,
        Some(b'"') if to != DataType::Json => Some(Cow::Owned(serde_json::from_str::<String>(text)?)),
        Some(b'{' | b'[') => {
            json::check(raw)?;
            Some(Cow::Borrowed(text))
        }
        _ => Some(Cow::Borrowed(text)),
    })
}

/// Whether a float cannot hold the number as it is written.
fn loses_digits(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= FLOAT_DIGITS || text.contains(['e', 'E']) {
        return false;
    }
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    text.parse::<f64>().is_ok_and(|float| float.to_string() != plain)
}

/// What a member's values were.
#[derive(Default)]
pub struct Seen {
    booleans: bool,
    integers: bool,
    floats: bool,
    texts: bool,
    nested: bool,
    /// A float would not keep the digits of some number.
    exact: bool,
    numbers: Inference,
    words: Inference,
}

impl Seen {
    pub fn observe(&mut self, raw: &RawValue) {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b't' | b'f') => self.booleans = true,
            Some(b'{' | b'[') => self.nested = true,
            Some(b'"') => {
                self.texts = true;
                let word = serde_json::from_str::<String>(text).unwrap_or_default();
                // An empty word is no date, whatever the others are.
                self.words.observe(Some(if word.is_empty() { "-" } else { &word }));
            }
            Some(b'n') | None => {}
            Some(_) => {
                let whole = !text.contains(['.', 'e', 'E']);
                self.integers |= whole;
                self.floats |= !whole;
                self.exact |= loses_digits(text);
                self.numbers.observe(Some(text));
            }
        }
    }

    pub fn data_type(&self) -> (DataType, &'static str) {
        let number = self.integers || self.floats;
        match (self.booleans, number, self.texts, self.nested) {
            (true, false, false, false) => (DataType::Boolean, "boolean"),
            (false, true, false, false) if self.floats && !self.exact => (DataType::Float64, "number"),
            (false, true, false, false) => (self.numbers.data_type(), "number"),
            (false, false, true, false) => {
                let iso = self.words.data_type();
                let kept = matches!(iso, DataType::Date | DataType::Timestamp | DataType::TimestampTz);
                (if kept { iso } else { DataType::Text }, "string")
            }
            (false, false, false, true) => (DataType::Json, "object or array"),
            (false, false, false, false) => (DataType::Text, "null"),
            _ => (DataType::Text, "mixed"),
        }
    }
}
