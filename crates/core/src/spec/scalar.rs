//! What a plain (unquoted) YAML scalar means: the core schema, without the numbers that would change on the way.

use super::node::Value;
use super::path::shorten;
use regex::{Captures, Regex};
use serde_json::Number;
use std::borrow::Cow;
use std::sync::OnceLock;

/// JSON writes one character beyond the first plane as two escapes, which YAML does not know: they become YAML's one.
pub(super) fn without_surrogates(text: &str) -> Cow<'_, str> {
    static PAIRS: OnceLock<Option<Regex>> = OnceLock::new();
    if !text.trim_start().starts_with('{') || !(text.contains("\\ud") || text.contains("\\uD")) {
        return Cow::Borrowed(text);
    }
    let pairs =
        PAIRS.get_or_init(|| Regex::new(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)").ok());
    let Some(pairs) = pairs else { return Cow::Borrowed(text) };
    pairs.replace_all(text, |found: &Captures<'_>| {
        let half = |group: usize| found.get(group).and_then(|digits| u32::from_str_radix(digits.as_str(), 16).ok());
        match half(1).zip(half(2)) {
            Some((high, low)) => format!("\\U{:08X}", 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)),
            None => found.get(0).map_or(String::new(), |whole| whole.as_str().to_owned()),
        }
    })
}

/// What is wrong with a scalar, and the way out.
pub(super) struct Unfit {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Unfit {
    fn text(message: String) -> Self {
        Self { message, hint: "Put it in quotes if it is text".to_owned() }
    }
}

/// The value, or what is wrong with it.
pub(super) fn plain(text: &str) -> Result<Value, Unfit> {
    match text {
        "" => return Ok(Value::Null { written: false }),
        "~" | "null" | "Null" | "NULL" => return Ok(Value::Null { written: true }),
        "true" | "True" | "TRUE" => return Ok(Value::Boolean(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Boolean(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(Value::Text(text.to_owned()));
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(Unfit::text(format!("'{text}' is not a number that a spec can hold")));
    }
    let radix = [("0o", 8), ("0x", 16)].into_iter().find_map(|(prefix, radix)| {
        let digits = text.strip_prefix(prefix)?;
        let fits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        fits.then_some((digits, radix))
    });
    if let Some((digits, radix)) = radix {
        return u64::from_str_radix(digits, radix).map(|value| Value::Number(value.into())).map_err(|_| too_long(text));
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return integer(text, unsigned);
    }
    if is_float(unsigned) { float(text) } else { Ok(Value::Text(text.to_owned())) }
}

fn integer(text: &str, digits: &str) -> Result<Value, Unfit> {
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(Unfit {
            message: format!("'{}' starts with a zero: programs disagree on what it means", shorten(text)),
            hint: format!("Write {} if it is a number, or put it in quotes if it is text", bare(text)),
        });
    }
    let unplussed = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = unplussed.parse::<i64>() {
        return Ok(Value::Number(value.into()));
    }
    unplussed.parse::<u64>().map(|value| Value::Number(value.into())).map_err(|_| too_long(text))
}

fn float(text: &str) -> Result<Value, Unfit> {
    let value = text.strip_prefix('+').unwrap_or(text).parse::<f64>().map_err(|_| too_long(text))?;
    Number::from_f64(value).map(Value::Number).ok_or_else(|| too_long(text))
}

fn too_long(text: &str) -> Unfit {
    Unfit::text(format!("'{}' is a number with more digits than a spec can hold", shorten(text)))
}

/// Without the zeros in front.
fn bare(text: &str) -> String {
    let digits = text.trim_start_matches(['-', '+']).trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    shorten(&format!("{}{digits}", if text.starts_with('-') { "-" } else { "" }))
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}
