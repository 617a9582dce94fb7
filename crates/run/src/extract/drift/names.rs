//! Which column of the source is which known column: by the same name, or one that differs only in how it is written.

use windvane_agents::mapper::{self, Mapping};
use windvane_core::schema::name_match::normalized;
use windvane_core::schema::{Field, Schema};

/// The known columns and what each is called now, and the columns that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Matched<'a> {
    /// Known column, and the column of the source; nothing when it is gone.
    pub pairs: Vec<(&'a Field, Option<&'a Field>)>,
    pub added: Vec<&'a Field>,
}

impl<'a> Matched<'a> {
    /// Known columns that the source has no more.
    pub(super) fn gone(&self) -> Vec<&'a Field> {
        self.pairs.iter().filter(|(_, here)| here.is_none()).map(|(field, _)| *field).collect()
    }
}

/// The same names first; then those that differ in nothing but their writing, where only one is meant.
pub(super) fn matched<'a>(known: &'a Schema, now: &'a Schema) -> Matched<'a> {
    let free = |field: &&Field| known.field(&field.name).is_none();
    let alike = |name: &str| {
        let wanted = normalized(name);
        let mut same =
            now.fields.iter().filter(free).filter(|field| !wanted.is_empty() && normalized(&field.name) == wanted);
        let mut asking =
            known.fields.iter().filter(|field| now.field(&field.name).is_none() && normalized(&field.name) == wanted);
        match (same.next(), same.next(), asking.next(), asking.next()) {
            (Some(one), None, Some(_), None) => Some(one),
            _ => None,
        }
    };
    let pair = |field: &'a Field| (field, now.field(&field.name).or_else(|| alike(&field.name)));
    let pairs: Vec<_> = known.fields.iter().map(pair).collect();
    let taken = |field: &&Field| pairs.iter().any(|(_, found)| found.is_some_and(|found| found.name == field.name));
    Matched { added: now.fields.iter().filter(|field| !taken(field)).collect(), pairs }
}

/// Which new column is likely which lost one under another name. Only a person can know.
pub(super) fn renamed(gone: &[&Field], added: &[&Field]) -> Vec<Mapping> {
    let schema = |fields: &[&Field]| Schema::new(fields.iter().map(|field| (*field).clone()).collect());
    let (source, target) = (schema(added), schema(gone));
    let question = mapper::Question { source: &source, target: &target, source_profile: None, target_profile: None };
    mapper::rules(question).value.mappings
}
