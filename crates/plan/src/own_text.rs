//! Columns that the first steps cast: what the source holds is read as the cast wants it, so that a value for which the
//! declared type has no word (an infinity, `0000-00-00`, 24:00; in SQLite whatever was put there) arrives as it is.
//! Of a text file, see [`super::verbatim`].

use super::output::plain;
use super::{Input, Output};
use std::collections::{BTreeMap, BTreeSet};
use windvane_connect::FoundKind;
use windvane_core::schema::{DataType, Field, sql};
use windvane_core::spec::source::Source;
use windvane_core::spec::step::Step;
use windvane_core::spec::{DatasetSpec, Spec};

/// Lets the input be read as every output that starts from it casts a column before anything else.
pub(super) fn ask(spec: &Spec, outputs: &[(String, DatasetSpec)], inputs: &mut [Input]) {
    let sources = spec.named_sources();
    let steps = |settings: &DatasetSpec| spec.steps.iter().chain(&settings.steps).cloned().collect::<Vec<Step>>();
    // What another output joins with keeps the types that it is compared by.
    let joined: BTreeSet<String> = outputs
        .iter()
        .flat_map(|(_, settings)| steps(settings))
        .flat_map(|step| windvane_engine::step::reads(&step))
        .collect();
    for input in inputs {
        let Some(source) = sources.get(&input.source).filter(|_| !joined.contains(&input.name)) else { continue };
        let mine = outputs.iter().filter(|(name, settings)| settings.from.as_ref().unwrap_or(name) == &input.name);
        let cast = mine.map(|(_, settings)| {
            first_casts(&steps(settings), settings.incremental.as_ref().map(|incremental| incremental.column.as_str()))
        });
        let all = common(cast);
        for field in &mut input.schema.fields {
            if let Some(to) = all.get(&field.name).filter(|to| gives(source, field, **to)) {
                field.data_type = *to;
            }
        }
    }
}

/// What all outputs of a plan that start from the input cast its columns to before anything else.
pub fn asked(plan: &super::Plan, input: &Input) -> BTreeMap<String, DataType> {
    if input.kind != FoundKind::Table && input.kind != FoundKind::View {
        return BTreeMap::new();
    }
    planned(&plan.outputs, input)
}

fn planned(outputs: &[Output], input: &Input) -> BTreeMap<String, DataType> {
    common(outputs.iter().filter(|output| output.from == input.name).map(|output| {
        first_casts(&plain(&output.steps), output.incremental.as_ref().map(|incremental| incremental.column.as_str()))
    }))
}

/// A window is compared in its column's type.
fn first_casts(steps: &[Step], watched: Option<&str>) -> BTreeMap<String, DataType> {
    let mut casts = BTreeMap::new();
    for step in steps {
        let Step::Cast(types) = step else { break };
        for (name, to) in types {
            casts.entry(name.clone()).or_insert(*to);
        }
    }
    casts.retain(|name, _| watched != Some(name));
    casts
}

fn common(all: impl Iterator<Item = BTreeMap<String, DataType>>) -> BTreeMap<String, DataType> {
    let both = |mut one: BTreeMap<String, DataType>, other: BTreeMap<String, DataType>| {
        one.retain(|name, to| other.get(name) == Some(to));
        one
    };
    all.reduce(both).unwrap_or_default()
}

/// Whether the source itself can give the column so: a server its own text; SQLite, whose values have types of their own,
/// the stored text or number.
fn gives(source: &Source, field: &Field, to: DataType) -> bool {
    let kind = source.kind();
    match to {
        DataType::Text => kind.own_text || kind.loose && field.data_type != DataType::Binary,
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { .. } | DataType::Float64 => {
            kind.loose && is_loose(field)
        }
        DataType::Boolean
        | DataType::Float32
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => false,
    }
}

/// Columns of SQLite in which numbers may stand for something else, or beside other numbers than the type says.
fn is_loose(field: &Field) -> bool {
    match field.data_type {
        DataType::Boolean | DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => true,
        DataType::Float64 => !sql::is_real(field.native_type.as_deref().unwrap_or_default()),
        DataType::Decimal { .. }
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Text
        | DataType::Binary
        | DataType::Json
        | DataType::Uuid => false,
    }
}
