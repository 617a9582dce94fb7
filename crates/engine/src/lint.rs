//! What can be known of a spec's steps and checks before anything is connected: expressions that no columns could make
//! right, and steps that use a column which an earlier step has taken away.
//!
//! It looks at the document, not at the typed spec, so that it also speaks when something else in the document is wrong.
//! What it cannot know it lets pass: `connected` and planning judge the same steps against the real columns.

mod columns;
pub mod connected;
mod only_new;

use crate::expression::inspect::{Standing, inspect};
use crate::expression::statement;
use columns::Known;
use serde::de::DeserializeOwned;
use serde_json::Value;
use windvane_connect::rerun::taken_name;
use windvane_core::error::{Error, Result};
use windvane_core::spec::check::Check;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::path::Part;
use windvane_core::spec::pattern;
use windvane_core::spec::problem::Finding;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::LoadId;
use windvane_core::spec::verb::{Filling, Split};

/// All that is wrong with the steps and checks of a spec.
pub fn document(spec: &Value) -> Vec<Finding> {
    let mut lint = Lint { found: Vec::new(), path: Vec::new() };
    let shared = lint.steps(spec, Known::default());
    let datasets = spec["datasets"].as_object().map(|map| map.iter().collect::<Vec<_>>()).unwrap_or_default();
    for (name, settings) in &datasets {
        let inside = [Part::Key("datasets".to_owned()), Part::Key((*name).clone())];
        lint.path.extend(inside);
        lint.incremental(spec, settings);
        let known = lint.steps(settings, shared.clone());
        lint.checks(settings, &known);
        lint.key(settings, &known);
        lint.load_id(spec, settings, &known);
        lint.path.clear();
        lint.checks(spec, &known);
    }
    if datasets.is_empty() {
        lint.checks(spec, &shared);
        lint.load_id(spec, &Value::Null, &shared);
    }
    lint.found
}

struct Lint {
    found: Vec<Finding>,
    path: Vec<Part>,
}

impl Lint {
    /// What is known of the columns after the steps of a part of the document.
    fn steps(&mut self, part: &Value, mut known: Known) -> Known {
        for (index, value) in part["steps"].as_array().into_iter().flatten().enumerate() {
            let Some(step) = typed::<Step>(value) else {
                known = Known::default();
                continue;
            };
            self.path.extend([key("steps"), Part::Index(index), key(step.verb())]);
            known = self.step(&step, &format!("`{}` (step {})", step.verb(), index + 1), known);
            self.path.truncate(self.path.len() - 3);
        }
        known
    }

    fn checks(&mut self, part: &Value, known: &Known) {
        for (index, value) in part["checks"].as_array().into_iter().flatten().enumerate() {
            let Some(check) = typed::<Check>(value) else { continue };
            let word = value.as_object().and_then(|map| map.keys().next()).map_or("", String::as_str);
            self.path.extend([key("checks"), Part::Index(index), key(word)]);
            match &check {
                Check::NotNull(columns) | Check::Unique(columns) => self.names(known, &columns.0),
                Check::Accepted(accepted) => self.at("column", |lint| lint.name(known, &accepted.column)),
                Check::Range(range) => self.at("column", |lint| lint.name(known, &range.column)),
                Check::Matches(matches) => self.at("column", |lint| lint.name(known, &matches.column)),
                Check::References(references) => self.at("column", |lint| lint.name(known, &references.column)),
                Check::Expression(text) => self.expression(known, text, Standing::Row),
                Check::Rows(_) => {}
            }
            self.path.truncate(self.path.len() - 3);
        }
    }

    fn key(&mut self, settings: &Value, known: &Known) {
        if let Some(columns) = typed::<Columns>(&settings["key"]) {
            self.at("key", |lint| lint.names(known, &columns.0));
        }
    }

    /// The rows of an appended table may have no column of the name that holds the id of their load.
    fn load_id(&mut self, spec: &Value, settings: &Value, known: &Known) {
        let target = spec["target"].as_object().and_then(|map| map.values().next()).unwrap_or(&Value::Null);
        let asked = [&settings["load_id"], &target["load_id"]].into_iter().find(|asked| !asked.is_null());
        let mode = [&settings["mode"], &target["mode"]].into_iter().find_map(Value::as_str);
        let column = asked.and_then(typed::<LoadId>).filter(|_| mode == Some("append"));
        let Some(column) = column.as_ref().and_then(LoadId::column).filter(|column| known.has(column)) else { return };
        let own = !settings["load_id"].is_null();
        let place = if own { "load_id" } else { "steps" };
        self.at(place, |lint| lint.judge(Err(taken_name(column))));
    }

