//! Files: CSV, JSON lines and Parquet, plain or compressed, on the local disk or in an object store, read as they are
//! found and written as folders of parts.
//!
//! Doors: [`Files`]; `Encoder` and `Groups` (Parquet for the staging too).
//!
//! Inside, reading: `files` (where, and what was said), `locate` and `find` (which files, here and in a store),
//! `item` and `extension` (what a name says), `piece` (a file, wherever it lies, as a local one), `hive` (folders that hold
//! values), `split` (parts of a dataset), `decode` (bytes to UTF-8), `content` (what a file is, whatever its name says),
//! `sniff` (how a CSV is written), `dialect`, `tokens` and `marks` (its records), `record_reader` and `chunks` (records to rows,
//! on one thread or on several), `csv`, `jsonl` (with `members` and `json_texts`), `parquet` and `int96` (columns and rows
//! of one file), `rows`, `columns` and `digits` (texts to batches), `shared` and `groups` (one file, many threads),
//! `describe` and `union` (what a dataset holds), `read` and `all_rows` (the rows of one file, and of all).
//!
//! Inside, writing: `write`, `lines`, `text`, `encode` and `column_encoding` (one file), `dictionary`, `dictionary_values` and `hybrid` (a Parquet
//! column whose values repeat), `parts` (the files of a load), `begin`, `load`, `merge`, `widen` and `compact` (what a load
//! makes of a folder), `folder`, `manifest` and `orphans` (what is there), `workdir`, `workdirs` and `publish` (it becomes
//! visible).
//!
//! Deliberately absent: other kinds of files, preambles above a header, retries, histories.
//!
//! Invariants: every data row met is given as a row or as a rejected row; a row number is its place among the data rows
//! of all files that are read, from 1 (rows passed over by their statistics are counted, files passed over by their
//! folders are not); no path outside the context's roots is opened, also not through a link; a folder with a manifest
//! holds exactly the parts that the manifest names; nothing but a load's own staging folder and parts that it replaces
//! is ever removed, but for files of dead loads (see `folder`).
//!
//! Empty and null in CSV: an empty cell is null, and so is an empty line of a file with one column. In a text column a quoted empty cell (`""`) is the empty text; this is
//! also how the two are written, so both come back as they went.

mod all_rows;
mod begin;
mod column_encoding;
mod columns;
mod compact;
mod content;
mod csv;
mod decode;
mod describe;
mod described;
mod dialect;
mod dictionary;
mod digits;
mod encode;
mod extension;
mod fields;
mod files;
mod filled;
mod find;
mod fitting;
mod folder;
mod orphans;
#[doc(hidden)]
mod chunks;
mod corrupt;
mod dictionary_values;
pub mod fuzzing;
mod groups;
mod hive;
mod hybrid;
mod int96;
mod item;
mod json_texts;
mod jsonl;
mod lines;
mod load;
mod locate;
mod manifest;
mod marks;
mod members;
mod merge;
mod order;
mod parquet;
mod parts;
mod piece;
mod portions;
mod publish;
mod read;
mod record_reader;
mod rows;
mod shared;
mod sniff;
mod split;
mod target_state;
mod text;
mod threads;
mod tokens;
mod union;
mod unique;
mod widen;
mod workdir;
mod workdirs;
mod write;

pub use encode::Encoder;
pub use files::Files;
pub use groups::Groups;
pub use jsonl::Objects;
pub use lines::{Decimals, json_lines};
pub use members::{Members, Seen, text_of};
pub use rows::RowBuilder;

use async_trait::async_trait;
use begin::Begun;
use futures::StreamExt;
use manifest::Done;
use piece::At;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use threads::{Stop, blocking};
use windvane_connect::compatibility::Compatibility;
use windvane_connect::connector::{Compacted, Connector, Listed, described};
use windvane_connect::disk::failure;
use windvane_connect::rerun::LedgerLoad;
use windvane_connect::target_state::TargetState;
use windvane_connect::{BatchStream, Found, FoundKind, LoadRequest, Loaded, Part, ReadRequest, Rows, blocking};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, declared::Declared};
use windvane_core::spec::target::Mode;

/// Batches that wait for the disk.
const WAITING: usize = 2;

impl Files {
    fn test_reading(&self) -> Result<()> {
        for piece in self.items()?.iter().flat_map(|item| &item.files) {
            if let At::Local(path) = &piece.at {
                File::open(path).map_err(|error| failure(path, "opened", &error))?;
            }
        }
        Ok(())
    }

