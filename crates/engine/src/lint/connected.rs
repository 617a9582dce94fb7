//! The same with the columns that are there: unknown ones and types too.

use super::columns::Known;
use super::{Lint, key, typed};
use crate::schema::{check_schema, plan_schema};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use windvane_core::error::Error;
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_core::spec::path::{Part, path_of};
use windvane_core::spec::problem::Finding;
use windvane_core::spec::step::Step;

/// An output and the columns that its steps begin with.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub output: &'a str,
    pub from: &'a str,
    pub schema: &'a Schema,
}

/// What is wrong with the steps and checks of a spec, over the columns that the sources have.
pub fn against(spec: &Value, starts: &[Start<'_>], lookup: &dyn Fn(&str) -> Option<Schema>) -> Vec<Finding> {
    let mut lint = Lint { found: Vec::new(), path: Vec::new() };
    let several = starts.len() > 1;
    for start in starts {
        let before = lint.found.len();
        let known = Known::of(start.schema, start.from);
        // A watermark is a column of the source, whatever the steps make of it.
        let settings = &spec["datasets"][start.output];
        if let Some(column) = settings["incremental"]["column"].as_str() {
            lint.path.extend([key("datasets"), key(start.output), key("incremental")]);
            lint.at("column", |lint| lint.name(&known, column));
            lint.path.clear();
        }
        let mut at = Here { known, schema: Some(start.schema.clone()), vague: BTreeSet::new(), lookup };
        lint.typed_steps(spec, &mut at);
        if let Some(settings) = spec["datasets"].get(start.output) {
            lint.path.extend([key("datasets"), key(start.output)]);
            lint.typed_steps(settings, &mut at);
            lint.typed_checks(settings, &at);
            lint.key(settings, &at.known);
            lint.path.clear();
        }
        lint.typed_checks(spec, &at);
        for finding in lint.found.iter_mut().skip(before).filter(|_| several) {
            finding.error = named(&finding.error, start.output);
        }
    }
    let mut seen = BTreeSet::new();
    lint.found.retain(|finding| seen.insert((path_of(&finding.path), finding.error.message().to_owned())));
    lint.found
}

/// The error with the dataset that it is about.
fn named(error: &Error, output: &str) -> Error {
    let named = Error::new(error.kind(), format!("in {output}: {}", error.message()));
    match error.hint_text() {
        Some(hint) => named.hint(hint),
        None => named,
    }
}

/// Between two steps.
struct Here<'a> {
    known: Known,
    /// Nothing behind a step that is wrong and may have made any columns.
    schema: Option<Schema>,
    /// Columns that are there, of a type that nobody knows: what made them is wrong.
    vague: BTreeSet<String>,
    lookup: &'a dyn Fn(&str) -> Option<Schema>,
}

impl Lint {
    fn typed_steps(&mut self, part: &Value, at: &mut Here<'_>) {
        for (index, value) in part["steps"].as_array().into_iter().flatten().enumerate() {
            let Some(step) = typed::<Step>(value) else { return };
            self.path.extend([key("steps"), Part::Index(index), key(step.verb())]);
            let by = format!("`{}` (step {})", step.verb(), index + 1);
            let before = self.found.len();
            at.known = self.step(&step, &by, std::mem::take(&mut at.known));
            let named = self.found.len() > before;
            at.schema =
                at.schema.take().and_then(|schema| self.typed_step(&step, schema, named, &mut at.vague, at.lookup));
            if let Some(schema) = &at.schema {
                at.known = std::mem::take(&mut at.known).exactly(schema, &by).with(&at.vague);
            }
            self.path.truncate(self.path.len() - 3);
        }
    }

    /// The columns behind the step; nothing where it is wrong and nobody can tell. `named`: wrong names in it were told.
    fn typed_step(
        &mut self,
        step: &Step,
        schema: Schema,
        named: bool,
        vague: &mut BTreeSet<String>,
        lookup: &dyn Fn(&str) -> Option<Schema>,
    ) -> Option<Schema> {
        let clear = |step: &Step| !mentions(step, vague);
        if !named && clear(step) {
            let before = self.found.len();
            // Each column by itself, so that all that is wrong is told.
            for (_, part) in step.parts() {
                if let Err(error) = plan_schema(&[part], &schema, lookup) {
                    self.place(error);
                }
            }
            match plan_schema(std::slice::from_ref(step), &schema, lookup) {
                Ok(next) => return Some(next),
                Err(error) if self.found.len() == before => self.place(error),
                Err(_) => {}
            }
        }
        if step.form().keeps_columns {
            return Some(schema);
        }
        // What is right of it is done; of what is not only the names are known.
        let parts = step.parts();
        if parts.is_empty() {
            return None;
        }
        let (mut next, mut lost) = (schema.clone(), BTreeSet::new());
        for (name, part) in parts {
            match plan_schema(std::slice::from_ref(&part), &schema, lookup) {
                Ok(_) if !mentions(&part, vague) => next = plan_schema(&[part], &next, lookup).unwrap_or(next),
                Ok(_) | Err(_) => {
                    lost.insert(name);
                }
            }
        }
        vague.extend(lost);
        Some(next)
    }

    fn typed_checks(&mut self, part: &Value, at: &Here<'_>) {
        let before = self.found.len();
        self.checks(part, &at.known);
        let named: Vec<String> = self.found.iter().skip(before).map(|finding| path_of(&finding.path)).collect();
        let Some(schema) = &at.schema else { return };
        for (index, value) in part["checks"].as_array().into_iter().flatten().enumerate() {
            let Some(check) = typed::<Check>(value) else { continue };
            let word = value.as_object().and_then(|map| map.keys().next()).map_or("", String::as_str);
            self.path.extend([key("checks"), Part::Index(index), key(word)]);
            let here = path_of(&self.path);
            if !named.iter().any(|path| path.starts_with(&here))
                && !mentions(&check, &at.vague)
                && let Err(error) = check_schema(&check, schema, at.lookup)
            {
                self.found.push(Finding { path: self.path.clone(), error });
            }
            self.path.truncate(self.path.len() - 3);
        }
    }

    /// An error that knows its place inside a step.
    fn place(&mut self, error: Error) {
        let inside = error.place().path.clone().unwrap_or_default();
        // `steps[0].derive.total`: the step and its verb are where we stand.
        let inside = inside.split_once("].").map_or("", |(_, rest)| rest).split_once('.').map_or("", |(_, rest)| rest);
        let keys = inside.split('.').filter(|name| !name.is_empty()).map(key);
        let path = self.path.iter().cloned().chain(keys).collect();
        self.found.push(Finding { path, error });
    }
}

/// Whether a step or check speaks of one of these columns.
fn mentions(part: &impl Serialize, names: &BTreeSet<String>) -> bool {
    let written = serde_json::to_string(part).unwrap_or_default();
    let words: BTreeSet<&str> = written.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    names.iter().any(|name| words.contains(name.as_str()) || written.contains(&format!("\"{name}\"")))
}
