//! Templates in a spec: texts that each run fills in.
//!
//! They stand in `path`, `queries`, `params` and `filter` and nowhere else. Airflow renders a whole text with its own Jinja; at
//! the shell `{{ name }}` is what `--param name=value` says. A plan keeps the template, because it is for every run, and
//! is filled in when a run begins.

use super::hint::did_you_mean;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Keys whose text may hold a template.
const TEXTS: [&str; 3] = ["path", "filter", "locator"];
/// Keys all of whose entries may.
const MAPS: [&str; 2] = ["queries", "params"];
/// The parts of a spec and of a plan that hold such keys.
const PARTS: [&str; 7] = ["source", "sources", "target", "steps", "datasets", "inputs", "outputs"];
/// Where a glob begins.
const GLOB: [char; 3] = ['*', '?', '['];

/// What stands in for templates.
#[derive(Debug, Clone, Default)]
pub struct TemplateValues {
    /// A text with templates to what somebody else (Airflow) has made of it.
    pub rendered: BTreeMap<String, String>,
    /// The name between the braces to its value.
    pub params: BTreeMap<String, String>,
}

/// Whether a text holds a template.
pub fn is_template(text: &str) -> bool {
    let closed = |open, close| text.split_once(open).is_some_and(|(_, behind): (&str, &str)| behind.contains(close));
    closed("{{", "}}") || closed("{%", "%}")
}

/// Whether the texts of this key, or of what stands below it, may hold one.
pub(super) fn may_stand(path: &[&str]) -> bool {
    path.last().is_some_and(|key| TEXTS.contains(key)) || path.iter().any(|key| MAPS.contains(key))
}

/// The texts of a spec or plan that a run must fill in.
pub fn texts(document: &impl Serialize) -> BTreeSet<String> {
    // Specs and plans are made of JSON values with text as keys: this cannot fail.
    let mut value = serde_json::to_value(document).unwrap_or_default();
    let mut found = BTreeSet::new();
    let outcome: Result<()> = parts(&mut value, &mut |text| {
        found.insert(text.clone());
        Ok(())
    });
    outcome.map(|()| found).unwrap_or_default()
}

impl TemplateValues {
    /// A spec or plan with its templates filled in.
    pub fn document<T: Serialize + DeserializeOwned>(&self, document: &T) -> Result<T> {
        let broken =
            |error: serde_json::Error| Error::internal("a filled-in document cannot be read").caused_by(&error);
        let mut value = serde_json::to_value(document).map_err(broken)?;
        parts(&mut value, &mut |text| {
            *text = self.text(text)?;
            Ok(())
        })?;
        serde_json::from_value(value).map_err(broken)
    }

    /// Refuses values that nothing in a spec or plan asks for: a slip must not be taken for the value that was meant.
    pub fn needed(&self, document: &impl Serialize) -> Result<()> {
        let texts = texts(document);
        let known: BTreeSet<&str> = texts.iter().flat_map(|text| names(text)).collect();
        let Some(unknown) = self.params.keys().find(|name| !known.contains(name.as_str())) else { return Ok(()) };
        let known: Vec<&str> = known.into_iter().collect();
        let message = if known.is_empty() {
            format!("--param {unknown}: the spec has no templates that a value could fill in")
        } else {
            format!("--param {unknown}: no template has this name; there are {}", known.join(", "))
        };
        let hint = did_you_mean(unknown, &known, "templates");
        Err(Error::spec(message)
            .hint(format!("{} Leave --param {unknown} out, or write {{{{ {unknown} }}}} into the spec", closed(&hint))))
    }

    /// One text with its templates filled in.
    pub fn text(&self, text: &str) -> Result<String> {
        if let Some(rendered) = self.rendered.get(text) {
            return Ok(rendered.clone());
        }
        if let Some(filled) = self.rendered.iter().find_map(|(template, filled)| moved(text, template, filled)) {
            return Ok(filled);
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else { break };
            let name = name.trim();
            let value = self.params.get(name).ok_or_else(|| self.unknown(text, name))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        if is_template(&filled) { Err(unclear(text)) } else { Ok(filled) }
    }

    fn unknown(&self, text: &str, name: &str) -> Error {
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "_.".contains(c)) {
            return unclear(text);
        }
        let known: Vec<&str> = self.params.keys().map(String::as_str).collect();
        let given = if known.is_empty() { String::new() } else { format!(" (given: {})", known.join(", ")) };
        Error::spec(format!("nothing says what '{name}' is in '{text}'{given}"))
            .hint(format!("At the shell: --param {name}=VALUE. In Airflow the run fills it in"))
    }

    /// A locator that was found below a filled-in path, with the template in it again; other runs look elsewhere.
    pub fn unfilled(&self, template: &str, locator: &str) -> Result<String> {
        let filled = self.text(template)?;
        moved(locator, &filled, template).ok_or_else(|| {
            Error::spec(format!("'{locator}' was found by '{template}', and cannot be found so by another run"))
                .hint("Write the path without './' and '..', with the templates before the first '*', '?' or '['")
        })
    }
}

/// What lies below one path, below the other: `data/1/a.csv` of `data/1/*.csv` is `data/{{ x }}/a.csv` of
/// `data/{{ x }}/*.csv`.
fn moved(text: &str, from: &str, to: &str) -> Option<String> {
    // The glob that both end in; of a template only what is behind its last brace can be one.
    let behind = |text: &str| text.rfind('}').map_or(0, |at| at + 1);
    let glob = |text: &str| {
        let start = behind(text);
        text.get(start..).and_then(|rest| rest.find(GLOB)).map_or(text.len(), |at| start + at)
    };
    let (from, tail) = from.split_at_checked(glob(from))?;
    let to = to.strip_suffix(tail)?;
    let rest = text.strip_prefix(from)?;
    (tail.is_empty() || !is_template(tail)).then(|| format!("{to}{rest}"))
}

fn closed(sentence: &str) -> String {
    if sentence.ends_with('?') { sentence.to_owned() } else { format!("{sentence}.") }
}

/// What stands between the double braces of a text.
fn names(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).filter_map(|after| after.split_once("}}")).map(|(name, _)| name.trim()).collect()
}

fn unclear(text: &str) -> Error {
    Error::spec(format!("only Airflow can fill in '{text}'"))
        .hint("At the shell a template is one name in double braces, filled in by --param NAME=VALUE")
}

/// Every text with a template in the parts that may hold one.
fn parts(document: &mut Value, work: &mut impl FnMut(&mut String) -> Result<()>) -> Result<()> {
    let Value::Object(keys) = document else { return Ok(()) };
    keys.iter_mut().filter(|(key, _)| PARTS.contains(&key.as_str())).try_for_each(|(_, part)| below(part, false, work))
}

fn below(value: &mut Value, here: bool, work: &mut impl FnMut(&mut String) -> Result<()>) -> Result<()> {
    match value {
        Value::String(text) if here && is_template(text) => work(text),
        Value::Array(items) => items.iter_mut().try_for_each(|item| below(item, here, work)),
        Value::Object(keys) => keys.iter_mut().try_for_each(|(key, value)| {
            let map = MAPS.contains(&key.as_str());
            let text = value.is_string() && TEXTS.contains(&key.as_str());
            below(value, here && value.is_object() || map || text, work)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
