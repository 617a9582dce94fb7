//! A load into a folder: staged beside, read back, compared, then made visible by one rename of the manifest.
//!
//! Killed anywhere, the folder reads as before; the next load cleans up. Two locks that the kernel releases on death
//! keep processes apart: the folder's (held while its manifest is read and replaced) and one of each staging folder
//! (held while it is written, so that nobody takes it for left over).

use super::manifest::{FILE, Manifest, Part, sync_folder};
use super::write::{PartFile, ending};
use super::{Files, failure};
use crate::connectors::{BATCH_ROWS, Expected, FoundKind, LoadRequest, Loaded};
use crate::error::{Error, Kind, Result};
use crate::schema::{Schema, checksum::Checksum};
use crate::spec::target::{Compression, Mode};
use arrow::array::RecordBatch;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const STAGING: &str = ".staging-";
const LOCK: &str = ".lock";
const LOCK_TRIES: usize = 3000;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What a load finds when it begins.
pub(super) enum Begun {
    Already(Loaded),
    Fresh(Box<Staging>),
}

/// A load that is not visible yet; dropping it removes what it wrote.
pub(super) struct Staging {
    request: LoadRequest,
    kind: FoundKind,
    compression: Option<Compression>,
    folder: PathBuf,
    inside: PathBuf,
    part: String,
    /// Locked as long as this lives.
    _lock: File,
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Whatever stays is cleaned by the next load.
        let _ = fs::remove_dir_all(&self.inside);
    }
}

