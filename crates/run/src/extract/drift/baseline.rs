//! A plan without a plan file: what the last run that was well has read is what this one is compared with.
//!
//! The columns, types, formats and spellings of then are put into the catalog that the new plan is made of; whatever the
//! source does not have any more is found when it is read, dataset by dataset, as with a plan file.

use super::compare::added;
use super::{inferred_types, names};
use std::collections::BTreeMap;
use windvane_connectors::Found;
use windvane_core::guard::Notes;
use windvane_core::schema::diff::{Change, diff};
use windvane_core::schema::widen::{holds, widened};
use windvane_core::schema::{DataType, Field, Schema, epoch};
use windvane_core::spec::Spec;
use windvane_core::spec::drift::{Drift, Policy};
use windvane_know::discover::{Catalog, Dataset};
use windvane_know::profile::Profile;
use windvane_plan::Input;

/// The catalog as the last run knew it, with what may be added to it now.
pub fn recall(
    spec: &Spec,
    last: &BTreeMap<String, Input>,
    catalog: &mut Catalog,
    profiles: &mut BTreeMap<String, Profile>,
    notes: &Notes,
) {
    for dataset in &mut catalog.datasets {
        let known = last.get(&dataset.name).filter(|input| input.kind == dataset.found.kind);
        if let Some(known) = known {
            let known = &Input { schema: declared(&known.schema, &dataset.found), ..known.clone() };
            one(policy(spec, &dataset.name), known, dataset, profiles);
            // What flows on is known from now on, and said once.
            for change in diff(&known.schema, &dataset.found.fields) {
                match change {
                    Change::Added(_) | Change::TypeChanged { .. } | Change::ShapeChanged { .. } => {
                        notes.add(&dataset.name, &change.in_words());
                    }
                    Change::Removed(_) | Change::NullabilityChanged { .. } => {}
                }
            }
        }
    }
}

/// What an input becomes at the target today, and what was loaded there last.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The input.
    pub from: String,
    pub made: Schema,
    pub loaded: Schema,
}

/// The inputs as the target remembers them: the columns that go through the steps as they are, and those that nothing
/// explains any more.
pub fn from_target(mut inputs: BTreeMap<String, Input>, all: &[Loaded]) -> BTreeMap<String, Input> {
    for input in inputs.values_mut() {
        let mut known = Schema::default();
        let mut fresh: Vec<&str> = Vec::new();
        for Loaded { made, loaded, .. } in all.iter().filter(|one| one.from == input.name) {
            let matched = names::matched(loaded, made);
            for (field, made) in &matched.pairs {
                let passes = made.is_some_and(|made| input.schema.field(&made.name).is_some());
                let gone = made.is_none() && input.schema.field(&field.name).is_none();
                if (passes || gone) && known.field(&field.name).is_none() {
                    // What today's steps make of today's column is no change of it.
                    let same = made.is_some_and(|made| made.data_type == field.data_type);
                    let today = input.schema.field(&field.name).filter(|_| same);
                    known.fields.push(today.unwrap_or(field).clone());
                }
            }
            fresh.extend(matched.added.iter().map(|field| field.name.as_str()));
        }
        if known.fields.is_empty() {
            continue;
        }
        // That a file lacked a column of the target's before, nobody remembers: the reading stops at it.
        input.partial.retain(|column| known.field(column).is_none());
        // What the steps take away or rename on its way is nothing new.
        let matched = names::matched(&known, &input.schema);
        let others = matched.added.iter().filter(|field| !fresh.contains(&field.name.as_str()));
        let others: Vec<Field> = others.map(|field| (*field).clone()).collect();
        known.fields.extend(others);
        // Names that are more than places came from a header.
        let places = known.fields.iter().zip(1..).all(|(field, at)| field.name == format!("column_{at}"));
        if let Some(format) = input.format.as_mut().filter(|_| !places) {
            format.header_rows = 1;
        }
        input.schema = known;
    }
    inputs
}

/// The known columns; those that were read as the server's own text have their type again, and the plan decides anew.
fn declared(known: &Schema, found: &Found) -> Schema {
    let mut known = known.clone();
    for field in known.fields.iter_mut().filter(|field| field.data_type == DataType::Text && !found.kind.is_text()) {
        let alike = |here: &&Field| epoch::declared(here) == epoch::declared(field);
        let here = found.fields.field(&field.name).filter(alike);
        if let Some(here) = here.filter(|here| here.native_type.is_some()) {
            field.data_type = here.data_type;
        }
    }
    known
}

