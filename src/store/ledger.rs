//! The ledger of loads, as the store remembers it. What decides whether a load happened is the target's own ledger or
//! manifest; this copy is what people and agents read.

use super::{Fields, Store};
use crate::error::{Error, Result};
use crate::faults;
use crate::resilience::clock;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRow {
    pub load_id: String,
    pub run: String,
    pub pipeline: String,
    pub output: String,
    pub dataset: String,
    pub rows: u64,
    pub checksum: String,
    /// Given by the store when it is put.
    #[serde(default)]
    pub loaded_at: String,
}

impl Store {
    /// Notes a load; true when it is the first note of it. Another attempt of the same load takes its place.
    pub async fn put_ledger(&self, row: &LedgerRow) -> Result<bool> {
        if faults::planted("notes_no_load") {
            return Ok(true);
        }
        let known = self.load(&row.load_id).await?.is_some();
        let sql = "INSERT INTO ledger (load_id, run, pipeline, output, dataset, rows, checksum, loaded_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (load_id) DO UPDATE SET \
                   rows = excluded.rows, checksum = excluded.checksum, loaded_at = excluded.loaded_at";
        let rows = i64::try_from(row.rows).map_err(|_| Error::internal("a load of more rows than can be counted"))?;
        let cells = vec![
            row.load_id.as_str().into(),
            row.run.as_str().into(),
            row.pipeline.as_str().into(),
            row.output.as_str().into(),
            row.dataset.as_str().into(),
            rows.into(),
            row.checksum.as_str().into(),
            clock::now().rfc3339().into(),
        ];
        self.execute(sql, cells).await?;
        Ok(!known)
    }

    /// One load.
    pub async fn load(&self, load_id: &str) -> Result<Option<LedgerRow>> {
        let sql =
            "SELECT load_id, run, pipeline, output, dataset, rows, checksum, loaded_at FROM ledger WHERE load_id = $1";
        self.fetch(sql, vec![load_id.into()], read).await.map(|mut rows| rows.pop())
    }

    /// The newest loads of a pipeline first.
    pub async fn ledger(&self, pipeline: &str, limit: u32) -> Result<Vec<LedgerRow>> {
        let sql = "SELECT load_id, run, pipeline, output, dataset, rows, checksum, loaded_at FROM ledger \
                   WHERE pipeline = $1 ORDER BY loaded_at DESC, load_id LIMIT $2";
        self.fetch(sql, vec![pipeline.into(), i64::from(limit).into()], read).await
    }
}

fn read(mut fields: Fields) -> Result<LedgerRow> {
    Ok(LedgerRow {
        load_id: fields.text()?,
        run: fields.text()?,
        pipeline: fields.text()?,
        output: fields.text()?,
        dataset: fields.text()?,
        rows: fields.integer()?.unsigned_abs(),
        checksum: fields.text()?,
        loaded_at: fields.text()?,
    })
}
