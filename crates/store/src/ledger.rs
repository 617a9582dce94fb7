//! The ledger of loads, as the store remembers it. What decides whether a load happened is the target's own ledger or
//! manifest; this copy is what people and agents read.

use super::connection::Cell;
use super::{Fields, Store};
use windvane_core::boxed;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;

macro_rules! loads {
    ($which:literal) => {
        concat!(
            "SELECT load_id, run, pipeline, output, dataset, rows, checksum, target, span, loaded_at FROM ledger ",
            $which
        )
    };
}

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
    /// Where it went; older notes do not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The part of an incremental source that it read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Value>,
    /// Given by the store when it is put.
    #[serde(default)]
    pub loaded_at: String,
}

impl Store {
    /// Notes a load; true when it is the first note of it. Another attempt of the same load takes its place.
    #[boxed]
    pub async fn put_ledger(&self, row: &LedgerRow) -> Result<bool> {
        if faults::planted("notes_no_load") {
            return Ok(true);
        }
        let known = self.load(&row.load_id, &row.target).await?.is_some();
        let sql = "INSERT INTO ledger (load_id, run, pipeline, output, dataset, rows, checksum, target, span, loaded_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (load_id, target) DO UPDATE SET \
                   rows = excluded.rows, checksum = excluded.checksum, span = excluded.span, loaded_at = excluded.loaded_at";
        let rows = i64::try_from(row.rows).map_err(|_| Error::internal("a load of more rows than can be counted"))?;
        let span = row.window.as_ref().map(Value::to_string).unwrap_or_default();
        let cells = vec![
            row.load_id.as_str().into(),
            row.run.as_str().into(),
            row.pipeline.as_str().into(),
            row.output.as_str().into(),
            row.dataset.as_str().into(),
            rows.into(),
            row.checksum.as_str().into(),
            row.target.as_str().into(),
            span.into(),
            clock::now().rfc3339().into(),
        ];
        self.execute(sql, cells).await?;
        Ok(!known)
    }

    /// One load, into whatever target it went last.
    #[boxed]
    pub async fn noted(&self, load_id: &str) -> Result<Option<LedgerRow>> {
        let sql = loads!("WHERE load_id = $1 ORDER BY loaded_at DESC LIMIT 1");
        self.fetch(sql, vec![load_id.into()], read).await.map(|mut rows| rows.pop())
    }

    /// One load into a target. A note that does not say where it went may be of any.
    #[boxed]
    pub async fn load(&self, load_id: &str, target: &str) -> Result<Option<LedgerRow>> {
        let sql = loads!("WHERE load_id = $1 AND target IN ($2, '') ORDER BY target DESC LIMIT 1");
        self.fetch(sql, vec![load_id.into(), target.into()], read).await.map(|mut rows| rows.pop())
    }

    /// The newest load of an output into a dataset of a target.
    #[boxed]
    pub async fn last_load(&self, of: &Loads<'_>) -> Result<Option<LedgerRow>> {
        let sql = loads!(
            "WHERE pipeline = $1 AND output = $2 AND dataset = $3 AND target IN ($4, '') ORDER BY loaded_at DESC LIMIT 1"
        );
        self.fetch(sql, of.cells(), read).await.map(|mut rows| rows.pop())
    }

    /// All that read a part of an incremental source, the newest first.
    #[boxed]
    pub async fn windowed_loads(&self, of: &Loads<'_>) -> Result<Vec<LedgerRow>> {
        let sql = loads!(
            "WHERE pipeline = $1 AND output = $2 AND dataset = $3 AND target IN ($4, '') AND span <> '' \
             ORDER BY loaded_at DESC"
        );
        self.fetch(sql, of.cells(), read).await
    }

    /// The newest loads of a pipeline first.
    #[boxed]
    pub async fn ledger(&self, pipeline: &str, limit: u32) -> Result<Vec<LedgerRow>> {
        let sql = loads!("WHERE pipeline = $1 ORDER BY loaded_at DESC, load_id LIMIT $2");
        self.fetch(sql, vec![pipeline.into(), i64::from(limit).into()], read).await
    }
}

/// Which loads are meant.
#[derive(Debug, Clone, Copy)]
pub struct Loads<'a> {
    pub pipeline: &'a str,
    pub output: &'a str,
    pub dataset: &'a str,
    pub target: &'a str,
}

impl Loads<'_> {
    fn cells(&self) -> Vec<Cell> {
        [self.pipeline, self.output, self.dataset, self.target].into_iter().map(Cell::from).collect()
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
        target: fields.text()?,
        window: serde_json::from_str(&fields.text()?).ok(),
        loaded_at: fields.text()?,
    })
}
