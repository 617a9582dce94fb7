//! What Python does for us, as seen from this side of the boundary.

use crate::range_filter::RangeFilter;
use arrow::record_batch::RecordBatchReader;
use windvane_core::error::Result;
use windvane_core::schema::Schema;

pub type Stream = Box<dyn RecordBatchReader + Send>;
/// Rows of texts in the order of the wanted columns, a chunk at a time.
pub type Texts = Box<dyn Iterator<Item = Result<Vec<Vec<Option<String>>>>> + Send>;

/// A table or a query of a hook.
#[derive(Debug, Clone)]
pub struct Relation {
    pub connection: String,
    pub table: Option<String>,
    pub query: Option<String>,
}

/// Which rows and columns are wanted; the other side may leave others out, and need not.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub columns: Option<Vec<String>>,
    pub limit: Option<u64>,
    pub within: Vec<RangeFilter>,
}

/// What Python does for us. Every call may take long, and is made on a thread that may wait.
pub trait PythonCallbacks: std::fmt::Debug + Send + Sync {
    /// A new stream of the rows of an object.
    fn open(&self, object: &str, wanted: &Wanted) -> Result<Stream>;
    /// The columns of a table or query.
    fn columns(&self, relation: &Relation) -> Result<Schema>;
    /// Its rows.
    fn rows(&self, relation: &Relation, wanted: &Wanted) -> Result<Texts>;
    /// Calls an object with rows and keywords (a JSON object); how many rows it says it took.
    fn give(&self, object: &str, rows: Stream, words: &str) -> Result<Option<u64>>;
}
