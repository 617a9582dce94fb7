//! What a source and a target promise, and what the kinds of them share.
//!
//! The doors themselves are in `windvane-connectors`, which opens every kind; `files`, `sql` and `http` are the kinds.
//!
//! Deliberately absent: retries and breakers (callers wrap calls in `resilience`), checks, SQL of the user's.
//!
//! Invariants: a read gives batches of exactly the asked schema and accounts for every row it met, as a value or as a
//! rejected row; a load is visible whole or not at all, and a second load with the same id changes nothing and returns
//! the first one's receipt; memory is bounded by a few batches.

pub mod account;
pub mod address;
pub mod again;
pub mod allowance;
pub mod beyond;
pub mod by_key;
pub mod column;
pub mod connector;
pub mod disk;
pub mod fits;
pub mod foreign;
pub mod gate;
pub mod gather;
pub mod guests;
pub mod held;
pub mod halving;
pub mod inside;
pub mod ledger;
pub mod objects;
pub mod naming;
pub mod narrow;
pub mod promise;
pub mod pushed;
pub mod read_back;
pub mod shelf;
pub mod shown;
pub mod tell;
pub mod threaded;
pub mod turns;
pub mod within;

use again::Facts;
use arrow::record_batch::RecordBatch;
pub use foreign::{ForeignKey, Link};
use futures::stream::BoxStream;
pub use promise::{Expected, Promise, Promised};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::{collections::BTreeMap, path::PathBuf};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::guard::{Allow, Notes};
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::declared::Declared;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::{Absent, Compression, Mode, OnDuplicate, Verify};

/// How many rows a batch holds at most.
pub const BATCH_ROWS: usize = 16_384;

/// What opening a connection needs from the caller (the URLs are never printed, see the `Debug` of [`Secrets`]).
#[derive(Debug, Clone, Default)]
pub struct Context {
    pub base: PathBuf,
    /// Empty: no restriction (a person at a shell). Otherwise every path must lie below one of these.
    pub roots: Vec<PathBuf>,
    /// The folder that a target's relative path means: `base`, when there is none.
    pub home: Option<PathBuf>,
    /// Folders in which no target may lie.
    pub read_only: Vec<PathBuf>,
    pub secrets: Secrets,
    pub progress: Progress,
    /// Turns at APIs that want no more than so many requests.
    pub gate: gate::Gate,
    /// What Python can give and take; nothing where there is no Python.
    pub guests: Option<Arc<dyn guests::Guests>>,
    /// What the run lets pass, and notes of what it has let pass.
    pub allow: Allow,
    /// What else people should know.
    pub notes: Notes,
    /// The plan file of the run and where a changed one may be proposed, the best place first.
    pub proposals: Vec<PathBuf>,
    /// Whether looks at a source are at all of its rows, not at a sample; and what such looks have found in this run.
    pub thorough: bool,
    pub looked: shown::Looked,
    /// Where files are shared with other machines, if that is an object store.
    pub shelf: Option<Arc<shelf::Shelf>>,
}

/// Connection id to URL.
#[derive(Clone, Default)]
pub struct Secrets(pub BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Context {
    /// The URL of a named connection.
    pub fn url(&self, id: &str) -> Result<&str> {
        self.secrets.0.get(id).map(String::as_str).ok_or_else(|| {
            Error::missing(format!("connection '{id}' is not defined")).hint(format!(
                "Create it in Airflow, or set AIRFLOW_CONN_{} or WINDVANE_CONN_{0} in the environment",
                id.to_uppercase()
            ))
        })
    }
}

/// A dataset as its home describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// What `read` takes: `schema.table`, or a path or glob relative to the base folder.
    pub locator: String,
    pub kind: FoundKind,
    pub rows: Option<u64>,
    pub rows_exact: bool,
    pub bytes: Option<u64>,
    pub fields: Schema,
    pub primary_key: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns that not every file of it has, and a file that lacks each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partial: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// Of a server's table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    Table,
    View,
    Csv,
    Jsonl,
    Parquet,
}

