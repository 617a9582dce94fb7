//! `_manifest.json`: which files of a loaded folder count. Replacing it at once is what makes a load visible.

use super::extension::kind_by_extension;
use super::hive;
use super::piece::Piece;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use windvane_connect::disk::failure;
use windvane_connect::rerun::{
    EarlierLoad, Facts, LedgerLoad, LoadAction, LoadEffect, OwnRows, TableRows, overlap, owner,
};
use windvane_connect::rerun::{Replays, replays};
use windvane_connect::{Changes, FoundKind, LoadRequest, Loaded, RefusedRow};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::Schema;
use windvane_core::spec::target::Mode;

pub(super) const FILE: &str = "_manifest.json";
const SCHEMA: &str = "windvane/manifest/v1";
/// How the ids of parts begin that were joined of smaller ones, of whatever loads.
pub(super) const JOINED: &str = "compact-";
/// The receipts of so many loads are kept; of older ones only that they were.
const REMEMBERED: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    schema: String,
    pub dataset: String,
    pub columns: Schema,
    /// The columns whose values are folders, in the parts of the last load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
    pub parts: Vec<Part>,
    /// Files that no longer count: removed after publication, or by the next load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// What was loaded, oldest first: a load that is named here is done, also when its parts were merged or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<Done>,
    /// The ids of loads that are older than those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Relative to the folder: `part-….parquet`, or `day=2026-11-21/part-….parquet`.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    /// Nothing when the rows were only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    pub load_id: String,
}

/// The receipt of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    pub load_id: String,
    pub rows: u64,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// Rows that were not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRow>,
    /// Manifests of earlier versions have none.
    #[serde(default)]
    pub facts: Facts,
}

impl Done {
    pub(super) fn loaded(&self, already: bool) -> Loaded {
        let (checksum, refused, changes) = (self.checksum.clone(), self.refused.clone(), self.changes);
        Loaded { checksum, refused, changes, already, ..Loaded::counted(&self.load_id, self.rows, self.bytes) }
    }
}

impl Done {
    pub(super) fn known(&self) -> LedgerLoad {
        // Which rows are whose, the parts tell.
        LedgerLoad {
            load_id: self.load_id.clone(),
            rows: self.rows,
            facts: self.facts.clone(),
            effect: LoadEffect::Changed,
        }
    }
}