/// A folder name for a dataset: the name itself where that is safe, otherwise with `%` escapes.
fn folder_name(dataset: &str) -> Result<String> {
    let mut name = String::new();
    for (at, c) in dataset.chars().enumerate() {
        let hidden = at == 0 && matches!(c, '.' | '_');
        if hidden
            || c.is_control()
            || matches!(c, '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '[' | ']')
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

/// Takes the folder and looks what is there; nothing visible is changed.
pub(super) fn begin(files: &Files, request: LoadRequest) -> Result<Begun> {
    let kind = files.writes.ok_or_else(|| Error::internal("files opened as a source cannot be loaded"))?;
    let compression = request.compression.or(files.compression);
    let part = format!("part-{}.{}", request.load_id, ending(kind, compression)?);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if request.load_id.is_empty() || request.load_id.len() > 128 || !request.load_id.chars().all(fits) {
        return Err(Error::spec(format!("'{}' is not a load id", request.load_id)).hint("Use letters and digits"));
    }
    let folder = files.bounds.resolve(&files.path)?.join(folder_name(&request.dataset)?);
    files.bounds.admit(&folder)?;
    fs::create_dir_all(&folder).map_err(|error| failure(&folder, "created", &error))?;
    let _lock = lock_folder(&folder)?;
    let manifest = Manifest::read(&folder)?;
    if let Some(known) = manifest.as_ref().filter(|known| known.dataset != request.dataset) {
        return Err(Error::new(Kind::Conflict, format!("the folder belongs to the dataset '{}'", known.dataset))
            .in_file(folder.display().to_string())
            .hint("This file system does not tell the two names apart: rename one of the datasets"));
    }
    clean(&folder, manifest.as_ref())?;
    if let Some(loaded) = manifest.as_ref().and_then(|known| known.loaded(&request.load_id)) {
        return Ok(Begun::Already(loaded));
    }
    refuse_foreign(&folder, manifest.as_ref())?;
    if let (Mode::Append, Some(known)) = (request.mode, &manifest) {
        merged(&known.columns, &request.schema, &folder)?;
    }
    let inside = folder.join(format!("{STAGING}{}", request.load_id));
    if inside.exists() {
        return Err(Error::new(Kind::Unavailable, "the same load is running in another process")
            .in_file(folder.display().to_string())
            .hint("Wait until it ends; a second try then finds its result"));
    }
    fs::create_dir(&inside).map_err(|error| failure(&inside, "created", &error))?;
    let lock = File::create(inside.join(LOCK)).map_err(|error| failure(&inside, "created", &error))?;
    lock.try_lock().map_err(|error| failure(&inside, "locked", &error.into()))?;
    Ok(Begun::Fresh(Box::new(Staging { request, kind, compression, folder, inside, part, _lock: lock })))
}

impl Staging {
    /// Writes what `next` gives until it gives nothing.
    pub(super) fn write(&self, mut next: impl FnMut() -> Option<RecordBatch>) -> Result<()> {
        let path = self.inside.join(&self.part);
        let mut file = PartFile::create(&path, self.kind, self.compression, &self.request.schema)?;
        while let Some(batch) = next() {
            file.write(&batch)?;
        }
        file.finish()
    }

    /// Reads the part back and compares it with what it must hold.
    pub(super) fn verify(&self) -> Result<Part> {
        let path = self.inside.join(&self.part);
        let mut checksum = Checksum::default();
        for batch in super::read::own_rows(&path, self.kind, &self.request.schema, BATCH_ROWS)? {
            let batch = batch?;
            if let Some(refused) = batch.rejected.first() {
                return Err(Error::data(format!("what was written does not read back: {}", refused.reason))
                    .in_file(path.display().to_string())
                    .in_row(refused.row)
                    .hint("This content does not fit the format; Parquet holds every value"));
            }
            checksum.update(&batch.rows)?;
        }
        let found = Expected { rows: checksum.rows(), checksum: Some(checksum.finish()) };
        let wanted = self.request.expected.as_ref().unwrap_or(&found);
        if found != *wanted {
            return Err(Error::data(format!(
                "the written file holds {} rows with the checksum {}, where {} rows with the checksum {} are expected",
                found.rows, found.checksum.as_deref().unwrap_or_default(), wanted.rows, wanted.checksum.as_deref().unwrap_or_default()
            ))
            .in_file(self.folder.display().to_string())
            .hint("Nothing was changed at the target; run the pipeline again from its source"));
        }
        let bytes = fs::metadata(&path).map_err(|error| failure(&path, "read", &error))?.len();
        let load_id = self.request.load_id.clone();
        Ok(Part { path: self.part.clone(), rows: found.rows, bytes, checksum: checksum.finish(), load_id })
    }

    /// Makes the part visible.
    pub(super) fn publish(&self, part: Part) -> Result<Loaded> {
        let folder = &self.folder;
        let _lock = lock_folder(folder)?;
        let known = Manifest::read(folder)?;
        if let Some(loaded) = known.as_ref().and_then(|known| known.loaded(&self.request.load_id)) {
            return Ok(loaded);
        }
        refuse_foreign(folder, known.as_ref())?;
        let mut next = Manifest::new(&self.request.dataset, self.request.schema.clone());
        let old = known.as_ref().map(|known| known.parts.clone()).unwrap_or_default();
        match self.request.mode {
            Mode::Append => {
                if let Some(known) = &known {
                    next.columns = merged(&known.columns, &self.request.schema, folder)?;
                }
                next.parts = old;
            }
            Mode::Merge | Mode::History => return Err(Error::unsupported("not yet")),
            Mode::Replace => next.retired = old.into_iter().map(|part| part.path).collect(),
        }
        let loaded = Loaded {
            load_id: part.load_id.clone(),
            rows: part.rows,
            bytes: part.bytes,
            checksum: Some(part.checksum.clone()),
            refused: Vec::new(),
            changes: None,
            already: false,
        };
        next.parts.push(part);
        let place = folder.join(&self.part);
        fs::rename(self.inside.join(&self.part), &place).map_err(|error| failure(&place, "written", &error))?;
        sync_folder(folder).map_err(|error| failure(folder, "written", &error))?;
        if let Err(error) = next.publish(folder) {
            // Not visible, so not wanted; should even this fail, the staging folder tells the next load.
            let _ = fs::remove_file(&place);
            return Err(error);
        }
        for name in &next.retired {
            let _ = fs::remove_file(folder.join(name));
        }
        Ok(loaded)
    }
}

/// Both sets of columns; columns of one name must be of one type.
fn merged(known: &Schema, new: &Schema, folder: &Path) -> Result<Schema> {
    let mut fields = known.fields.clone();
    for field in &new.fields {
        match known.field(&field.name) {
            None => fields.push(field.clone()),
            Some(old) if old.data_type == field.data_type => {}
            Some(old) => {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("the column '{}' is {} and cannot take {}", field.name, old.data_type, field.data_type),
                )
                .in_file(folder.display().to_string())
                .hint("Cast the column to the type it has, or load with the mode `replace`"));
            }
        }
    }
    Ok(Schema::new(fields))
}

fn lock_folder(folder: &Path) -> Result<File> {
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

/// Removes what dead loads left: called with the folder's lock held.
fn clean(folder: &Path, manifest: Option<&Manifest>) -> Result<()> {
    let listed = |name: &str| manifest.is_some_and(|known| known.parts.iter().any(|part| part.path == name));
    for name in manifest.map(|known| known.retired.as_slice()).unwrap_or_default() {
        remove(&folder.join(name))?;
    }
    for entry in entries(folder)? {
        let Some(load_id) = entry.strip_prefix(STAGING) else { continue };
        let inside = folder.join(&entry);
        let lock = File::options().write(true).open(inside.join(LOCK));
        if lock.as_ref().is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            continue;
        }
        // A part may have been moved to its place without having been published.
        let orphan = format!("part-{load_id}.");
        for name in entries(folder)? {
            if name.starts_with(&orphan) && !listed(&name) {
                remove(&folder.join(name))?;
            }
        }
        fs::remove_dir_all(&inside).map_err(|error| failure(&inside, "removed", &error))?;
    }
    Ok(())
}

/// Refuses a folder that holds data which is not ours: publishing a manifest would hide it.
fn refuse_foreign(folder: &Path, manifest: Option<&Manifest>) -> Result<()> {
    let listed = |name: &str| manifest.is_some_and(|known| known.parts.iter().any(|part| part.path == name));
    let data = |name: &String| super::locate::kind_by_ending(Path::new(name)).is_some();
    let hidden = |name: &String| name.starts_with(['.', '_']) || name == FILE;
    let foreign = entries(folder)?.into_iter().find(|name| data(name) && !hidden(name) && !listed(name));
    match foreign {
        None => Ok(()),
        Some(name) => {
            Err(Error::new(Kind::Conflict, format!("the folder holds '{name}', which windvane did not write"))
                .in_file(folder.display().to_string())
                .hint("Move the file away or load into another folder: a load would hide or replace it"))
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<String>> {
    let wrong = |error: io::Error| failure(folder, "listed", &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        names.push(entry.map_err(wrong)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure(path, "removed", &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
