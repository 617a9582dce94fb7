//! A loaded folder, on the local disk or in an object store: its manifest, its files, and how the next manifest takes
//! the place of the last one.
//!
//! Locally the kernel's locks keep processes apart (see `load`). In a store there are none: files are sent under names
//! that no other load uses, then the manifest is replaced on the condition that it still is the one that was read.
//!
//! What a killed load has sent is removed by a later one. While it sends, a load keeps a lease, an object that it
//! writes again and again; a lease that is older than [`lease`] by the store's own clock belongs to nobody. Its files
//! are removed only once a manifest is published that retires them: a load that was only asleep finds its files retired
//! or gone before it can publish, and ends as a conflict.

use super::manifest::{FILE, Manifest, Part};
use super::piece::{At, Piece};
use super::{failure, hive};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use windvane_connect::objects::{self, Store};
use windvane_core::error::{Error, Kind, Result};

const LOCK: &str = ".lock";
const LOCK_TRIES: usize = 3000;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
pub(super) const LEASES: &str = "_leases";

/// A folder of one dataset.
#[derive(Debug, Clone)]
pub(super) enum Folder {
    Local(PathBuf),
    Object { store: Store, key: String },
}

/// The manifest that a next one was made from.
pub(super) enum Version {
    Local(Option<Vec<u8>>),
    Object(objects::Version),
}

impl Folder {
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Object { store, key } => store.shown(key),
        }
    }

    pub(super) fn manifest(&self) -> Result<(Option<Manifest>, Version)> {
        match self {
            Self::Local(folder) => {
                let path = folder.join(FILE);
                let text = local_text(&path)?;
                let manifest = text.as_deref().map(|text| Manifest::understood(text, &path.display().to_string()));
                Ok((manifest.transpose()?, Version::Local(text)))
            }
            Self::Object { store, key } => {
                let key = format!("{key}/{FILE}");
                let (text, version) = store.get(&key)?;
                let manifest = text.map(|text| Manifest::understood(&text, &store.shown(&key)));
                Ok((manifest.transpose()?, Version::Object(version)))
            }
        }
    }

    /// A file of the manifest.
    pub(super) fn piece(&self, part: &Part) -> Piece {
        let at = match self {
            Self::Local(folder) => At::Local(folder.join(&part.path)),
            Self::Object { store, key } => {
                At::Object { store: store.clone(), key: format!("{key}/{}", part.path), size: part.bytes }
            }
        };
        Piece { at, values: hive::values_of(&part.path) }
    }

    /// The files below it, also those in folders that hold values, sorted; hidden ones are left out.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        Ok(self.sizes()?.into_keys().collect())
    }

    /// The same files and their bytes.
    pub(super) fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        let mut sizes = BTreeMap::new();
        match self {
            Self::Local(folder) => walk(folder, "", &mut sizes)?,
            Self::Object { store, key } => {
                let below = format!("{key}/");
                let all = store.list(key)?.into_iter();
                let all = all.filter_map(|one| Some((one.key.strip_prefix(&below)?.to_owned(), one.size)));
                sizes.extend(all.filter(|(name, _)| !name.split('/').any(|part| part.starts_with(['.', '_']))));
            }
        }
        Ok(sizes)
    }

    /// Removes a file, and the folders of values that it leaves empty.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match self {
            Self::Object { store, key } => store.remove(&format!("{key}/{name}")),
            Self::Local(folder) => {
                let path = folder.join(name);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failure(&path, "removed", &error));
                    }
                    Ok(()) | Err(_) => {}
                }
                let mut above = path.parent();
                while let Some(path) = above.filter(|path| *path != folder.as_path()) {
                    if fs::remove_dir(path).is_err() {
                        break;
                    }
                    above = path.parent();
                }
                Ok(())
            }
        }
    }
}

/// Locks a local folder until the file is dropped.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|error| failure(&path, "locked", &error))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(failure(&path, "locked", &error)),
        }
    }
    Err(Error::new(Kind::Unavailable, "another load holds the folder's lock")
        .in_file(folder.display().to_string())
        .hint("Wait until it ends"))
}

/// Moves staged files to their places and makes the manifest the folder's, if the last one still is; false when
/// another load was faster.
pub(super) fn commit_locally(
    folder: &Path,
    inside: &Path,
    fresh: &[String],
    next: &Manifest,
    known: Option<&Manifest>,
    before: &Version,
) -> Result<bool> {
    let _lock = lock(folder)?;
    let Version::Local(before) = before else { return Err(Error::internal("a folder met the version of an object")) };
    if local_text(&folder.join(FILE))? != *before {
        return Ok(false);
    }
    super::load::refuse_foreign(&Folder::Local(folder.to_owned()), known, next)?;
    let moved = fresh.iter().try_for_each(|name| {
        let place = folder.join(name);
        let made = place.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::rename(inside.join(name), &place))
            .map_err(|error| failure(&place, "written", &error))?;
        let parent = place.parent().unwrap_or(folder);
        sync(parent).map_err(|error| failure(parent, "written", &error))
    });
    if let Err(error) = moved.and_then(|()| publish(folder, next)) {
        // Not visible, so not wanted; should even this fail, the staging folder tells the next load.
        for name in fresh {
            let _ = Folder::Local(folder.to_owned()).remove(name);
        }
        return Err(error);
    }
    Ok(true)
}

/// Makes this the folder's manifest, whole or not at all.
fn publish(folder: &Path, next: &Manifest) -> Result<()> {
    let path = folder.join(FILE);
    let beside = folder.join(".manifest.new");
    let wrong = |error: io::Error| failure(&path, "written", &error);
    let text = next.text()?;
    let mut file = File::create(&beside).map_err(wrong)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(wrong)?;
    fs::rename(&beside, &path).map_err(wrong)?;
    sync(folder).map_err(wrong)
}

/// Makes renames and removals in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn local_text(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failure(path, "read", &error)),
    }
}

fn walk(folder: &Path, below: &str, sizes: &mut BTreeMap<String, u64>) -> Result<()> {
    let wrong = |error: io::Error| failure(folder, "listed", &error);
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        let path = format!("{below}{name}");
        let is_folder = entry.file_type().map_err(wrong)?.is_dir();
        if is_folder && hive::value_of(&name).is_some() {
            walk(&entry.path(), &format!("{path}/"), sizes)?;
        } else if !is_folder {
            sizes.insert(path, entry.metadata().map_err(wrong)?.len());
        }
    }
    Ok(())
}
