//! The foreign keys between the tables of the source that the tables of the target take over when they are asked to.
//!
//! A key is taken when both of its sides are loaded as they are and what it refers to is a key at the target, too. What it
//! refers to and the pipeline does not load is looked for under its own name, by the load.

use super::case::words;
use super::inputs::PlanInputs;
use super::output::plain;
use crate::Output;
use std::collections::BTreeMap;
use windvane_connect::ForeignKey;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::{Declared, Reference};
use windvane_core::schema::sql::Dialect;
use windvane_core::spec::keep::Keeps;
use windvane_core::spec::target::Mode;
use windvane_engine::step::{Lineage, lineage};
use windvane_know::discover::Dataset;

/// An output, and where its columns come from.
struct Side<'a> {
    output: &'a Output,
    lineage: Lineage,
}

impl Side<'_> {
    /// The names at the target, of columns that are loaded as they are.
    fn names(&self, columns: &[String]) -> Result<Vec<String>, String> {
        let one = |column: &String| {
            let mut pairs = self.lineage.columns.iter().zip(&self.output.schema.fields);
            let found =
                pairs.find(|(origin, _)| origin.as_ref().is_some_and(|origin| origin.column == *column && origin.same));
            let lost = || format!("'{column}' is not loaded as it is into '{}'", self.output.dataset);
            found.map(|(_, field)| field.name.clone()).ok_or_else(lost)
        };
        columns.iter().map(one).collect()
    }

    /// Whether no two rows have the same values there.
    fn is_key(&self, columns: &[String]) -> bool {
        let same = |key: &[String]| key.len() == columns.len() && columns.iter().all(|column| key.contains(column));
        let declared = self.output.declared.as_ref();
        let indexed = declared.into_iter().flat_map(|declared| &declared.indexes).any(|index| {
            let parts: Option<Vec<String>> = index.parts.iter().map(|part| part.column.clone()).collect();
            index.unique && index.rest.is_none() && parts.is_some_and(|parts| same(&parts))
        });
        match self.output.mode {
            Mode::Replace => indexed || declared.is_some_and(|declared| same(&declared.primary_key)),
            Mode::Merge => indexed || same(&self.output.key),
            Mode::Append | Mode::History => false,
        }
    }
}

pub(super) fn find(given: PlanInputs<'_>, schemas: &BTreeMap<&str, &Schema>, outputs: &mut [Output]) -> Result<()> {
    let Some(words) = words(&given.spec.target) else { return Ok(()) };
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let mut sides = Vec::with_capacity(outputs.len());
    for output in outputs.iter() {
        let input = lookup(&output.from).unwrap_or_default();
        sides.push(Side { output, lineage: lineage(&plain(&output.steps), &input, &lookup)? });
    }
    let mut all = Vec::with_capacity(sides.len());
    for side in &sides {
        let own = given.spec.datasets.get(&side.output.name).map(|settings| settings.keep).unwrap_or_default();
        let keep = own.or(given.spec.keep);
        let (mut references, mut left_out) = (Vec::new(), Vec::new());
        let dataset = given.catalog.dataset(&side.output.from);
        for (dataset, key) in
            dataset.into_iter().flat_map(|found| found.found.foreign_keys.iter().map(move |key| (found, key)))
        {
            if keep.foreign_keys == Some(false) {
                continue;
            }
            let place = format!("the foreign key ({}) to '{}'", key.columns.join(", "), key.ref_dataset);
            match take(given, (words, keep), (dataset, key), side, &sides) {
                Ok(reference) => references.push(reference),
                Err(why) => left_out.push(format!("{place}: {why}")),
            }
        }
        all.push((references, left_out));
    }
    for (output, (references, left_out)) in outputs.iter_mut().zip(all) {
        if references.is_empty() && left_out.is_empty() {
            continue;
        }
        let declared = output.declared.get_or_insert_with(|| Declared::nothing(words));
        declared.references = references;
        declared.left_out.extend(left_out);
    }
    Ok(())
}

/// The key by the names of the target, or why it has none.
fn take(
    given: PlanInputs<'_>,
    (words, keep): (Dialect, Keeps),
    (dataset, key): (&Dataset, &ForeignKey),
    side: &Side<'_>,
    sides: &[Side<'_>],
) -> Result<Reference, String> {
    let postgres = |words| words == Dialect::Postgres;
    if !postgres(words) || !dataset.found.declared.as_ref().is_some_and(|declared| postgres(declared.words)) {
        return Err("foreign keys are taken over from PostgreSQL to PostgreSQL only".to_owned());
    }
    if keep.foreign_keys != Some(true) {
        return Err("it comes with `keep: {foreign_keys: true}`".to_owned());
    }
    if let Some(why) = &key.bound {
        return Err(why.clone());
    }
    if side.output.mode == Mode::History {
        return Err("versions of a history may refer to rows that are gone".to_owned());
    }
    let columns = side.names(&key.columns)?;
    let several = format!("{}.{}", dataset.source, key.ref_dataset);
    let named =
        if dataset.name.starts_with(&format!("{}.", dataset.source)) && given.catalog.dataset(&several).is_some() {
            &several
        } else {
            &key.ref_dataset
        };
    let parents: Vec<&Side<'_>> = sides.iter().filter(|parent| parent.output.from == *named).collect();
    let (table, ref_columns) = match parents.as_slice() {
        [] => (named.clone(), key.ref_columns.clone()),
        [parent] => {
            let (table, mode) = (&parent.output.dataset, parent.output.mode);
            if matches!(mode, Mode::Append | Mode::History) {
                return Err(format!("rows of '{table}' may have a key several times (`mode: {}`)", mode.word()));
            }
            let names = parent.names(&key.ref_columns)?;
            if !parent.is_key(&names) {
                return Err(format!("({}) is no key of '{table}' at the target", names.join(", ")));
            }
            (table.clone(), names)
        }
        _ => return Err(format!("several tables are loaded of '{named}'")),
    };
    let name = key.name.clone().unwrap_or_else(|| format!("{}_{}_fkey", side.output.dataset, columns.join("_")));
    Ok(Reference { name, columns, table, ref_columns, rest: key.rest.clone() })
}
