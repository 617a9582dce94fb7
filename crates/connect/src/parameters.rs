//! What the URL of a connection says beside the server: its parameters and extras.

use serde_json::{Map, Value};
use url::Url;
use windvane_core::error::{Error, Result};

/// Airflow's own name for extras in a URL.
pub const AIRFLOW_EXTRAS: &str = "__extra__";

/// What stands behind `?` in the URL of a connection. Airflow keeps extras that are not flat there as one JSON object
/// under [`AIRFLOW_EXTRAS`]; what is none stays under that name.
pub fn extras(url: &Url) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (key, value) in url.query_pairs() {
        match serde_json::from_str::<Map<String, Value>>(&value) {
            Ok(object) if key == AIRFLOW_EXTRAS => all.extend(object),
            _ => all.push((key.into_owned(), value.into())),
        }
    }
    all
}

/// What a kind of connection does with what its URL says.
pub struct KnownParameters {
    /// Names, and what the driver calls them.
    pub used: &'static [(&'static str, &'static str)],
    /// They steer other drivers and change neither the server, nor who we are there, nor what is read.
    pub harmless: &'static [&'static str],
}

/// What reaches the driver, by the driver's names. What would be meant and cannot be followed is refused: a setting that
/// is silently dropped reads another server, or another table.
pub fn parameters(id: &str, url: &Url, words: &KnownParameters) -> Result<Vec<(String, String)>> {
    let mut known = Vec::new();
    for (key, value) in extras(url) {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        if let Some((_, name)) = words.used.iter().find(|(word, _)| *word == key) {
            known.push(((*name).to_owned(), text));
        } else if !words.harmless.contains(&key.as_str()) && !matches!(text.as_str(), "" | "false" | "{}" | "[]") {
            let used: Vec<&str> = words.used.iter().map(|(word, _)| *word).collect();
            // An odd one is a part of an address that was written wrongly: a password, perhaps.
            let plain = key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
            let key = if plain { format!("'{key}'") } else { "a parameter of an odd name".to_owned() };
            return Err(Error::unsupported(format!("connection '{id}' sets {key}, which windvane cannot follow"))
                .hint(format!("Take it out of the connection's extras. What is followed: {}", used.join(", "))));
        }
    }
    Ok(known)
}

/// A part of a URL without its %XX.
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// The same of bytes that need not be text: a form's value, where a plus is a plus.
pub fn readable(text: &str) -> String {
    // A form would turn a plus into a space and end at an ampersand.
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
