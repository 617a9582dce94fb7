//! Local files: CSV, JSON lines and Parquet, plain or compressed, read as they are found and written as folders of parts.
//!
//! Doors: [`Files`], `Encoder` and `Groups` (Parquet for the staging too). Inside: `locate` (which files), `decode` (bytes
//! to UTF-8), `sniff` (how a CSV is written), `tokens` and `marks` (its records), `lane` and `stretches` (records to rows,
//! on one thread or on several), `csv`, `jsonl`, `parquet` (columns and rows of one file), `rows`, `columns` and `digits`
//! (texts to batches), `read` (all files of a dataset), `write`, `text`, `encode` and `choose` (one part), `load` and
//! `manifest` (parts become visible), `shared` and `groups` (one file, many threads).
//!
//! Deliberately absent: object stores, other kinds of files, preambles above a header, retries.
//!
//! Invariants: every data row met is given as a row or as a rejected row; a row number is its place among the data rows
//! of all files of the dataset, from 1; no path outside the context's roots is opened, also not through a link; a folder
//! with a manifest holds exactly the parts that the manifest names; nothing but a load's own staging folder and parts
//! that it replaces is ever removed.
//!
//! Empty and null in CSV: an empty cell is null. In a text column a quoted empty cell (`""`) is the empty text; this is
//! also how the two are written, so both come back as they went.

mod choose;
mod columns;
mod csv;
mod decode;
mod digits;
mod encode;
mod groups;
mod jsonl;
mod lane;
mod load;
mod locate;
mod manifest;
mod marks;
mod parquet;
mod read;
mod rows;
mod shared;
mod sniff;
mod stretches;
mod text;
mod tokens;
mod write;

pub(crate) use encode::Encoder;
pub(crate) use groups::Groups;
pub(crate) use jsonl::Objects;
pub(crate) use rows::RowBuilder;
pub(crate) use write::json_lines;

use super::{BatchStream, Context, Found, FoundKind, LoadRequest, Loaded, Part, ReadRequest, Rows};
use crate::error::{Error, Kind, Result};
use crate::schema::Schema;
use crate::spec::source::{CsvSource, FilesSource, Source};
use crate::spec::target::{Compression, FilesTarget, Target};
use futures::StreamExt;
use load::Begun;
use locate::Bounds;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Batches that wait for the disk.
const WAITING: usize = 2;

/// Files below a path: a source, or the folder that datasets are loaded into.
#[derive(Debug, Clone)]
pub struct Files {
    bounds: Bounds,
    path: String,
    as_dataset: Option<String>,
    /// Only files of this kind; none: all that we read.
    accepts: Option<FoundKind>,
    /// What the user said about delimited text.
    options: Box<CsvSource>,
    /// Of a target: the kind of its parts.
    writes: Option<FoundKind>,
    compression: Option<Compression>,
}

/// What one file holds.
struct Described {
    fields: Schema,
    rows: Option<u64>,
    exact: bool,
}

impl Files {
    pub fn open_source(source: &Source, context: &Context) -> Result<Self> {
        let plain = |files: &FilesSource, accepts| {
            (
                CsvSource { path: files.path.clone(), as_dataset: files.as_dataset.clone(), ..CsvSource::default() },
                accepts,
            )
        };
        let (options, accepts) = match source {
            Source::Files(files) => plain(files, None),
            Source::Jsonl(files) => plain(files, Some(FoundKind::Jsonl)),
            Source::Parquet(files) => plain(files, Some(FoundKind::Parquet)),
            Source::Csv(csv) => (csv.clone(), Some(FoundKind::Csv)),
            Source::Sqlite(_)
            | Source::Postgres(_)
            | Source::Mysql(_)
            | Source::Http(_)
            | Source::Python(_)
            | Source::Hook(_) => return Err(Error::internal("a database is not files")),
        };
        Ok(Self {
            bounds: Bounds::new(context),
            path: options.path.clone(),
            as_dataset: options.as_dataset.clone(),
            accepts,
            options: Box::new(options),
            writes: None,
            compression: None,
        })
    }

