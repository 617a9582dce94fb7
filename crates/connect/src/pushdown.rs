//! Loads whose steps the target does itself: raw rows go there, a query makes the rows of the load of them.
//!
//! The target asks back before anything becomes visible: a [`RowValidator`] sees every row that the query made and says which
//! may stay, and is given those that the target refused afterwards.

use crate::{Expected, Loaded, RefusedRow, Rows};
use arrow::array::{BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use serde_json::Value;
use windvane_core::error::Result;
use windvane_core::schema::Schema;

/// What to do at the target before the load.
pub struct PushdownRequest {
    /// The datasets that the query reads; the first one is that of the load.
    pub raw: Vec<Raw>,
    /// Gives a row's place (unique, in the order of the rows), the number of its source row, and its columns.
    pub query: String,
    /// Gives the number of rows that the steps added.
    pub added: Option<String>,
    pub probes: Vec<Probe>,
    pub validator: Box<dyn RowValidator>,
}

/// A dataset as it came from its source.
pub struct Raw {
    pub dataset: String,
    /// How the query calls it, as SQL.
    pub name: String,
    /// With every column that the query names.
    pub schema: Schema,
    pub rows: Rows,
}

/// A question that is asked when the query fails: the first that fails too says where.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Such as `steps[1].cast`.
    pub place: String,
    pub column: Option<String>,
    /// The statement, but for a condition on the rows of the first dataset between the two.
    pub ends: (String, String),
    /// Whether it can be asked of some rows only.
    pub alone: bool,
}

/// Who may say what is loaded.
pub trait RowValidator: Send {
    /// Rows of the first dataset that the target cannot hold, by their place in the stream.
    fn unfit(&mut self, rows: &[RefusedRow]) -> Result<()>;
    /// Whether the rows that the query made are shown, now that there are so many; if not, all of them pass.
    fn wants(&mut self, rows: u64) -> bool;
    /// Rows that the query made, in their order, with the numbers of their source rows: which of them pass.
    fn look(&mut self, rows: &RecordBatch, numbers: &Int64Array) -> Result<BooleanArray>;
    /// All rows were shown that are; what must be loaded of them. An error stops the load.
    fn end(&mut self, added: u64) -> Result<Expected>;
    /// How many rows are in quarantine so far.
    fn quarantined(&self) -> u64;
    /// Rows that passed and that the target refuses, each with the reason.
    fn refused(&mut self, rows: &RecordBatch, numbers: &Int64Array, why: &[RefusedRow]) -> Result<()>;
    /// What the ledger keeps of it beside the receipt, when that speaks of every row.
    fn note(&mut self, loaded: &Loaded) -> Result<Value>;
}

/// A load that a query made, and what was noted of it when it was done.
pub struct PushdownLoad {
    pub loaded: Loaded,
    pub note: Value,
}
