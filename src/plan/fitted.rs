//! The target's table as it is, where there is one: all casts that it wants, together, and the columns that it lacks.

use crate::agents::{By, Decision};
use crate::connectors::fits::Fitting;
use crate::plan::{Output, PlannedStep};
use crate::schema::DataType;
use crate::spec::drift::Policy;
use crate::spec::step::Step;
use serde_json::json;
use std::collections::BTreeMap;

/// The cast that makes our columns the target's, behind one that refuses what it would lose; nothing where none is wanted.
pub(super) fn casts(fitting: &Fitting, dataset: &str) -> Vec<PlannedStep> {
    let types: BTreeMap<String, DataType> =
        fitting.misfits.iter().filter_map(|misfit| Some((misfit.column.clone(), misfit.cast?))).collect();
    if types.is_empty() {
        return Vec::new();
    }
    let first: BTreeMap<String, DataType> =
        fitting.misfits.iter().filter_map(|misfit| Some((misfit.column.clone(), misfit.through?))).collect();
    let first = (!first.is_empty()).then(|| PlannedStep {
        step: Step::Cast(first),
        by: By::Rules,
        reason: format!("'{dataset}' is there already and keeps so many digits: longer numbers go to quarantine"),
    });
    let said: Vec<&str> =
        fitting.misfits.iter().filter(|misfit| misfit.cast.is_some()).map(|misfit| misfit.what.as_str()).collect();
    let reason =
        format!("'{dataset}' is there already: {}; a value that does not fit goes to quarantine", said.join(", "));
    first.into_iter().chain([PlannedStep { step: Step::Cast(types), by: By::Rules, reason }]).collect()
}

/// The columns that such a cast is for.
pub fn columns(output: &Output) -> Vec<String> {
    match output.steps.last() {
        Some(PlannedStep { step: Step::Cast(types), by: By::Rules, .. }) => types.keys().cloned().collect(),
        Some(_) | None => Vec::new(),
    }
}

/// What else is to be said of it.
pub(super) fn decisions(
    fitting: &Fitting,
    (output, dataset): (&str, &str),
    columns: Policy,
    cast: bool,
) -> Vec<Decision> {
    let decision = |question: String, proposal: serde_json::Value, accepted: bool, reason: String| Decision {
        // The load itself says it, and no approval would help: it does not wait.
        output: Some(output.to_owned()),
        proposal,
        accepted,
        reason,
        ..Decision::of("target", question)
    };
    let mut all = Vec::new();
    let stuck: Vec<_> = fitting.misfits.iter().filter(|misfit| !cast || misfit.cast.is_none()).collect();
    if !stuck.is_empty() {
        let names: Vec<&str> = stuck.iter().map(|misfit| misfit.column.as_str()).collect();
        let said: Vec<String> = stuck.iter().map(|misfit| format!("{} ({})", misfit.what, misfit.way)).collect();
        all.push(decision(
            format!("Does what is loaded fit the table '{dataset}' at the target?"),
            json!({"columns": names}),
            false,
            format!("a load is refused until this is mended: {}", said.join("; ")),
        ));
    }
    if !fitting.lacks.is_empty() {
        let lacks = fitting.lacks.join(", ");
        all.push(decision(
            format!("Has the table '{dataset}' at the target what `keep` asks for?"),
            json!({"lacks": fitting.lacks}),
            false,
            format!(
                "it was there before and keeps what it has: {lacks} must be added by hand, or come when it is made anew"
            ),
        ));
    }
    if !fitting.new.is_empty() {
        let grows = columns == Policy::Evolve;
        let reason = if grows {
            "`drift: evolve` lets the table grow"
        } else {
            "only `drift: evolve` adds columns to it; or leave them out with `drop`: until then a load is refused"
        };
        all.push(decision(
            format!("May the table '{dataset}' at the target get new columns?"),
            json!({"columns": fitting.new}),
            grows,
            reason.to_owned(),
        ));
    }
    all
}