    pub fn open_target(target: &Target, context: &Context) -> Result<Self> {
        let (files, kind): (&FilesTarget, _) = match target {
            Target::Parquet(files) => (files, FoundKind::Parquet),
            Target::Csv(files) => (files, FoundKind::Csv),
            Target::Jsonl(files) => (files, FoundKind::Jsonl),
            Target::Sqlite(_) | Target::Postgres(_) | Target::Mysql(_) | Target::Python(_) => {
                return Err(Error::internal("a database is not files"));
            }
        };
        write::ending(kind, files.compression).map_err(|error| error.at_path("compression"))?;
        let bounds = Bounds::new(context);
        bounds.resolve(&files.path)?;
        Ok(Self {
            bounds,
            path: files.path.clone(),
            as_dataset: None,
            accepts: None,
            options: Box::default(),
            writes: Some(kind),
            compression: files.compression,
        })
    }

    pub async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let files = self.clone();
        blocking(move || {
            let items = files.items()?;
            items.iter().map(|item| Ok((item.name.clone(), files.describe(item)?))).collect()
        })
        .await
    }

    pub async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let files = self.clone();
        let rows = blocking(move || files.rows(request)).await?;
        Ok(read::stream(rows))
    }

    #[expect(clippy::unused_async, reason = "until it is built")]
    pub async fn split(&self, _: &ReadRequest, _: usize) -> Result<Vec<Part>> {
        Ok(Vec::new())
    }

    pub async fn load(&self, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
        let files = self.clone();
        let staging = match blocking(move || load::begin(&files, request)).await? {
            Begun::Already(loaded) => return Ok(loaded),
            Begun::Fresh(staging) => staging,
        };
        let (sender, mut receiver) = tokio::sync::mpsc::channel(WAITING);
        // The staging folder moves to the thread: should this future be dropped, it is removed when the thread ends.
        let writing = tokio::task::spawn_blocking(move || staging.write(|| receiver.blocking_recv()).map(|()| staging));
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
        let staging = written?;
        blocking(move || {
            let part = staging.verify()?;
            staging.publish(part)
        })
        .await
    }

    pub async fn test(&self) -> Result<()> {
        let files = self.clone();
        blocking(move || if files.writes.is_some() { files.test_writing() } else { files.test_reading() }).await
    }

    fn test_reading(&self) -> Result<()> {
        for path in self.items()?.iter().flat_map(|item| &item.files) {
            File::open(path).map_err(|error| failure(path, "opened", &error))?;
        }
        Ok(())
    }

    /// The target's folder exists or can be made: a file can be made in the nearest folder that exists.
    fn test_writing(&self) -> Result<()> {
        let path = self.bounds.resolve(&self.path)?;
        let nearest = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        if !nearest.is_dir() {
            return Err(Error::spec("a file is in the place of a folder").in_file(nearest.display().to_string()));
        }
        let probe = nearest.join(format!(".windvane-probe-{}", std::process::id()));
        File::create(&probe).map_err(|error| failure(nearest, "written to", &error))?;
        fs::remove_file(&probe).map_err(|error| failure(&probe, "removed", &error))
    }
}

/// Runs file work where it may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("work on a file failed").caused_by(&error))?
}

/// An error of the file system, in words. `done` completes "the file could not be …".
fn failure(path: &Path, done: &str, error: &io::Error) -> Error {
    use io::ErrorKind as E;
    let (kind, hint) = match error.kind() {
        E::NotFound => (Kind::Missing, "Check the path: nothing is there"),
        E::PermissionDenied | E::ReadOnlyFilesystem => {
            (Kind::Auth, "Give the user that runs windvane the right to this path")
        }
        E::StorageFull | E::QuotaExceeded | E::FileTooLarge => {
            (Kind::Unavailable, "Make room on the disk, then run it again")
        }
        // What decompressors say of broken bytes.
        E::InvalidData | E::InvalidInput | E::UnexpectedEof | E::Other => {
            (Kind::Data, "The file is damaged or cut short: write or download it again")
        }
        E::IsADirectory | E::NotADirectory | E::InvalidFilename | E::AlreadyExists => {
            (Kind::Spec, "Check the path: something else is in its place, or the name is not allowed")
        }
        _ => (Kind::Unavailable, "The disk or network share did not do it; it may later"),
    };
    Error::new(kind, format!("the file could not be {done}"))
        .in_file(path.display().to_string())
        .caused_by(error)
        .hint(hint)
}
