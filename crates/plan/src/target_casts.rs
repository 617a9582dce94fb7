//! The target's table as it is, where there is one: all casts that it wants, together, and the columns that it lacks.

use crate::{Output, PlannedStep};
use serde_json::json;
use std::collections::BTreeMap;
use windvane_agents::{By, Decision};
use windvane_connect::compatibility::{Compatibility, Mismatch};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::drift::Policy;
use windvane_core::spec::step::{Parse, Step};

/// What still does not fit, of a table that was compared with another plan's columns.
pub(super) fn left(compatibility: &Compatibility, schema: &Schema) -> Compatibility {
    let mut compatibility = compatibility.clone();
    let fits = |column: &str, to| schema.field(column).is_some_and(|field| field.data_type == to);
    compatibility.mismatches.retain(|mismatch| !mismatch.cast.is_some_and(|to| fits(&mismatch.column, to)));
    compatibility
}

/// The steps that make our columns the target's: casts, behind one that refuses what it would lose; texts become floats
/// only where these give the number back. Nothing where none is wanted.
pub(super) fn casts(compatibility: &Compatibility, dataset: &str) -> Vec<PlannedStep> {
    let wanted = |mismatch: &&Mismatch| mismatch.cast.is_some();
    let (texts, others): (Vec<&Mismatch>, Vec<&Mismatch>) = compatibility
        .mismatches
        .iter()
        .filter(wanted)
        .partition(|mismatch| mismatch.from_text && mismatch.cast.is_some_and(is_float));
    let reason = |mismatches: &[&Mismatch]| {
        let said: Vec<&str> = mismatches.iter().map(|mismatch| mismatch.what.as_str()).collect();
        format!("'{dataset}' is there already: {}; a value that does not fit goes to quarantine", said.join(", "))
    };
    let planned = |step, reason| PlannedStep { step, by: By::Rules, reason };
    let mut steps = Vec::new();
    let first: BTreeMap<String, DataType> =
        others.iter().filter_map(|mismatch| Some((mismatch.column.clone(), mismatch.through?))).collect();
    if !first.is_empty() {
        let reason = format!("'{dataset}' is there already and keeps so many digits: longer numbers go to quarantine");
        steps.push(planned(Step::Cast(first), reason));
    }
    let types: BTreeMap<String, DataType> =
        others.iter().filter_map(|mismatch| Some((mismatch.column.clone(), mismatch.cast?))).collect();
    if !types.is_empty() {
        steps.push(planned(Step::Cast(types), reason(&others)));
    }
    for to in [DataType::Float32, DataType::Float64] {
        let these: Vec<&Mismatch> = texts.iter().copied().filter(|mismatch| mismatch.cast == Some(to)).collect();
        if !these.is_empty() {
            let columns = these.iter().map(|mismatch| mismatch.column.clone()).collect();
            steps.push(planned(Step::Parse(Parse { columns, to, formats: Vec::new() }), reason(&these)));
        }
    }
    steps
}

fn is_float(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

/// The columns that such steps are for.
pub fn columns(output: &Output) -> Vec<String> {
    let mut columns = Vec::new();
    for planned in output.steps.iter().rev().take_while(|planned| planned.by == By::Rules) {
        if let Step::Parse(parse) = &planned.step
            && is_float(parse.to)
        {
            columns.extend(parse.columns.iter().cloned());
            continue;
        }
        if let Step::Cast(types) = &planned.step {
            columns.extend(types.keys().cloned());
        }
        break;
    }
    columns
}

/// What else is to be said of it.
pub(super) fn decisions(
    compatibility: &Compatibility,
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
    let stuck: Vec<_> = compatibility.mismatches.iter().filter(|mismatch| !cast || mismatch.cast.is_none()).collect();
    if !stuck.is_empty() {
        let names: Vec<&str> = stuck.iter().map(|mismatch| mismatch.column.as_str()).collect();
        let said: Vec<String> = stuck.iter().map(|mismatch| format!("{} ({})", mismatch.what, mismatch.way)).collect();
        all.push(decision(
            format!("Does what is loaded fit the table '{dataset}' at the target?"),
            json!({"columns": names}),
            false,
            format!("a load is refused until this is mended: {}", said.join("; ")),
        ));
    }
    if !compatibility.lacks.is_empty() {
        let lacks = compatibility.lacks.join(", ");
        all.push(decision(
            format!("Has the table '{dataset}' at the target what `keep` asks for?"),
            json!({"lacks": compatibility.lacks}),
            false,
            format!(
                "it was there before and keeps what it has: {lacks} must be added by hand, or come when it is made anew"
            ),
        ));
    }
    if !compatibility.new.is_empty() {
        let grows = columns == Policy::Evolve;
        let reason = if grows {
            "`drift: evolve` lets the table grow"
        } else {
            "only `drift: evolve` adds columns to it; or leave them out with `drop`: until then a load is refused"
        };
        all.push(decision(
            format!("May the table '{dataset}' at the target get new columns?"),
            json!({"columns": compatibility.new}),
            grows,
            reason.to_owned(),
        ));
    }
    all
}
