//! Object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage, by one code.
//!
//! Doors: [`Location`] (an address read) and [`Store`] (a bucket that can be listed, read by ranges and written). Inside:
//! `open` (credentials become a store), `failure` (its errors in words).
//!
//! Deliberately absent: which objects are a dataset and when a load is visible (`files`); retries beyond those of single
//! requests.
//!
//! Invariants: an object appears whole or not at all; memory holds a few chunks of [`CHUNK`] however large the object;
//! no message holds a credential.

mod failure;
mod location;
mod open;

use crate::secrets::Secrets;
use failure::failure;
use futures::{StreamExt, TryStreamExt};
pub use location::{Location, Provider, is_address};
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use std::fs::File;
use std::future::Future;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use windvane_core::error::{Error, Kind, Result};

/// How much is asked for, or sent, in one request.
pub const CHUNK: u64 = 8 << 20;
/// Requests at a time.
const ABREAST: usize = 4;

/// What an object is called and how large it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    pub size: u64,
    /// Seconds since 1970, by the store's clock.
    pub modified: i64,
}

/// The state of an object that a replacement must meet.
#[derive(Debug, Clone)]
pub struct Version(Option<UpdateVersion>);

/// A bucket.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    location: Location,
}

impl Store {
    /// Opens the bucket of an address with a connection's credentials, or with those of the environment.
    pub fn open(location: Location, connection: Option<&str>, secrets: &Secrets) -> Result<Self> {
        let url = connection.map(|id| secrets.url(id)).transpose()?;
        let inner = open::store(&location, url)?;
        Ok(Self { inner, location })
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn shown(&self, key: &str) -> String {
        self.location.shown(key)
    }

    fn key(&self, key: &str) -> Result<Key> {
        Key::parse(key).map_err(|error| {
            Error::spec("this cannot be the name of an object").in_file(self.shown(key)).caused_by(&error)
        })
    }

    /// Everything below a folder, sorted by key.
    pub fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let prefix = self.key(folder)?;
        let prefix = (!folder.is_empty()).then_some(&prefix);
        let all: Vec<ObjectMeta> = wait(self.inner.list(prefix).try_collect())
            .map_err(|error| failure(&self.shown(folder), "listed", &error))?;
        let mut all: Vec<Listed> = all.iter().map(listed).collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(all)
    }

    /// One object; nothing when it is not there.
    pub fn look(&self, key: &str) -> Result<Option<Listed>> {
        match wait(self.inner.head(&self.key(key)?)) {
            Ok(meta) => Ok(Some(listed(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(&self.shown(key), "read", &error)),
        }
    }

    /// A small object and its state.
    pub fn get(&self, key: &str) -> Result<(Option<Vec<u8>>, Version)> {
        let path = self.key(key)?;
        let got = wait(async {
            let got = self.inner.get(&path).await?;
            let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            Ok((got.bytes().await?, version))
        });
        match got {
            Ok((bytes, version)) => Ok((Some(bytes.to_vec()), Version(Some(version)))),
            Err(object_store::Error::NotFound { .. }) => Ok((None, Version(None))),
            Err(error) => Err(failure(&self.shown(key), "read", &error)),
        }
    }

    /// Writes a small object if it still is as it was; false when somebody was faster.
    pub fn swap(&self, key: &str, bytes: Vec<u8>, before: &Version) -> Result<bool> {
        let mode = before.0.clone().map_or(PutMode::Create, PutMode::Update);
        let options = PutOptions { mode, ..PutOptions::default() };
        match wait(self.inner.put_opts(&self.key(key)?, bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failure(&self.shown(key), "written", &error)),
        }
    }

    /// Writes a small object whatever was there.
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let put = wait(self.inner.put(&self.key(key)?, bytes.into()));
        put.map(drop).map_err(|error| failure(&self.shown(key), "written", &error))
    }

    /// Removes an object; one that is gone is no error.
    pub fn remove(&self, key: &str) -> Result<()> {
        match wait(self.inner.delete(&self.key(key)?)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(&self.shown(key), "removed", &error)),
        }
    }

    /// Copies a part of an object to the same place of a file.
    pub fn fetch(&self, key: &str, ranges: Vec<Range<u64>>, into: &Path) -> Result<()> {
        let path = self.key(key)?;
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(into)
            .map_err(|error| on_disk(&self.shown(key), &error))?;
        wait(async {
            let pieces = futures::stream::iter(chunks(ranges)).map(|range| {
                let (path, start) = (&path, range.start);
                async move { self.inner.get_range(path, range).await.map(|bytes| (start, bytes)) }
            });
            let mut pieces = pieces.buffered(ABREAST);
            while let Some(piece) = pieces.next().await {
                let (start, bytes) = piece.map_err(|error| failure(&self.shown(key), "read", &error))?;
                let written = file.seek(SeekFrom::Start(start)).and_then(|_| file.write_all(&bytes));
                written.map_err(|error| on_disk(&self.shown(key), &error))?;
            }
            Ok(())
        })
    }

    /// Copies a file to an object; in several requests where it is large. `go_on` is asked between them.
    pub fn upload(&self, from: &Path, key: &str, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        let mut file = File::open(from).map_err(|error| on_disk(&self.shown(key), &error))?;
        let size = file.metadata().map_err(|error| on_disk(&self.shown(key), &error))?.len();
        let chunk = |file: &mut File| -> Result<Vec<u8>> {
            go_on()?;
            let mut bytes = Vec::new();
            file.take(CHUNK).read_to_end(&mut bytes).map_err(|error| on_disk(&self.shown(key), &error))?;
            Ok(bytes)
        };
        if size <= CHUNK {
            let bytes = chunk(&mut file)?;
            return self.put(key, bytes);
        }
        let wrong = |error: object_store::Error| failure(&self.shown(key), "written", &error);
        let mut upload = wait(self.inner.put_multipart(&self.key(key)?)).map_err(wrong)?;
        let sent = loop {
            let bytes = match chunk(&mut file) {
                Ok(bytes) if bytes.is_empty() => break Ok(()),
                Ok(bytes) => bytes,
                Err(error) => break Err(error),
            };
            if let Err(error) = wait(upload.put_part(bytes.into())) {
                break Err(wrong(error));
            }
        };
        if let Err(error) = sent {
            // What was sent is invisible; that it also takes no room is a courtesy.
            let _ = wait(upload.abort());
            return Err(error);
        }
        wait(upload.complete()).map(drop).map_err(wrong)
    }
}

fn listed(meta: &ObjectMeta) -> Listed {
    Listed { key: meta.location.to_string(), size: meta.size, modified: meta.last_modified.timestamp() }
}

/// Ranges in pieces that one request may ask for.
fn chunks(ranges: Vec<Range<u64>>) -> impl Iterator<Item = Range<u64>> {
    ranges.into_iter().flat_map(|range| {
        let starts = (range.start..range.end).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX));
        starts.map(move |start| start..range.end.min(start + CHUNK))
    })
}

/// Runs a request from a thread that may wait: all work on files is done on such threads.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(work)
}

/// An error of the local disk, where a copy of an object lies.
fn on_disk(shown: &str, error: &std::io::Error) -> Error {
    let kind = if error.kind() == std::io::ErrorKind::PermissionDenied { Kind::Auth } else { Kind::Unavailable };
    Error::new(kind, "the local copy of the object could not be kept")
        .in_file(shown)
        .caused_by(error)
        .hint("Make room in the folder for temporary files, or point TMPDIR to a larger one")
}
