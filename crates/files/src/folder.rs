//! A loaded folder, on the local disk or in an object store: its manifest and its files.
//!
//! Locally the kernel's locks keep processes apart (see `publish`). In a store there are none: files are sent under names
//! that no other load uses, then the manifest is replaced on the condition that it still is the one that was read.
//!
//! What a killed load has sent is removed by a later one. While it sends, a load keeps a lease, an object that it
//! writes again and again; a lease that is older than [`lease`] by the store's own clock belongs to nobody. Its files
//! are removed only once a manifest is published that retires them: a load that was only asleep finds its files retired
//! or gone before it can publish, and ends as a conflict.

use super::hive;
use super::manifest::{FILE, Manifest, Part};
use super::piece::{At, Piece};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use windvane_connect::disk::failure;
use windvane_connect::objects::{self, Store};
use windvane_core::error::{Error, Kind, Result};

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
                let path = within(folder, name)?;
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

/// The path of a file of the folder, none of whose folders is a link: what is written and removed lies in the folder
/// itself, wherever that may lie.
pub(super) fn within(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    let folders = path.ancestors().skip(1).take_while(|above| *above != folder);
    for above in folders {
        if fs::symlink_metadata(above).is_ok_and(|found| found.is_symlink()) {
            return Err(Error::new(Kind::Data, "a folder of the target is a symbolic link")
                .in_file(above.display().to_string())
                .hint("Nothing behind it is written or removed: put the files themselves there"));
        }
    }
    Ok(path)
}

pub(super) fn local_text(path: &Path) -> Result<Option<Vec<u8>>> {
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

/// A folder name for a dataset: the name itself where that is safe, otherwise with `%` escapes.
pub(super) fn folder_name(dataset: &str) -> Result<String> {
    let mut name = String::new();
    for (at, c) in dataset.chars().enumerate() {
        let hidden = at == 0 && matches!(c, '.' | '_');
        // A folder with '=' would be taken for one that holds a value.
        if hidden
            || c.is_control()
            || matches!(c, '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '[' | ']' | '=')
        {
            let mut bytes = [0; 4];
            name.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            name.push(c);
        }
    }
    if name.is_empty() || name.len() > 255 {
        return Err(Error::spec(format!("'{dataset}' cannot be a folder's name"))
            .hint("Dataset names have 1 to 255 bytes, less where they hold special characters"));
    }
    Ok(name)
}