/// That of the dataset; of one that several outputs start from, the pipeline's.
fn policy(spec: &Spec, name: &str) -> Drift {
    let own = spec.datasets.iter().filter(|(output, settings)| settings.from.as_ref().unwrap_or(output) == name);
    let mut said = own.filter_map(|(_, settings)| settings.drift);
    said.next().filter(|_| said.next().is_none()).unwrap_or(spec.drift)
}

fn one(policy: Drift, known: &Input, dataset: &mut Dataset, profiles: &mut BTreeMap<String, Profile>) {
    let found = dataset.found.clone();
    let matched = names::matched(&known.schema, &found.fields);
    let mut profile = profiles.get_mut(&dataset.name);
    let types: Vec<(DataType, DataType)> = matched
        .pairs
        .iter()
        .filter_map(|(field, here)| {
            let here = (*here)?;
            let mut columns = profile.iter().filter(|_| found.kind.is_text()).flat_map(|profile| &profile.columns);
            let column = columns.find(|column| column.name == here.name);
            Some((field.data_type, column.map_or(here.data_type, |column| column.data_type)))
        })
        .collect();
    let mut fields = Vec::new();
    for (field, here) in &matched.pairs {
        let Some(here) = here else {
            fields.push((*field).clone());
            continue;
        };
        let column =
            profile.as_mut().and_then(|profile| profile.columns.iter_mut().find(|column| column.name == here.name));
        let (mut now, mut silent) = (here.data_type, here.is_void());
        if let Some(column) = &column {
            // Only nulls say nothing of a type.
            silent = found.kind.is_text() && column.distinct == 0;
            if found.kind.is_text() {
                now = column.data_type;
            }
        }
        let decimals = matches!((field.data_type, now), (DataType::Decimal { .. }, DataType::Decimal { .. }));
        let told = decimals && !found.kind.is_text() && field.native_type == here.native_type;
        let data_type = match inferred_types::joined(field.data_type, now, false).filter(|_| told) {
            Some(wider) if policy.types == Policy::Evolve => wider,
            Some(_) | None if found.kind.is_text() && exchanged((field.data_type, now), &types) => field.data_type,
            Some(_) | None => joined(policy, field.data_type, now, silent),
        };
        if let Some(column) = column {
            field.name.clone_into(&mut column.name);
            column.data_type = data_type;
        }
        fields.push(Field {
            name: field.name.clone(),
            data_type,
            // The source's own word for another type is none for this one.
            native_type: if data_type == here.data_type || epoch::declared(field) == epoch::declared(here) {
                epoch::kept(field, here)
            } else {
                field.native_type.clone().filter(|_| data_type == field.data_type)
            },
            // Another one is for the reading to judge.
            shape: field.shape.clone().or_else(|| here.shape.clone()),
            nullable: here.nullable || field.nullable,
            ..(*here).clone()
        });
    }
    // With a column gone, a new one may be the same under another name: then the reading judges both.
    let complete = matched.pairs.iter().all(|(_, here)| here.is_some());
    if complete && policy.columns == Policy::Evolve {
        for field in &matched.added {
            let measured = profile.as_ref().filter(|profile| profile.exact);
            let column = measured.and_then(|profile| profile.columns.iter().find(|column| column.name == field.name));
            let fresh = column.filter(|_| found.kind.is_text()).map(|column| column.data_type);
            let field = added(field, &found);
            fields.push(Field { data_type: fresh.unwrap_or(field.data_type), ..field });
        }
    }
    dataset.found.fields = Schema::new(fields);
    dataset.found.format.clone_from(&known.format);
    // That a known column is gone from a file is for the reading to judge; one that only newer files have is null in the others.
    let fresh = |column: &String| matched.added.iter().any(|field| field.name == *column);
    dataset.found.partial.retain(|column, _| known.partial.contains(column) || fresh(column));
    dataset.found.primary_key.clone_from(if known.primary_key.is_empty() {
        &found.primary_key
    } else {
        &known.primary_key
    });
}

/// Whether a column has a type that is another one's, which has this one's: the values tell whether names were exchanged, and
/// the reading looks at them.
fn exchanged((before, now): (DataType, DataType), all: &[(DataType, DataType)]) -> bool {
    let theirs =
        |(theirs, here): &(DataType, DataType)| *theirs != before && holds(*theirs, now) && holds(before, *here);
    !holds(before, now) && all.iter().any(theirs)
}

/// What the column is read as now.
fn joined(policy: Drift, before: DataType, now: DataType, silent: bool) -> DataType {
    if silent || before == DataType::Text || holds(before, now) || policy.types != Policy::Evolve {
        return before;
    }
    // Another kind of type is for the reading to judge.
    widened(before, now).unwrap_or(before)
}