    /// The target's folder exists or can be made: a file can be made in the nearest folder that exists.
    fn test_writing(&self) -> Result<()> {
        if let Some(store) = &self.store {
            let name = format!("_windvane-probe-{}", std::process::id());
            let base = &store.location().key;
            let key = if base.is_empty() { name } else { format!("{base}/{name}") };
            store.put(&key, Vec::new())?;
            return store.remove(&key);
        }
        let path = self.local.resolve(&self.path)?;
        let nearest = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        if !nearest.is_dir() {
            return Err(Error::spec("a file is in the place of a folder").in_file(nearest.display().to_string()));
        }
        let probe = nearest.join(format!(".windvane-probe-{}", std::process::id()));
        File::create(&probe).map_err(|error| failure(nearest, "written to", &error))?;
        fs::remove_file(&probe).map_err(|error| failure(&probe, "removed", &error))
    }
}

#[async_trait]
impl Connector for Files {
    async fn listed(&self) -> Result<Vec<Listed>> {
        let files = self.clone();
        blocking(move || {
            let items = files.items()?;
            Ok(items.iter().map(|item| (item.name.clone(), files.describe(item))).collect())
        })
        .await
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let files = self.clone();
        let rows = blocking(move || files.rows(request)).await?;
        Ok(blocking::stream(rows, "a file"))
    }

    async fn split(&self, request: &ReadRequest, parts: usize) -> Result<Vec<Part>> {
        let (files, request) = (self.clone(), request.clone());
        blocking(move || files.parts(&request, parts)).await
    }

    async fn loads(&self, dataset: &str, most: u32) -> Result<Vec<LedgerLoad>> {
        let (files, dataset) = (self.clone(), dataset.to_owned());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let loads = manifest.map(|known| known.loads).unwrap_or_default();
            let newest = loads.iter().rev().take(usize::try_from(most).unwrap_or(usize::MAX));
            Ok(newest.map(Done::known).collect())
        })
        .await
    }

    async fn ascii(&self, locator: &str, kind: FoundKind) -> Result<bool> {
        let (files, locator) = (self.clone(), locator.to_owned());
        blocking(move || {
            for piece in files.item(&locator, kind)?.files {
                let copy = piece.copy(&piece::Need::Head)?;
                if !decode::head(&copy.path, decode::SAMPLE)?.0.is_ascii() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    async fn blank(&self, locator: &str, kind: FoundKind) -> Result<bool> {
        let (files, locator) = (self.clone(), locator.to_owned());
        blocking(move || {
            for piece in files.item(&locator, kind)?.files {
                let copy = piece.copy(&piece::Need::Head)?;
                if !decode::head(&copy.path, decode::SAMPLE)?.0.iter().all(u8::is_ascii_whitespace) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    async fn load(&self, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
        let files = self.clone();
        // Should this future be dropped, the thread that writes or publishes stops soon after.
        let stop = Stop::default();
        let stopped = Arc::clone(&stop.0);
        let staging = match blocking(move || begin::begin(&files, request, stopped)).await? {
            Begun::Already(loaded) => return Ok(loaded),
            Begun::Fresh(staging) => staging,
        };
        let (sender, mut receiver) = tokio::sync::mpsc::channel(WAITING);
        // The staging folder moves to the thread: it is removed when the thread ends.
        let writing = tokio::task::spawn_blocking(move || {
            let written = staging.write(|| receiver.blocking_recv())?;
            Ok::<_, Error>((staging, written))
        });
        let mut failed = None;
        let mut rows = rows.open()?;
        while let Some(batch) = rows.next().await {
            match batch {
                Ok(batch) => {
                    // A closed channel is a failed writer, which says why itself.
                    if sender.send(batch).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        let written = writing.await.map_err(|error| Error::internal("writing a file failed").caused_by(&error))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let (staging, written) = written?;
        blocking(move || staging.settle(&written)).await
    }

    /// Joins the small files of a dataset; its rows stay what they are.
    async fn compact(&self, dataset: &str) -> Result<Compacted> {
        let (files, dataset, stop) = (self.clone(), dataset.to_owned(), Stop::default());
        let stopped = Arc::clone(&stop.0);
        blocking(move || compact::run(&files, &dataset, &stopped)).await
    }

    fn place(&self) -> String {
        match &self.store {
            Some(store) => store.shown(&store.location().key),
            None => {
                self.local.resolve(&self.path).map_or_else(|_| self.path.clone(), |path| path.display().to_string())
            }
        }
    }

    async fn test(&self) -> Result<()> {
        let files = self.clone();
        blocking(move || if files.writes.is_some() { files.test_writing() } else { files.test_reading() }).await
    }

    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        described(self.listed().await?)
    }

    async fn compatibility(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        _: Option<&Declared>,
    ) -> Result<Compatibility> {
        self.fits(dataset, schema, mode).await
    }

    async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        self.target_state(dataset).await
    }

    async fn filled(&self, dataset: &str, columns: &[String]) -> Result<Vec<String>> {
        self.with_values(dataset, columns).await
    }
}
