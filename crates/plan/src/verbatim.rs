//! Columns of text files that become text: where no step works with their values before, they are read as they are written
//! (`7` beside `10.50`, `TRUE`, `31/12/2024`, a time with its zone), whatever the steps do with other columns.

use super::output::plain;
use super::{Input, Output, Plan, waiting};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::{Change, Decision};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;
use windvane_engine::step::{self, Use, Uses};

/// By input the columns that arrive letter by letter.
pub(super) fn of(outputs: &[Output], inputs: &[Input], decisions: &[Decision]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let uses = uses(outputs, inputs, decisions);
    for input in inputs.iter().filter(|input| input.kind.is_text()) {
        for field in input.schema.fields.iter().filter(|field| field.data_type != DataType::Text) {
            if uses.get(&(input.name.clone(), field.name.clone())) == Some(&Use::Cast(DataType::Text)) {
                all.entry(input.name.clone()).or_default().insert(field.name.clone());
            }
        }
    }
    all
}

/// What all outputs do with the columns of the inputs, and what the proposals that wait for a person would do with them.
fn uses(outputs: &[Output], inputs: &[Input], decisions: &[Decision]) -> Uses {
    let schemas: BTreeMap<&str, &Schema> = inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let mut all = Uses::new();
    let mut note = |column: (String, String), one: Use| {
        let known = all.entry(column).or_insert(Use::Unused);
        *known = known.with(one);
    };
    for output in outputs {
        let Some(input) = schemas.get(output.from.as_str()) else { continue };
        let steps = plain(&output.steps);
        let mut ways = vec![steps.clone()];
        for decision in decisions.iter().filter(|one| one.waits && one.output.as_ref() == Some(&output.name)) {
            if let Some(Change::Step(step)) = waiting::change(decision) {
                ways.push([step].into_iter().chain(steps.iter().cloned()).collect());
            }
        }
        let made = ways.iter().filter_map(|steps| step::uses(steps, (&output.from, *input), &lookup).ok());
        made.flatten().for_each(|(column, one)| note(column, one));
        // A window is compared in its column's type.
        if let Some(incremental) = &output.incremental {
            note((output.from.clone(), incremental.column.clone()), Use::Kept);
        }
        for planned in &output.checks {
            if let Check::References(check) = &planned.check {
                note((check.dataset.clone(), check.key.as_ref().unwrap_or(&check.column).clone()), Use::Kept);
            }
        }
    }
    all
}

/// The columns of text files that an output loads as texts of their values, not as they are written, and why.
pub(super) fn lost(plan: &Plan, output: &Output) -> Vec<String> {
    let lookup = |name: &str| plan.input(name).map(|input| input.schema.clone());
    let Some(input) = plan.input(&output.from).filter(|input| input.kind.is_text()) else { return Vec::new() };
    let steps = plain(&output.steps);
    let (Ok(lineage), Ok(own)) =
        (step::lineage(&steps, &input.schema, &lookup), step::uses(&steps, (&input.name, &input.schema), &lookup))
    else {
        return Vec::new();
    };
    let mut said = Vec::new();
    for (field, origin) in output.schema.fields.iter().zip(&lineage.columns) {
        let Some(origin) = origin else { continue };
        let Some(read) = input.schema.field(&origin.column).filter(|read| read.data_type != DataType::Text) else {
            continue;
        };
        let to_text = |step: &Step| {
            let Step::Cast(types) = step else { return false };
            [&field.name, &origin.column].iter().any(|name| types.get(*name) == Some(&DataType::Text))
        };
        if field.data_type != DataType::Text || !steps.iter().any(to_text) {
            continue;
        }
        let why = match own.get(&(input.name.clone(), origin.column.clone())) {
            // Steps are told from 1 on, and the first is the reading.
            Some(Use::Needed(at)) => format!("step {} works with its values", at + 2),
            Some(Use::Cast(to)) if *to != DataType::Text => format!("it is cast to {to} first"),
            Some(Use::Cast(_) | Use::Kept | Use::Unused) | None => "its values are needed elsewhere too".to_owned(),
        };
        said.push(format!(
            "'{}' is read as {} and becomes text, not as it is written in the file: {why}.",
            field.name, read.data_type
        ));
    }
    said
}