impl FoundKind {
    /// Whether its types are ours to infer: text declares none.
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl => true,
            Self::Table | Self::View | Self::Parquet => false,
        }
    }
}

impl Found {
    /// What drift is judged by: the columns, and their types where the source itself declares them.
    pub fn shape(&self) -> Schema {
        let mut shape = self.fields.clone();
        if self.kind.is_text() {
            for field in &mut shape.fields {
                (field.data_type, field.nullable) = (windvane_core::schema::DataType::Text, true);
            }
        }
        shape
    }
}

/// How a delimited text file is written, detected or given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextFormat {
    pub encoding: String,
    pub delimiter: String,
    #[serde(default)]
    pub quote: Option<String>,
    #[serde(default)]
    pub escape: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Lines that name the columns: 0 or 1.
    pub header_rows: u64,
    /// Texts that mean null, beside the empty one.
    #[serde(default)]
    pub nulls: Vec<String>,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    pub locator: String,
    pub kind: FoundKind,
    pub format: Option<TextFormat>,
    /// The wanted columns and types. What the source lacks is given as nulls (the caller has judged drift before).
    pub schema: Schema,
    pub limit: Option<u64>,
    /// Only rows inside all of these; others are as if they were not there.
    pub within: Vec<Within>,
    /// Only this part, as [`connector::Connector::split`] gave it.
    pub part: Option<Part>,
    /// Counts the lines of text that are no rows.
    pub skipped: Skipped,
    /// The columns that a look at the source has shown.
    pub shown: shown::Shown,
}

/// Lines of text that a reader passes over: empty ones and comments. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Skipped(Arc<AtomicU64>);

impl Skipped {
    pub fn add(&self, lines: u64) {
        self.0.fetch_add(lines, Ordering::Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl ReadRequest {
    /// The whole dataset.
    pub fn whole(locator: String, kind: FoundKind, format: Option<TextFormat>, schema: Schema) -> Self {
        let skipped = Skipped::default();
        let shown = shown::Shown::new(schema.names(), false);
        Self { locator, kind, format, schema, limit: None, within: Vec::new(), part: None, skipped, shown }
    }
}

/// A range of values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Within {
    pub column: String,
    pub data_type: DataType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Limit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Limit>,
    /// Whether rows without a value are inside too, and those with one that no type of ours holds.
    pub nulls: bool,
}

/// An end of a range: the value as the canonical text of its column's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub value: String,
    pub inclusive: bool,
}

/// A part of a dataset. The parts of one split hold every row once, however the dataset changes afterwards: the ends
/// are open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Heap pages of a table; the last part has no end.
    Pages { from: u64, to: Option<u64> },
    /// A range of a key.
    Keys(Within),
    /// A file of the dataset, by its path; of Parquet perhaps some row groups only.
    File { path: String, groups: Option<(u64, u64)> },
}

/// A batch of rows in the requested schema, and the rows that could not be given in it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: RecordBatch,
    /// The source row number (from 1; of a file its data rows, of a table the order of reading) of each row.
    pub numbers: Vec<u64>,
    pub rejected: Vec<Rejected>,
}

/// A row that cannot be loaded, with the reason: what quarantine holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The source row number, from 1.
    pub row: u64,
    pub column: Option<String>,
    /// One line, for people: `'31/02/2024' is not a date`.
    pub reason: String,
    /// The row: column to value as text, or the raw line under the key `_raw` when it has no columns.
    pub record: serde_json::Map<String, serde_json::Value>,
}

pub type BatchStream = BoxStream<'static, Result<Batch>>;
pub type RowStream = BoxStream<'static, Result<RecordBatch>>;

