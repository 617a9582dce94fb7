//! What would change between two plans, in words and as data.

use crate::{Output, Plan, sentences, work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::schema::diff::diff as schema_diff;

/// One difference, at a place inside the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Such as `outputs.orders.steps`.
    pub place: String,
    /// For people.
    pub what: String,
}

/// All differences, in the order of the plan. Equal plans give none.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Difference> {
    let mut found = Vec::new();
    if old.id != new.id && work::of(old).ok().is_some_and(|same| work::of(new).ok() == Some(same)) {
        let what = "only what was observed has changed (counts, evidence, wording): the work is the same".to_owned();
        return vec![Difference { place: "work".to_owned(), what }];
    }
    let mut say = |place: String, what: String| found.push(Difference { place, what });
    changed("pipeline", &old.pipeline, &new.pipeline, &mut say);
    changed("engine", &old.engine, &new.engine, &mut say);
    changed("environment", &old.environment, &new.environment, &mut say);
    changed("target", &json(&old.target), &json(&new.target), &mut say);
    changed("sources", &json(&old.sources), &json(&new.sources), &mut say);
    changed("drift", &json(&old.drift), &json(&new.drift), &mut say);
    changed("quarantine", &json(&old.quarantine), &json(&new.quarantine), &mut say);
    changed("errors", &json(&old.errors), &json(&new.errors), &mut say);
    for input in &old.inputs {
        match new.input(&input.name) {
            None => say(format!("inputs.{}", input.name), "is no longer read".to_owned()),
            Some(other) => {
                for change in schema_diff(&input.schema, &other.schema) {
                    say(format!("inputs.{}", input.name), change.in_words());
                }
                changed(&format!("inputs.{}.locator", input.name), &input.locator, &other.locator, &mut say);
            }
        }
    }
    for input in new.inputs.iter().filter(|input| old.input(&input.name).is_none()) {
        say(format!("inputs.{}", input.name), "is read now".to_owned());
    }
    for output in &old.outputs {
        match new.output(&output.name) {
            None => say(format!("outputs.{}", output.name), "is no longer loaded".to_owned()),
            Some(other) => outputs(output, other, &mut say),
        }
    }
    for output in new.outputs.iter().filter(|output| old.output(&output.name).is_none()) {
        say(format!("outputs.{}", output.name), format!("is loaded now, into {}", output.dataset));
    }
    found
}

fn outputs(old: &Output, new: &Output, say: &mut impl FnMut(String, String)) {
    let place = format!("outputs.{}.declared", new.name);
    changed(&place, &json(&old.declared), &json(&new.declared), say);
    let place = |part: &str| format!("outputs.{}.{part}", old.name);
    changed(&place("dataset"), &old.dataset, &new.dataset, say);
    changed(&place("mode"), &json(&old.mode), &json(&new.mode), say);
    changed(&place("drift"), &json(&old.drift), &json(&new.drift), say);
    changed(&place("strategy"), &json(&old.strategy.strategy), &json(&new.strategy.strategy), say);
    changed(&place("guard"), &json(&old.guard), &json(&new.guard), say);
    changed(&place("adopt"), &old.adopt, &new.adopt, say);
    changed(&place("load_id"), &old.load_id, &new.load_id, say);
    changed(&place("sql"), &old.strategy.sql, &new.strategy.sql, say);
    let steps = |output: &Output| output.steps.iter().map(|planned| sentences::step(&planned.step)).collect::<Vec<_>>();
    let checks =
        |output: &Output| output.checks.iter().map(|planned| sentences::check(&planned.check)).collect::<Vec<_>>();
    lists(&place("steps"), &steps(old), &steps(new), say);
    lists(&place("checks"), &checks(old), &checks(new), say);
    for change in schema_diff(&old.schema, &new.schema) {
        say(place("schema"), change.in_words());
    }
}

fn lists(place: &str, old: &[String], new: &[String], say: &mut impl FnMut(String, String)) {
    for gone in old.iter().filter(|item| !new.contains(item)) {
        say(place.to_owned(), format!("no longer: {gone}"));
    }
    for added in new.iter().filter(|item| !old.contains(item)) {
        say(place.to_owned(), format!("now: {added}"));
    }
    let kept = |list: &[String], other: &[String]| {
        list.iter().filter(|item| other.contains(item)).cloned().collect::<Vec<_>>()
    };
    if kept(old, new) != kept(new, old) {
        say(place.to_owned(), "the order has changed".to_owned());
    }
}

fn changed<T: PartialEq + std::fmt::Debug>(place: &str, old: &T, new: &T, say: &mut impl FnMut(String, String)) {
    if old != new {
        say(place.to_owned(), format!("was {old:?}, is {new:?}"));
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
