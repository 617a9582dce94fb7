//! A folder of an object store as the place of files that several machines work on, one after the other.
//!
//! A file is written into a folder of this machine and then sent whole; it is fetched once, when it is first read here.
//! So writers and readers know files only. The folder lies where temporary files do and goes with this one; those of
//! dead processes are removed by the next one.
//!
//! Invariants: an object appears whole or not at all; no message holds a credential.

use crate::disk::scratch;
use crate::objects::{Listed, Location, Store};
use crate::secrets::Secrets;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::schema::digest;

/// Fetched between two looks whether anybody still waits.
const PART: u64 = 64 << 20;
/// How long the first word with the store may take: what is wrong with it is said at once.
const FIRST_WORD: Duration = Duration::from_secs(20);
const PROBE: &str = ".windvane-probe";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A folder of an object store, and that of this machine where copies of its files lie.
pub struct RemoteFolder {
    store: Store,
    /// Of the folder, without slashes at its ends.
    key: String,
    scratch: PathBuf,
    /// Files are read and written on threads of all kinds.
    handle: Handle,
    _lock: File,
}

/// A file in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Below the folder.
    pub name: String,
    pub bytes: u64,
    /// Seconds since 1970.
    pub modified: i64,
}

impl std::fmt::Debug for RemoteFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Drop for RemoteFolder {
    fn drop(&mut self) {
        // What stays is removed by the next process.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

impl RemoteFolder {
    /// Opens the folder with a connection's credentials, or with those of the environment; asks the store nothing yet.
    pub fn open(address: &str, connection: Option<&str>, secrets: &Secrets) -> Result<Self> {
        let location = Location::read(address)?;
        let key = location.key.clone();
        let store = Store::open(location, connection, secrets)?;
        let handle = Handle::try_current()
            .map_err(|error| Error::internal("a shelf is opened outside of the runtime").caused_by(&error))?;
        let (scratch, lock) = scratch()?;
        // Without links on the way, so that paths can be told from each other.
        let scratch = fs::canonicalize(&scratch).unwrap_or(scratch);
        Ok(Self { store, key, scratch, handle, _lock: lock })
    }

    /// The folder of this machine; a path below it stands for the address of the same name.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The address of the folder.
    pub fn place(&self) -> String {
        self.store.shown(&self.key)
    }

    /// The address of a file whose copy has this path.
    pub fn address(&self, path: &Path) -> Result<String> {
        Ok(self.store.shown(&self.key_of_path(path)?))
    }

    /// Sends a file whole, and gives its address. `go_on` is asked now and then.
    pub fn send(&self, path: &Path, go_on: &dyn Fn() -> Result<()>) -> Result<String> {
        let key = self.key_of_path(path)?;
        self.outside(|| self.store.upload(path, &key, go_on))?;
        Ok(self.store.shown(&key))
    }

    /// The copy of a file, fetched if it is not here yet; nothing where there is no such file.
    pub fn fetch(&self, address: &str, go_on: &dyn Fn() -> Result<()>) -> Result<Option<PathBuf>> {
        let (key, path) = self.found(address)?;
        if path.exists() {
            return Ok(Some(path));
        }
        self.outside(|| {
            let Some(listed) = self.store.look(&key)? else { return Ok(None) };
            let wrong = |error: std::io::Error| {
                Error::new(Kind::Unavailable, "the copy of a staged file could not be kept")
                    .in_file(address)
                    .caused_by(&error)
                    .hint("Make room in the folder for temporary files, or point TMPDIR to a larger one")
            };
            path.parent().map_or(Ok(()), fs::create_dir_all).map_err(wrong)?;
            // Two threads may want it at once.
            let beside = path.with_extension(format!("fetched-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
            File::create(&beside).map_err(wrong)?;
            let starts = (0..listed.size).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
            for start in starts {
                go_on()?;
                let part = start..listed.size.min(start + PART);
                self.store.fetch(&key, Vec::from([part]), &beside)?;
            }
            fs::rename(&beside, &path).map_err(wrong)?;
            Ok(Some(path.clone()))
        })
    }

    /// Removes a file and its copy; one that is gone is no error.
    pub fn remove(&self, path: &Path) -> Result<()> {
        let key = self.key_of_path(path)?;
        let _ = fs::remove_file(path);
        self.outside(|| self.store.remove(&key))
    }

    /// The files below a folder of this one, sorted by name; all, where its name is empty.
    pub fn below(&self, folder: &str) -> Result<Vec<RemoteFile>> {
        let prefix = self.within(folder);
        let skipped = if self.key.is_empty() { 0 } else { self.key.len() + 1 };
        let kept = |listed: Listed| RemoteFile {
            name: listed.key.get(skipped..).unwrap_or_default().to_owned(),
            bytes: listed.size,
            modified: listed.modified,
        };
        Ok(self.outside(|| self.store.list(&prefix))?.into_iter().map(kept).collect())
    }

    /// Makes sure that the store takes, gives and lets go of a file: what is wrong with it is said before any work.
    pub async fn ready(self: &Arc<Self>) -> Result<()> {
        let remote = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || remote.probe());
        let said = match tokio::time::timeout(FIRST_WORD, asked).await {
            Ok(Ok(said)) => said,
            Ok(Err(panic)) => Err(Error::internal("the staging place was not asked").caused_by(&panic)),
            Err(_) => Err(Error::new(Kind::Timeout, format!("no answer within {} s", FIRST_WORD.as_secs())).hint(
                "Check the endpoint and the way to it. Without credentials the machine's own are asked for, which only \
                 a cloud answers: name a connection, s3://CONNECTION@bucket/folder, or set those of the environment",
            )),
        };
        said.map_err(|error| {
            let hint = error.hint_text().unwrap_or("Check [windvane] staging");
            let named = ". Staging names its connection before the bucket: s3://CONNECTION@bucket/folder";
            let hint = format!("{hint}{}", if error.kind() == Kind::Auth { named } else { "" });
            Error::new(error.kind(), format!("staging at '{}' cannot be used", self.place()))
                .caused_by(&error)
                .hint(hint)
        })
    }

    fn probe(&self) -> Result<()> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}:{}:{count}", clock::now().rfc3339(), std::process::id());
        let key = self.within(&format!("{PROBE}-{}", digest(unique.as_bytes(), 16)));
        self.outside(|| {
            self.store.put(&key, unique.clone().into_bytes())?;
            let (read, _) = self.store.get(&key)?;
            self.store.remove(&key)?;
            if read.as_deref() == Some(unique.as_bytes()) {
                return Ok(());
            }
            Err(Error::new(Kind::Unavailable, "the store does not give back what it was given")
                .in_file(self.store.shown(&key))
                .hint("Check the endpoint of the connection"))
        })
    }

    /// Removes the file of this name.
    pub fn drop_name(&self, name: &str) -> Result<()> {
        self.outside(|| self.store.remove(&self.within(name)))
    }

    fn within(&self, name: &str) -> String {
        let both = [self.key.as_str(), name].into_iter().filter(|part| !part.is_empty());
        both.collect::<Vec<_>>().join("/")
    }

    fn key_of_path(&self, path: &Path) -> Result<String> {
        let inside = path.strip_prefix(&self.scratch).map_err(|error| {
            Error::internal("a file outside of the shelf").in_file(path.display().to_string()).caused_by(&error)
        })?;
        Ok(self.within(&inside.to_string_lossy()))
    }

    /// The key of an address below this folder, and the path of its copy.
    fn found(&self, address: &str) -> Result<(String, PathBuf)> {
        let key = self.store.location().key_of(address).unwrap_or_default();
        let name = if self.key.is_empty() { Some(key.as_str()) } else { key.strip_prefix(&format!("{}/", self.key)) };
        let name = name.map(Path::new).filter(|name| {
            name.file_name().is_some() && name.components().all(|part| matches!(part, Component::Normal(_)))
        });
        let Some(name) = name else {
            return Err(Error::missing(format!("staged at {address}; this worker stages at {}", self.place()))
                .hint("Set [windvane] staging to the same place on all workers"));
        };
        Ok((self.within(&name.to_string_lossy()), self.scratch.join(name)))
    }

    /// Waits for the store, on whatever thread this is.
    fn outside<T>(&self, work: impl FnOnce() -> T) -> T {
        tokio::task::block_in_place(|| {
            let _runtime = self.handle.enter();
            work()
        })
    }
}