/// What to load.
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
    pub links: Vec<Link>,
    /// Columns that a table lacks that is there may be added to it.
    pub adds: bool,
    pub absent: Absent,
    pub duplicates: Duplicates,
    /// Identifies the load: (pipeline, output, run, partition) hashed. Letters and digits.
    pub load_id: String,
    /// What must be found at the target before the load becomes visible.
    pub expected: Promise,
    pub verify: Verify,
    /// What happens to rows that the target itself refuses (a constraint).
    pub refused: RowPolicy,
    /// How many of them go to quarantine before the load fails.
    pub allowance: allowance::Allowance,
    /// What the ledger keeps of the load beside its receipt.
    pub facts: Facts,
    /// How an append's rows are told from those of other loads, where they can be.
    pub tell: Option<tell::Tell>,
    /// What the store remembers.
    pub remembered: again::Remembered,
    /// Of an append that was done by an earlier attempt: its rows go, these come.
    pub swap: bool,
    /// Files in a folder that somebody else has written may be replaced.
    pub adopt: bool,
    /// Of a load that takes rows away: what was there when it was judged.
    pub seen: Option<again::owner::Seen>,
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
            links: Vec::new(),
            adds: true,
            absent: Absent::default(),
            duplicates: Duplicates::default(),
            load_id: load_id.to_owned(),
            expected: Promise::Nobody,
            verify: Verify::default(),
            refused: RowPolicy::default(),
            allowance: allowance::Allowance::of(u64::MAX),
            facts: Facts::default(),
            tell: None,
            remembered: again::Remembered::default(),
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
}

/// Up to so many rows, [`Verify::Auto`] reads back what it loaded.
pub const CONTENT_ROWS: u64 = 1_000_000;

/// The rows of a load. Rows at rest can be read a second time, when the first way to load them did not work; rows that
/// stream cannot.
pub struct Rows {
    open: Box<dyn FnMut() -> Result<RowStream> + Send>,
    again: Arc<AtomicBool>,
}

impl Rows {
    /// Rows that can be read again.
    pub fn at_rest(open: impl FnMut() -> Result<RowStream> + Send + 'static) -> Self {
        Self { open: Box::new(open), again: Arc::default() }
    }

    /// Rows that flow once.
    pub fn flowing(rows: RowStream) -> Self {
        let mut rows = Some(rows);
        let again = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&again);
        Self {
            again,
            open: Box::new(move || {
                rows.take().ok_or_else(|| {
                    asked.store(true, Ordering::Relaxed);
                    Error::new(Kind::Conflict, "the target refuses rows, and they cannot be read a second time")
                        .hint("Let the dataset rest between the stages: strategy: staged")
                })
            }),
        }
    }

    /// The same rows, each time through something that looks at them.
    pub fn through(mut self, look: impl Fn(RowStream) -> RowStream + Send + 'static) -> Self {
        Self { open: Box::new(move || Ok(look((self.open)()?))), again: self.again }
    }

    /// Becomes true when flowing rows were asked for a second time.
    pub fn asked_again(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.again)
    }

    pub fn open(&mut self) -> Result<RowStream> {
        (self.open)()
    }
}

/// What is at the target after a load, as read back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {
    pub load_id: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the rows as read back; nothing when they were only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// The same in the target's own words, where it writes values in forms of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
    /// Rows that the target refused, by their place in the stream (from 0). They are not in `rows`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRow>,
    /// What a merge or a history did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// True when an earlier attempt had done it: nothing was written now.
    pub already: bool,
    /// Then: what it was about.
    #[serde(skip)]
    pub earlier: Option<Box<Facts>>,
    /// What people should know of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A row that the target did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedRow {
    pub at: u64,
    pub column: Option<String>,
    pub reason: String,
    /// It is not wrong: another row with its key was taken. It counts as filtered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

/// Rows of the target that a load by key touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Loaded rows that were there already, value for value.
    pub unchanged: u64,
}

impl Loaded {
    /// How many of the rows that were not loaded gave way to others of their key.
    pub fn superseded(&self) -> u64 {
        self.refused.iter().filter(|row| row.superseded).count() as u64
    }
}
