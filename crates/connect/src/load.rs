//! What to load.

use crate::error_budget::ErrorBudget;
use crate::expectation::Expectation;
use crate::foreign_key::ManagedForeignKey;
use crate::load_marker::LoadMarker;
use crate::rerun::{Facts, NewestLoad, Remembered};
use windvane_core::error::{Error, Result};
use windvane_core::schema::declared::Declared;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::{Absent, Compression, Mode, OnDuplicate, Verify};

/// Up to so many rows, [`Verify::Auto`] reads back what it loaded.
pub const CONTENT_ROWS: u64 = 1_000_000;

#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// Table or folder name at the target.
    pub dataset: String,
    pub schema: Schema,
    pub mode: Mode,
    /// What identifies a row: not empty for `merge` and `history`.
    pub key: Vec<String>,
    /// What the table takes over from the source's, where it is made now.
    pub declared: Option<Declared>,
    /// Foreign keys of the table and to it.
    pub foreign_keys: Vec<ManagedForeignKey>,
    /// Columns that a table lacks that is there may be added to it.
    pub adds: bool,
    pub absent: Absent,
    pub duplicates: Duplicates,
    /// Identifies the load: (pipeline, output, run, partition) hashed. Letters and digits.
    pub load_id: String,
    /// What must be found at the target before the load becomes visible.
    pub expected: Expectation,
    pub verify: Verify,
    /// What happens to rows that the target itself refuses (a constraint).
    pub refused: RowPolicy,
    /// How many of them go to quarantine before the load fails.
    pub error_budget: ErrorBudget,
    /// What the ledger keeps of the load beside its receipt.
    pub facts: Facts,
    /// How an append's rows are told from those of other loads, where they can be.
    pub marker: Option<LoadMarker>,
    /// What the store remembers.
    pub remembered: Remembered,
    /// Of an append that was done by an earlier attempt: its rows go, these come.
    pub swap: bool,
    /// Files in a folder that somebody else has written may be replaced.
    pub adopt: bool,
    /// Of a load that takes rows away: what was there when it was judged.
    pub seen: Option<NewestLoad>,
    /// Columns of the target whose type does not hold ours get a type that holds both.
    pub widen: bool,
    /// Of files.
    pub compression: Option<Compression>,
    /// Of files: the columns whose values become folders.
    pub partition_by: Vec<String>,
}

/// What a load by key does with a key that its rows have twice.
#[derive(Debug, Clone, Default)]
pub struct Duplicates {
    pub choice: OnDuplicate,
    /// The column that says which row is later (a null is before all values); without one, and of equal values, it is
    /// the order of the rows.
    pub column: Option<String>,
}

impl LoadRequest {
    /// All rows become the whole of a dataset, and nothing else is asked.
    pub fn whole(dataset: &str, schema: Schema, load_id: &str) -> Self {
        Self {
            dataset: dataset.to_owned(),
            schema,
            mode: Mode::Replace,
            key: Vec::new(),
            declared: None,
            foreign_keys: Vec::new(),
            adds: true,
            absent: Absent::default(),
            duplicates: Duplicates::default(),
            load_id: load_id.to_owned(),
            expected: Expectation::Nobody,
            verify: Verify::default(),
            refused: RowPolicy::default(),
            error_budget: ErrorBudget::of(u64::MAX),
            facts: Facts::default(),
            marker: None,
            remembered: Remembered::default(),
            swap: false,
            adopt: false,
            seen: None,
            widen: false,
            compression: None,
            partition_by: Vec::new(),
        }
    }

    /// Whether the rows are read back and compared, now that so many were sent.
    pub fn reads_back(&self, rows: u64) -> bool {
        match self.verify {
            Verify::Content => true,
            Verify::Rows => false,
            Verify::Auto => rows <= CONTENT_ROWS,
        }
    }

    /// So many rows this load has appended, as the store remembers it: what counts where the ledger says nothing of it.
    pub fn appended(&self) -> Option<u64> {
        self.remembered.rows.filter(|rows| *rows > 0 && self.mode == Mode::Append)
    }

    /// Whether rows of another load may be the same ones.
    pub fn adds_interval(&self) -> bool {
        self.mode == Mode::Append && self.facts.window.as_ref().is_some_and(|window| window.interval)
    }

    /// Whether it matters what the ledger holds although it does not know this load.
    pub fn is_looked_at(&self) -> bool {
        self.appended().is_some() || self.adds_interval() || self.seen.is_some() || self.facts.replays.is_some()
    }
}

impl LoadRequest {
    /// The column that takes the load's id, where there is one.
    pub fn marks(&self) -> Option<&str> {
        match &self.marker {
            Some(LoadMarker::Column(column)) => Some(column),
            Some(LoadMarker::Window { .. }) | None => None,
        }
    }

    /// The same as a field of the table.
    pub fn marked(&self) -> Option<Field> {
        self.marks().map(|column| Field::new(column, DataType::Text))
    }

    /// The load's id as SQL: letters and digits.
    pub fn mark_sql(&self) -> String {
        format!("'{}'", self.load_id.replace('\'', ""))
    }

    /// What follows the column in a condition that chooses the rows of this load and of these.
    pub fn marked_sql(&self, also: &[String]) -> String {
        let own = self.mark_sql();
        let also = also.iter().map(|id| format!("'{}'", id.replace('\'', "")));
        format!("IN ({})", std::iter::once(own).chain(also).collect::<Vec<_>>().join(", "))
    }

    /// The rows may not bring the column that is ours.
    pub fn check_mark(&self) -> Result<()> {
        let own = self.marks().and_then(|mark| self.schema.names().find(|name| name.eq_ignore_ascii_case(mark)));
        own.map_or(Ok(()), |own| Err(taken_name(own)))
    }
}

/// A column of the data that has the name which holds the id of a row's load.
pub fn taken_name(column: &str) -> Error {
    Error::spec(format!("the rows have a column '{column}', which `load_id` keeps for the id of the load"))
        .at_path(column)
        .hint("Rename the column in a step, or choose another name: `load_id: NAME`")
}
