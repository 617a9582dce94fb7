//! What a reader of one file answers: what the file holds, and its rows.

use windvane_connect::Batch;
use windvane_core::error::Result;
use windvane_core::schema::Schema;

pub(super) type Rows = Box<dyn Iterator<Item = Result<Batch>> + Send>;

/// What one file holds.
pub(super) struct Described {
    pub fields: Schema,
    pub rows: Option<u64>,
    pub exact: bool,
}
