//! What holds between the columns of the profiled rows, by their names.

use super::figures::{CandidateKey, Dependency, Profile};
use crate::dependencies::{self, KeyColumn, RankedKey, Table, words};
use std::collections::BTreeSet;
use windvane_core::schema::DataType;

/// Candidate keys that a profile shows.
const KEYS: usize = 20;
/// Dependencies that a profile shows.
const DEPENDENCIES: usize = 10_000;

/// The keys of a dataset whose rows were all held: the likeliest first, what is `declared` before all.
pub(crate) fn candidates(
    dataset: &str,
    columns: &[(&str, DataType)],
    table: &Table,
    declared: &[String],
    known: Option<&BTreeSet<String>>,
) -> Vec<CandidateKey> {
    // A key has no nulls.
    let among: Vec<usize> = (0..columns.len()).filter(|&at| !table.nulls[at]).collect();
    let found = if table.rows > 1 {
        dependencies::search(table, &among, false).unique
    } else {
        among.iter().filter(|_| table.rows == 1).map(|&at| vec![at]).collect()
    };
    ranked(dataset, columns, &found, declared, known)
}

/// Orders unique combinations, with what is `declared` before all.
pub(crate) fn ranked(
    dataset: &str,
    columns: &[(&str, DataType)],
    unique: &[Vec<usize>],
    declared: &[String],
    known: Option<&BTreeSet<String>>,
) -> Vec<CandidateKey> {
    let own: BTreeSet<String>;
    let known = if let Some(known) = known {
        known
    } else {
        own = [dataset].into_iter().chain(columns.iter().map(|column| column.0)).flat_map(words::vocabulary).collect();
        &own
    };
    told(columns, dependencies::rank(bare(dataset), &key_columns(columns), unique, known), declared)
}

/// The keys that names promise.
pub(crate) fn promised(
    dataset: &str,
    columns: &[(&str, DataType)],
    declared: &[String],
    known: &BTreeSet<String>,
) -> Vec<CandidateKey> {
    told(columns, dependencies::promised(bare(dataset), &key_columns(columns), known), declared)
}

/// A schema's or a source's name in front says nothing of what the rows are.
pub(crate) fn bare(dataset: &str) -> &str {
    dataset.rsplit('.').next().unwrap_or(dataset)
}

fn key_columns(columns: &[(&str, DataType)]) -> Vec<KeyColumn> {
    columns.iter().map(|&(name, data_type)| KeyColumn { name: name.to_owned(), data_type }).collect()
}

fn told(columns: &[(&str, DataType)], keys: Vec<RankedKey>, declared: &[String]) -> Vec<CandidateKey> {
    let mut keys: Vec<CandidateKey> = keys
        .into_iter()
        .map(|key| CandidateKey {
            columns: key.columns.iter().map(|&at| columns[at].0.to_owned()).collect(),
            confidence: key.confidence,
            declared: false,
            minimal: key.minimal,
        })
        .collect();
    if !declared.is_empty() {
        let set = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
        let at = keys.iter().position(|key| set(&key.columns) == set(declared));
        let minimal = at.is_none_or(|at| keys.remove(at).minimal);
        keys.insert(0, CandidateKey { columns: declared.to_vec(), confidence: 1.0, declared: true, minimal });
    }
    keys.truncate(KEYS);
    keys
}

impl Profile {
    /// Fills in what depends on what; `all` tells whether the held rows are all there are.
    pub(super) fn relate(&mut self, table: &Table, all: bool) {
        let among: Vec<usize> = (0..self.columns.len()).collect();
        let found = dependencies::search(table, &among, true);
        let names = |set: &[usize]| set.iter().map(|&at| self.columns[at].name.clone()).collect::<Vec<_>>();
        self.unique = found.unique.iter().map(|set| names(set)).collect();
        let shown = found.functional.iter().take(DEPENDENCIES);
        self.dependencies = shown
            .map(|(set, of)| Dependency { columns: names(set), determines: self.columns[*of].name.clone() })
            .collect();
        let why = if !table.complete || !all {
            Some(format!("of the first {} rows: others may contradict, and more may hold", table.rows))
        } else if !found.finished {
            Some("the search was given up at its limit: these hold in all rows, and there may be more".to_owned())
        } else if found.functional.len() > DEPENDENCIES {
            Some(format!("the first {DEPENDENCIES} of {}", found.functional.len()))
        } else {
            None
        };
        self.dependencies_exact = why.is_none();
        self.dependencies_limit = why;
    }
}
