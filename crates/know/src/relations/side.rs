//! The datasets that may refer to each other, as far as it matters for that.

use crate::dependencies::words::{vocabulary, words};
use crate::dependencies::{Held, Table};
use crate::profile::{CandidateKey, bare};
use std::collections::BTreeSet;
use windvane_core::schema::{DataType, Schema};

/// A dataset while its relations are looked for.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Option<u64>,
    pub(super) exact: bool,
    pub(super) keys: Vec<CandidateKey>,
    /// The rows as numbers, where all are held: for keys of several columns.
    pub(super) table: Option<Table>,
}

pub(super) struct Column {
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) data_type: DataType,
    /// Absent where no data was read.
    pub(super) values: Option<Held>,
}

/// All words that names of datasets and columns are written with.
pub(super) fn known<'a>(datasets: impl Iterator<Item = (&'a str, &'a Schema)>) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (name, schema) in datasets {
        known.extend(vocabulary(name));
        known.extend(schema.fields.iter().flat_map(|field| vocabulary(&field.name)));
    }
    known
}

impl Side {
    pub(super) fn new(name: &str, schema: &Schema, known: &BTreeSet<String>) -> Self {
        let column = |field: &windvane_core::schema::Field| Column {
            name: field.name.clone(),
            words: words(&field.name, known),
            data_type: field.data_type,
            values: None,
        };
        Self {
            name: name.to_owned(),
            words: words(bare(name), known),
            columns: schema.fields.iter().map(column).collect(),
            rows: None,
            exact: true,
            keys: Vec::new(),
            table: None,
        }
    }

    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// The columns that alone are a key, each with its place among the candidates.
    pub(super) fn single_keys(&self) -> impl Iterator<Item = (usize, usize)> {
        let single = |(rank, key): (usize, &CandidateKey)| match key.columns.as_slice() {
            [column] => self.position(column).map(|at| (at, rank)),
            _ => None,
        };
        self.keys.iter().enumerate().filter_map(single)
    }
}
