//! Columns between two servers of one kind that nothing looks into: where some of their values have no word here (an
//! infinity, `0000-00-00`, 24:00, NaN), they travel as the server's own text into a column of the server's own type.

use super::output::plain;
use super::{Input, Output, Plan, case};
use std::collections::{BTreeMap, BTreeSet};
use windvane_connect::compatibility::Compatibility;
use windvane_core::schema::declared::Declared;
use windvane_core::schema::sql::Dialect;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::Target;
use windvane_engine::expression::inspect::{Standing, inspect};
use windvane_engine::step;
use windvane_know::discover::Catalog;

/// Reads these columns as text.
pub(super) fn read(carried: &BTreeMap<String, BTreeSet<String>>, inputs: &mut [Input]) {
    for input in inputs {
        let Some(names) = carried.get(&input.name) else { continue };
        for field in input.schema.fields.iter_mut().filter(|field| names.contains(&field.name)) {
            field.data_type = DataType::Text;
        }
    }
}

/// The columns of each input that could travel so, by what all outputs do with them.
pub fn candidates(
    plan: &Plan,
    catalog: &Catalog,
    target: &Target,
    fitted: &BTreeMap<String, Compatibility>,
) -> BTreeMap<String, Schema> {
    let mut all = BTreeMap::new();
    let Some(words) = case::words(target).filter(|words| *words != Dialect::Sqlite) else { return all };
    for input in &plan.inputs {
        let found = catalog.dataset(&input.name).and_then(|dataset| dataset.found.declared.as_ref());
        let Some(found) = found.filter(|found| found.words == words) else { continue };
        if plan.outputs.iter().any(|output| output.reads.contains(&input.name)) {
            continue;
        }
        let mut open: Vec<Field> =
            input.schema.fields.iter().filter(|field| narrow(field.data_type, words)).cloned().collect();
        for output in plan.outputs.iter().filter(|output| output.from == input.name) {
            let passed = passed(plan, output, input, found, fitted.get(&output.name));
            open.retain(|field| passed.contains(&field.name));
        }
        if !open.is_empty() {
            all.insert(input.name.clone(), Schema::new(open));
        }
    }
    all
}

/// Types that do not hold all that the server's do.
fn narrow(data_type: DataType, words: Dialect) -> bool {
    match data_type {
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => true,
        DataType::Decimal { .. } => words == Dialect::Postgres,
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Json
        | DataType::Uuid => false,
    }
}

/// The columns of the input that the output loads as they are, and that neither steps nor checks nor the load look into.
fn passed(
    plan: &Plan,
    output: &Output,
    input: &Input,
    found: &Declared,
    compatibility: Option<&Compatibility>,
) -> BTreeSet<String> {
    let steps = plain(&output.steps);
    let lookup = |name: &str| plan.input(name).map(|input| input.schema.clone());
    let Ok(lineage) = step::lineage(&steps, &input.schema, &lookup) else { return BTreeSet::new() };
    let mut passed = BTreeMap::new();
    for (field, origin) in output.schema.fields.iter().zip(&lineage.columns) {
        let Some(origin) = origin.as_ref().filter(|origin| origin.same) else { continue };
        let native = found.column(&origin.column).and_then(|known| known.native.as_deref());
        // A table that is there must have the type of the source's.
        let there = compatibility.filter(|compatibility| compatibility.exists);
        let alike = there.is_none_or(|compatibility| {
            compatibility.declared.get(&field.name).is_none_or(|declared| native == Some(declared.as_str()))
        });
        let by_key = output.mode.by_key() && output.key.contains(&field.name);
        let in_parts = output.partitions > 1 && input.primary_key.contains(&origin.column);
        let newest = output.incremental.as_ref().is_some_and(|incremental| incremental.column == origin.column);
        let judged = output.checks.iter().any(|planned| judges(&planned.check, &field.name));
        if native.is_some() && alike && !by_key && !in_parts && !newest && !judged {
            passed.insert(field.name.clone(), origin.column.clone());
        }
    }
    // What is still needed when they are dropped at the end is read by a step.
    let mut without = steps;
    if passed.len() == output.schema.fields.len() {
        without.push(Step::Derive(BTreeMap::from([("_windvane_any".to_owned(), "1".to_owned())])));
    }
    without.push(Step::Drop(passed.keys().cloned().collect()));
    let Ok(needed) = step::needed(&without, &input.schema, &lookup) else { return BTreeSet::new() };
    passed.into_values().filter(|column| needed.input.field(column).is_none()).collect()
}

/// Whether a check looks into a column's values.
fn judges(check: &Check, column: &str) -> bool {
    // An expression finds a column that differs in case alone.
    let is = |name: &String| name.to_lowercase() == column.to_lowercase();
    match check {
        Check::NotNull(_) | Check::Unique(_) | Check::Rows(_) => false,
        Check::Accepted(check) => is(&check.column),
        Check::Range(check) => is(&check.column),
        Check::Matches(check) => is(&check.column),
        Check::References(check) => is(&check.column),
        Check::Expression(text) => inspect(text, Standing::Row).is_ok_and(|names| names.iter().any(is)),
    }
}