impl Manifest {
    pub(super) fn new(dataset: &str, columns: Schema) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            dataset: dataset.to_owned(),
            columns,
            partition_by: Vec::new(),
            parts: Vec::new(),
            retired: Vec::new(),
            loads: Vec::new(),
            older: Vec::new(),
        }
    }

    /// The manifest of a local folder; none when it has none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failure(&path, "read", &error)),
        };
        Self::understood(&text, &path.display().to_string()).map(Some)
    }

    pub(super) fn understood(text: &[u8], shown: &str) -> Result<Self> {
        let mut manifest: Self = serde_json::from_slice(text).map_err(|error| {
            Error::data("the manifest cannot be understood")
                .in_file(shown)
                .caused_by(&error)
                .hint("It is written by windvane only; restore it from a backup or load the dataset anew elsewhere")
        })?;
        if manifest.schema != SCHEMA {
            return Err(Error::unsupported(format!("the manifest is of the kind '{}'", manifest.schema))
                .in_file(shown)
                .hint("It was written by another version of windvane"));
        }
        let names = manifest.parts.iter().map(|part| &part.path).chain(&manifest.retired);
        if !names.clone().all(|name| is_inside(name)) {
            return Err(Error::data("the manifest names files outside its folder").in_file(shown));
        }
        manifest.remember_parts();
        Ok(manifest)
    }

    /// Manifests were once without receipts: their parts are what is known of loads.
    fn remember_parts(&mut self) {
        if !self.loads.is_empty() {
            return;
        }
        for part in &self.parts {
            let Part { rows, bytes, .. } = *part;
            if let Some(done) = self.loads.iter_mut().find(|done| done.load_id == part.load_id) {
                (done.rows, done.bytes, done.checksum) = (done.rows + rows, done.bytes + bytes, None);
            } else {
                let (load_id, checksum) = (part.load_id.clone(), part.checksum.clone());
                let (refused, facts) = (Vec::new(), Facts::default());
                self.loads.push(Done { load_id, rows, bytes, checksum, changes: None, refused, facts });
            }
        }
    }

    pub(super) fn text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("a manifest could not be written").caused_by(&error))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Notes a load as done.
    pub(super) fn remember(&mut self, done: Done) {
        self.loads.retain(|known| known.load_id != done.load_id);
        self.loads.push(done);
        let surplus = self.loads.len().saturating_sub(REMEMBERED);
        self.older.retain(|known| self.loads.last().is_none_or(|last| last.load_id != *known));
        self.older.extend(self.loads.drain(..surplus).map(|done| done.load_id));
    }

    pub(super) fn done(&self, load_id: &str) -> Option<&Done> {
        self.loads.iter().rev().find(|done| done.load_id == load_id && !faults::planted("forgets_ledger"))
    }

    /// What an earlier try of the load was answered, when that stands. `there`: the files in the folder and their bytes.
    pub(super) fn stands(&self, request: &LoadRequest, there: &BTreeMap<String, u64>) -> Result<Option<Loaded>> {
        // A file that was cut off is as good as gone.
        let gone = |part: &Part| there.get(&part.path) != Some(&part.bytes);
        let rows = (!self.parts.iter().any(gone)).then(|| self.rows());
        let Some(done) = self.done(&request.load_id) else {
            self.takes(request, rows)?;
            return self.forgotten(request);
        };
        let loads = self.loads(request);
        let earlier = EarlierLoad { loaded: done.loaded(true), facts: done.facts.clone(), loads, lost: false };
        match earlier.action(request, TableRows { rows, own: OwnRows::Parts })? {
            LoadAction::Done(loaded) => Ok(Some(*loaded)),
            LoadAction::Load { .. } => Ok(None),
        }
    }

    /// Refuses rows that another load has brought, or whose load is gone. `rows`: that are there, if all parts are.
    pub(super) fn takes(&self, request: &LoadRequest, rows: Option<u64>) -> Result<()> {
        let (loads, whole) = (self.loads(request), TableRows { rows: Some(self.rows()), own: OwnRows::Parts });
        overlap::judge(request, &loads, whole).and(owner::judge(request, &loads, whole))?;
        let replaced = request.facts.replays.as_ref().is_some_and(|replays| self.lacks(replays));
        replays::judge(request, &loads, TableRows { rows: rows.filter(|_| !replaced), own: OwnRows::Parts })
    }

    /// Whether no part is left of a load that is not by key: another one has replaced them all. Parts that were joined to
    /// larger ones are nobody's.
    fn lacks(&self, replays: &Replays) -> bool {
        let by_key = replays.mode.by_key();
        let may_hold = |part: &Part| part.load_id == replays.load_id || part.load_id.starts_with(JOINED);
        !by_key && !self.parts.iter().any(may_hold)
    }

    /// The loads whose parts go when a load is done again, with their rows: itself, and those of its mended rows.
    pub(super) fn swept(&self, request: &LoadRequest, earlier: &Done) -> (Vec<String>, u64) {
        let loads = self.loads(request);
        let also = replays::swept(request, &earlier.facts, &loads);
        let rows = earlier.rows + also.iter().map(|load| load.rows).sum::<u64>();
        (also.into_iter().map(|load| load.load_id.clone()).chain([earlier.load_id.clone()]).collect(), rows)
    }

    /// The newest first. Of those whose receipts are gone, the store may know what they were about.
    fn loads(&self, request: &LoadRequest) -> Vec<LedgerLoad> {
        let older = request.remembered.others.iter().filter(|other| self.older.contains(&other.load_id)).cloned();
        self.loads.iter().rev().map(Done::known).chain(older).collect()
    }

    /// Of a load that was done so long ago that its receipt is gone: rows by key may come again, others would be there twice.
    fn forgotten(&self, request: &LoadRequest) -> Result<Option<Loaded>> {
        if request.mode != Mode::Append || !self.older.contains(&request.load_id) {
            return Ok(None);
        }
        let run = &request.facts.run;
        Err(Error::new(
            Kind::Conflict,
            format!(
                "run '{run}' has loaded already, more than {REMEMBERED} loads ago, and its receipt is kept no more"
            ),
        )
        .hint("Nothing was changed: the rows would be there twice. Start a new run for new rows"))
    }

    pub(super) fn names(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.path == name)
    }

    /// What its newest part is; each part is read by its ending. Without parts: Parquet.
    pub(super) fn kind(&self) -> FoundKind {
        let mut kinds = self.parts.iter().rev().filter_map(|part| kind_by_extension(Path::new(&part.path)));
        kinds.next().unwrap_or(FoundKind::Parquet)
    }

    /// The parts in a local folder.
    pub(super) fn files(&self, folder: &Path) -> Vec<Piece> {
        let piece =
            |part: &Part| Piece { values: hive::values_of(&part.path), ..Piece::local(folder.join(&part.path)) };
        self.parts.iter().map(piece).collect()
    }

    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

/// Whether a path stays in its folder: a plain name, below folders that hold values.
fn is_inside(path: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', '\0']);
    let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
    plain(name) && (folders.is_empty() || folders.split('/').all(|folder| plain(folder) && folder.contains('=')))
}
