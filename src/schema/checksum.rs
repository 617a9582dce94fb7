//! The content of a dataset as one number, whatever the order of its rows.

use crate::error::Result;
use arrow::record_batch::RecordBatch;

/// Sums 128-bit hashes of canonical rows. Equal rows in our types hash equally wherever they were read from.
#[derive(Debug, Clone, Default)]
pub struct Checksum {
    sum: u128,
    rows: u64,
}

impl Checksum {
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let _ = (batch, self.sum);
        todo!()
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// 32 hex digits.
    pub fn finish(&self) -> String {
        format!("{:032x}", self.sum)
    }
}
