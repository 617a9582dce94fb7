//! The datasets of the sources as they would be read today, and what is said where one is not there.

use crate::document::Input;
use std::collections::BTreeMap;
use windvane_core::error::Error;
use windvane_know::discover::{Catalog, Dataset};
use windvane_know::profile::Profile;

/// A dataset as it would be read today.
pub fn input(dataset: &Dataset, profiles: &BTreeMap<String, Profile>) -> Input {
    let found = &dataset.found;
    let mut schema = found.fields.clone();
    // Text has no types of its own: the profile has read more of it than discovery.
    if let Some(profile) = profiles.get(&dataset.name).filter(|_| found.kind.is_text()) {
        for field in &mut schema.fields {
            let Some(column) = profile.columns.iter().find(|column| column.name == field.name) else { continue };
            field.data_type = column.data_type;
            field.nullable = column.nulls > 0;
        }
    }
    let rows = input_rows(dataset, profiles);
    Input {
        name: dataset.name.clone(),
        source: dataset.source.clone(),
        locator: found.locator.clone(),
        kind: found.kind,
        format: found.format.clone(),
        schema,
        fingerprint: found.shape().fingerprint(),
        rows,
        primary_key: found.primary_key.clone(),
        partial: found.partial.keys().cloned().collect(),
    }
}

pub(super) fn input_rows(dataset: &Dataset, profiles: &BTreeMap<String, Profile>) -> Option<u64> {
    let counted = profiles.get(&dataset.name).filter(|profile| profile.exact).map(|profile| profile.rows);
    counted.or(dataset.found.rows)
}

/// Nothing can be planned of nothing.
pub fn no_columns(name: &str, catalog: &Catalog) -> Error {
    let found = catalog.dataset(name).map(|dataset| &dataset.found);
    let empty = found.is_some_and(|found| found.bytes.is_some_and(|bytes| bytes < 4) || found.rows == Some(0));
    let message = if empty { "it is empty: there are no columns and no rows" } else { "it has no columns" };
    let error = Error::data(message).in_table(name);
    let error = match found {
        Some(found) => error.in_file(&found.locator),
        None => error,
    };
    error.hint("Look at what the source delivers. A table without rows still has a header")
}

pub fn unknown_dataset(name: &str, catalog: &Catalog) -> Error {
    let known: Vec<&str> = catalog.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let hint = match nearest.filter(|near| strsim::jaro_winkler(near, name) > 0.8) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => format!("The sources have: {}", known.join(", ")),
    };
    Error::missing(format!("there is no dataset '{name}' at the sources")).hint(hint)
}
