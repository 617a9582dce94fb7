//! A toy: a connector as small as one can be. `tests/python/test_toy.py` adds it to a copy of the workspace.
//!
//! Rows rest in the memory of the process, on shelves by name.

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windvane_connect::rerun::{LedgerLoad, LoadEffect};
use windvane_connect::connector::Connector;
use windvane_connect::target_state::TargetState;
use windvane_connect::read_back::{Tally, counted};
use windvane_connect::{Batch, BatchStream, Found, FoundKind, LoadRequest, Loaded, ReadRequest, Rows, range_filter};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::schema::arrow::pick;
use windvane_core::spec::kinds::toy::{ToySource, ToyTarget};
use windvane_core::spec::target::Mode;

static SHELVES: Mutex<BTreeMap<String, BTreeMap<String, Kept>>> = Mutex::new(BTreeMap::new());

/// A dataset on a shelf.
#[derive(Clone, Default)]
struct Kept {
    schema: Schema,
    batches: Vec<RecordBatch>,
    /// The newest last.
    loads: Vec<LedgerLoad>,
}

impl Kept {
    fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }
}

#[derive(Debug)]
pub struct Toy {
    shelf: String,
}

impl Toy {
    pub fn open_source(source: &ToySource) -> Self {
        Self { shelf: source.shelf.clone() }
    }

    pub fn open_target(target: &ToyTarget) -> Self {
        Self { shelf: target.shelf.clone() }
    }

    fn kept(&self, dataset: &str) -> Option<Kept> {
        shelves().get(&self.shelf)?.get(dataset).cloned()
    }
}

fn shelves() -> MutexGuard<'static, BTreeMap<String, BTreeMap<String, Kept>>> {
    SHELVES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Connector for Toy {
    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let all = shelves().get(&self.shelf).cloned().unwrap_or_default();
        let found = |(name, kept): (String, Kept)| {
            let found = Found {
                locator: name.clone(),
                kind: FoundKind::Table,
                rows: Some(kept.rows()),
                rows_exact: true,
                bytes: None,
                fields: kept.schema,
                primary_key: Vec::new(),
                foreign_keys: Vec::new(),
                partial: BTreeMap::new(),
                format: None,
                declared: None,
            };
            (name, found)
        };
        Ok(all.into_iter().map(found).collect())
    }

    async fn test(&self) -> Result<()> {
        Ok(())
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let kept = self.kept(&request.locator).ok_or_else(|| Error::missing("nothing of this name is on the shelf"))?;
        let schema = range_filter::with_range_columns(&request.schema, &request.within);
        let (mut row, mut left, mut batches) = (0, request.limit, Vec::new());
        for batch in &kept.batches {
            let first = row + 1;
            row += batch.num_rows() as u64;
            let all = Batch { rows: pick(batch, &schema)?, numbers: (first..=row).collect(), rejected: Vec::new() };
            let mut some = range_filter::apply(all, &request.within, request.schema.fields.len())?;
            if let Some(left) = &mut left {
                range_filter::limit(&mut some, left);
            }
            batches.push(Ok(some));
        }
        Ok(futures::stream::iter(batches).boxed())
    }

    async fn load(&self, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
        let known = self.loads(&request.dataset, u32::MAX).await?;
        if let Some(earlier) = known.into_iter().find(|known| known.load_id == request.load_id) {
            let facts = Some(Box::new(earlier.facts));
            return Ok(Loaded { already: true, earlier: facts, ..counted(&request, earlier.rows, 0) });
        }
        let (mut tally, mut came) = (Tally::new(&request), Vec::new());
        let mut stream = rows.open()?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            tally.add(&batch)?;
            came.push(batch);
        }
        let expected = tally.expected(&request)?;
        let loaded = Loaded { checksum: expected.checksum, ..counted(&request, expected.rows, 0) };
        request.close(&loaded)?;
        let mut shelves = shelves();
        let kept = shelves.entry(self.shelf.clone()).or_default().entry(request.dataset.clone()).or_default();
        let effect = match request.mode {
            Mode::Replace => LoadEffect::Replaced,
            Mode::Append => LoadEffect::Added,
            Mode::Merge | Mode::History => return Err(Error::unsupported("a toy is not loaded by key")),
        };
        if effect == LoadEffect::Replaced {
            kept.batches.clear();
        }
        kept.batches.append(&mut came);
        kept.schema = request.schema.clone();
        kept.loads.push(LedgerLoad { load_id: request.load_id.clone(), rows: loaded.rows, facts: request.noted(), effect });
        Ok(loaded)
    }

    async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
        let newest = self.kept(dataset).unwrap_or_default().loads.into_iter().rev();
        Ok(newest.take(usize::try_from(most).unwrap_or(usize::MAX)).collect())
    }

    async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        let Some(kept) = self.kept(dataset) else { return Ok(TargetState::default()) };
        let columns = kept.schema.names().map(str::to_owned).collect();
        Ok(TargetState { exists: true, rows: Some(kept.rows()), columns, unfilled: Vec::new() })
    }

    fn place(&self) -> String {
        self.shelf.clone()
    }
}