    #[expect(clippy::too_many_lines, reason = "one arm a verb")]
    fn step(&mut self, step: &Step, by: &str, known: Known) -> Known {
        match step {
            Step::Select(names) => {
                self.names(&known, names);
                Known::only(names, by)
            }
            Step::Drop(names) => {
                self.names(&known, names);
                known.without(names, &format!("{by} drops it"))
            }
            Step::Rename(names) => {
                self.keys(&known, names.keys());
                known.renamed(names, by)
            }
            Step::Cast(types) => {
                self.keys(&known, types.keys());
                known
            }
            Step::Parse(parse) => {
                self.at("columns", |lint| lint.names(&known, &parse.columns));
                known
            }
            Step::Filter(condition) => {
                self.expression(&known, condition, Standing::Row);
                known
            }
            Step::Derive(columns) => {
                self.expressions(&known, columns.iter(), Standing::Row);
                known.with(columns.keys())
            }
            Step::Set(set) => {
                self.at("where", |lint| lint.expression(&known, &set.condition, Standing::Row));
                self.at("values", |lint| {
                    lint.keys(&known, set.values.keys());
                    lint.expressions(&known, set.values.iter(), Standing::Row);
                });
                known
            }
            Step::Fill(columns) => {
                for (name, filling) in columns {
                    self.at(name, |lint| {
                        lint.name(&known, name);
                        let Filling::From(from) = filling else { return };
                        lint.at("order_by", |lint| lint.ordered(&known, from.order_by.as_ref()));
                        lint.at("partition_by", |lint| lint.columns(&known, from.partition_by.as_ref()));
                    });
                }
                known
            }
            Step::Join(join) => {
                self.at("on", |lint| lint.names(&known, &join.on.0));
                known.joined(join)
            }
            Step::Deduplicate(step) => {
                self.at("on", |lint| lint.names(&known, &step.on.0));
                self.at("order_by", |lint| lint.names(&known, &step.order_by));
                known
            }
            Step::Aggregate(step) => {
                self.at("by", |lint| lint.names(&known, &step.by.0));
                self.at("measures", |lint| lint.expressions(&known, step.measures.iter(), Standing::Measure));
                Known::only(step.by.0.iter().chain(step.measures.keys()), by)
            }
            Step::Pivot(step) => {
                self.at("by", |lint| lint.names(&known, &step.by.0));
                self.at("column", |lint| lint.name(&known, &step.column));
                self.at("value", |lint| lint.name(&known, &step.value));
                let values = step.values.iter().map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
                let made: Vec<String> = if step.names.is_empty() { values.collect() } else { step.names.clone() };
                Known::only(step.by.0.iter().chain(&made), by)
            }
            Step::Unpivot(step) => {
                self.at("keep", |lint| lint.names(&known, &step.keep));
                self.at("columns", |lint| lint.names(&known, &step.columns));
                let name = step.name.clone().unwrap_or_else(|| "variable".to_owned());
                let value = step.value.clone().unwrap_or_else(|| "value".to_owned());
                Known::only(step.keep.iter().chain([&name, &value]), by)
            }
            Step::Window(step) => {
                self.at("partition_by", |lint| lint.columns(&known, step.partition_by.as_ref()));
                self.at("order_by", |lint| lint.ordered(&known, step.order_by.as_ref()));
                self.at("columns", |lint| lint.expressions(&known, step.columns.iter(), Standing::Window));
                known.with(step.columns.keys())
            }
            Step::Sort(step) => {
                self.at("by", |lint| lint.ordered(&known, Some(&step.by)));
                known
            }
            Step::Split(step) => {
                self.at("column", |lint| lint.name(&known, &step.column));
                known.with(&made(step))
            }
            Step::Mask(step) => {
                self.at("columns", |lint| lint.keys(&known, step.columns.keys()));
                known
            }
            Step::Flatten(step) => {
                self.at("column", |lint| lint.name(&known, &step.column));
                known.with(step.fields.keys())
            }
            Step::Explode(step) => {
                self.at("column", |lint| lint.name(&known, &step.column));
                known
            }
            Step::Sql(text) => {
                self.judge(statement(text).map(drop));
                Known::default()
            }
            Step::Python(step) => Known::only(step.schema.keys(), by),
        }
    }

    fn expressions<'a>(
        &mut self,
        known: &Known,
        columns: impl Iterator<Item = (&'a String, &'a String)>,
        standing: Standing,
    ) {
        for (name, text) in columns {
            self.at(name, |lint| lint.expression(known, text, standing));
        }
    }

    fn expression(&mut self, known: &Known, text: &str, standing: Standing) {
        if text.trim().is_empty() {
            return; // `spec` has said so.
        }
        match inspect(text, standing) {
            Ok(names) => self.names(known, &names),
            Err(error) => self.judge(Err(error)),
        }
    }

    fn columns(&mut self, known: &Known, columns: Option<&Columns>) {
        if let Some(columns) = columns {
            self.names(known, &columns.0);
        }
    }

    /// `day`, `day desc`.
    fn ordered(&mut self, known: &Known, columns: Option<&Columns>) {
        for text in columns.iter().flat_map(|columns| &columns.0) {
            let (column, direction) = text.trim().rsplit_once(char::is_whitespace).unwrap_or((text, ""));
            let directed = ["asc", "desc"].contains(&direction.to_ascii_lowercase().as_str());
            if known.has(text) || !directed { self.name(known, text) } else { self.name(known, column.trim()) }
        }
    }

    /// Columns that are the keys of a map.
    fn keys<'a>(&mut self, known: &Known, names: impl Iterator<Item = &'a String>) {
        for name in names {
            self.at(name, |lint| lint.name(known, name));
        }
    }

    fn names(&mut self, known: &Known, names: &[String]) {
        for name in names {
            self.name(known, name);
        }
    }

    fn name(&mut self, known: &Known, name: &str) {
        self.judge(known.find(name));
    }

    fn judge(&mut self, judged: Result<()>) {
        if let Err(error) = judged {
            self.found.push(Finding { path: self.path.clone(), error });
        }
    }

    fn at(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        self.path.push(key(name));
        work(self);
        self.path.pop();
    }
}

fn key(name: &str) -> Part {
    Part::Key(name.to_owned())
}

/// What of the document has the right shape; the rest has been reported already.
fn typed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// The columns that a split makes.
fn made(step: &Split) -> Vec<String> {
    let named = |text: &String| {
        let pattern: std::result::Result<_, Error> = pattern::compile(text);
        pattern.map(|pattern| pattern.capture_names().flatten().map(str::to_owned).collect()).unwrap_or_default()
    };
    step.pattern.as_ref().map_or_else(|| step.into.clone(), named)
}
