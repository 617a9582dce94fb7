//! What every kind of source and target can do: the one trait behind a connection.
//!
//! A kind writes what it can. The rest has an answer here: nothing, or that it is not supported. What a kind promises
//! before it is opened stands in `spec::kinds`.

use crate::compatibility::Compatibility;
use crate::pushdown::{PushdownLoad, PushdownRequest};
use crate::rerun::LedgerLoad;
use crate::target_state::{LatestLoads, TargetState};
use crate::{BatchStream, Found, FoundKind, LoadRequest, Loaded, Part, ReadRequest, Rows};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::spec::target::Mode;

/// So many loads are looked through for an own one.
const LOOKED_THROUGH: u32 = 1_000;

/// A dataset and its description, or why it has none (a file that is no table any more).
pub type Listed = (String, Result<Found>);

/// Those that can be described, if all can.
pub fn described(listed: Vec<Listed>) -> Result<Vec<(String, Found)>> {
    listed.into_iter().map(|(name, found)| Ok((name, found?))).collect()
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compacted {
    pub dataset: String,
    pub files_before: u64,
    pub files_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// Rows of the files that were joined.
    pub rows: u64,
    /// Of these rows, before and after.
    pub checksum: String,
}

/// One source or target, open. A call may take long; dropping its future stops it.
#[async_trait]
pub trait Connector: std::fmt::Debug + Send + Sync {
    /// Every dataset, sorted by locator: name, columns, keys, size.
    async fn datasets(&self) -> Result<Vec<(String, Found)>>;

    /// Whether it can be reached and used; the error says why not.
    async fn test(&self) -> Result<()>;

    async fn read(&self, request: ReadRequest) -> Result<BatchStream>;

    /// As `datasets`, of a source in which one that cannot be described is no reason to know nothing of the others.
    async fn listed(&self) -> Result<Vec<Listed>> {
        Ok(self.datasets().await?.into_iter().map(|(name, found)| (name, Ok(found))).collect())
    }

    /// At most so many parts that together are the dataset, or nothing where it cannot be split.
    async fn split(&self, _: &ReadRequest, _parts: usize) -> Result<Vec<Part>> {
        Ok(Vec::new())
    }

    /// Whether the first part of each text file is ASCII, which reads alike in all encodings.
    async fn ascii(&self, _locator: &str, _: FoundKind) -> Result<bool> {
        Ok(true)
    }

    /// Whether a dataset of files has not a word in it: nothing that says that it is one without rows (a header, `[]`).
    async fn blank(&self, _locator: &str, _: FoundKind) -> Result<bool> {
        Ok(false)
    }

    /// Of these columns of a dataset, those that hold a value for which there is no word here: asked before it is decided
    /// how they travel. Who cannot answer within a minute is taken to have some.
    async fn unrepresentable(&self, _locator: &str, _columns: &Schema) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Loads all rows or none, once; returns what was read back from the target before it became visible.
    async fn load(&self, _: LoadRequest, _: Rows) -> Result<Loaded> {
        Err(Error::internal("a source is no target"))
    }

    /// As `load`, of rows that the target makes itself. In the same way all or nothing, and once.
    async fn load_pushed(&self, _: LoadRequest, _: PushdownRequest) -> Result<PushdownLoad> {
        Err(Error::unsupported("only a postgres target runs steps as SQL")
            .hint("Leave `strategy: pushdown` out: the engine runs the steps on the way"))
    }

    /// The loads of a dataset, as the target's own ledger remembers them: the newest ones, the last first.
    async fn loads(&self, _dataset: &str, _most: u32) -> Result<Vec<LedgerLoad>> {
        Ok(Vec::new())
    }

    /// How these columns would go into a dataset of this target, which is not touched. Who has no columns takes all.
    async fn compatibility(
        &self,
        dataset: &str,
        _: &Schema,
        _: Mode,
        _kept: Option<&Declared>,
    ) -> Result<Compatibility> {
        Ok(Compatibility { exists: self.target_state(dataset).await?.exists, ..Compatibility::default() })
    }

    /// What the target holds of a dataset, where it can be asked.
    async fn target_state(&self, _dataset: &str) -> Result<TargetState> {
        Ok(TargetState::default())
    }

    /// Which of the columns have a value in some row of a dataset of this target.
    async fn filled(&self, _dataset: &str, _columns: &[String]) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Joins the small files of a dataset of a target.
    async fn compact(&self, _dataset: &str) -> Result<Compacted> {
        Err(Error::unsupported("only files are compacted").hint("A database looks after its tables itself"))
    }

    /// Where it writes, without who it is there: the same run may load into another place later.
    fn place(&self) -> String {
        String::new()
    }
}

impl dyn Connector {
    /// The last loads of a dataset, for an output of a pipeline.
    pub async fn latest_loads(&self, dataset: &str, (pipeline, output): (&str, &str)) -> Result<LatestLoads> {
        let Some(newest) = self.loads(dataset, 1).await?.into_iter().next() else { return Ok(LatestLoads::default()) };
        if !self.compatibility(dataset, &Schema::default(), Mode::Append, None).await?.exists {
            return Ok(LatestLoads::default());
        }
        // Loads of earlier versions do not say whose they are.
        let is_own = |load: &LedgerLoad| {
            let facts = &load.facts;
            // Some mended rows are no measure for a load.
            facts.replays.is_none()
                && (facts.pipeline.is_empty() || facts.pipeline == pipeline && facts.output == output)
        };
        let own = if is_own(&newest) {
            Some(newest.clone())
        } else {
            self.loads(dataset, LOOKED_THROUGH).await?.into_iter().find(is_own)
        };
        Ok(LatestLoads { newest: Some(newest), own })
    }
}
