//! Where the files of a run rest between its stages: a folder that this machine sees, or one of an object store with
//! copies in a folder of this machine.
//!
//! A folder that is not shared looks like one from which files were removed. So a note lies beside what is staged, and
//! who wrote a file says what the note was: another note, or none, is another disk.

use super::disk;
use super::file_names::file;
use super::staged::Origin;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use windvane_connectors::remote_folder::RemoteFolder;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::{clock, progress::Progress};
use windvane_core::schema::digest;

const NOTE: &str = ".windvane-disk";

/// Where staging is, as this machine sees it.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// A folder of this machine; of an object store that of the copies.
    pub path: PathBuf,
    pub remote: Option<Arc<RemoteFolder>>,
    /// What this machine is called.
    pub host: Option<String>,
}

/// A folder of staging.
#[derive(Debug, Clone)]
pub struct Folder {
    place: Place,
    path: PathBuf,
    progress: Progress,
    attempt: Option<RunAttempt>,
}

/// Whose files they are: a run, and which doing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAttempt {
    pub run: String,
    pub attempt: u32,
}

impl Place {
    /// The folder of this path, which lies below the place's own.
    pub fn folder(&self, path: PathBuf, progress: &Progress) -> Folder {
        Folder { place: self.clone(), path, progress: progress.clone(), attempt: None }
    }

    /// What the note beside staged files says here.
    fn note(&self) -> Option<String> {
        let text = fs::read_to_string(self.path.join(NOTE)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The same, and writes it first where there is none. A place that takes no note has none.
    fn noted(&self) -> Option<String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if let Some(note) = self.note() {
            return Some(note);
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}:{}:{count}:{:?}", clock::now().rfc3339(), std::process::id(), self.host);
        let beside = self.path.join(format!("{NOTE}.{}.{count}", std::process::id()));
        fs::write(&beside, digest(unique.as_bytes(), 16)).ok()?;
        // Of several that write it at once one wins, and all read what that one wrote.
        let _ = fs::hard_link(&beside, self.path.join(NOTE));
        let _ = fs::remove_file(&beside);
        self.note()
    }

    /// The machine and disk of files that are written here.
    pub fn origin(&self) -> Option<Origin> {
        if self.remote.is_some() {
            return None;
        }
        Some(Origin { host: self.host.clone().or_else(disk::host)?, disk: self.noted() })
    }

    /// What it means that a file is not there depends on who wrote it.
    pub fn gone(&self, uri: &str, origin: Option<&Origin>) -> Error {
        let here = self.host.clone().or_else(disk::host).unwrap_or_default();
        if self.remote.is_none() && uri.contains("://") {
            return Error::missing(format!(
                "staged at {uri}; this worker stages in the folder {}",
                self.path.display()
            ))
            .hint("Set [windvane] staging to the same place on all workers");
        }
        if let Some(origin) = origin
            && (self.remote.is_some() || origin.disk.is_none() || origin.disk != self.note())
            && (origin.disk.is_some() || origin.host != here)
        {
            let message = format!("staged on {}'s disk at {uri}; this is {here}, which does not see it", origin.host);
            return Error::missing(message).hint(
                "Set [windvane] staging to a shared folder or s3://bucket/folder (gs://, az://) on all workers, then \
                 clear the run",
            );
        }
        Error::missing(format!("the staged file '{uri}' is gone"))
            .hint("Run the pipeline's extract again: staging is kept only until a run ends")
    }
}

impl Folder {
    /// The same as that of a run.
    #[must_use]
    pub fn of(self, run: &str, attempt: u32) -> Self {
        Self { attempt: Some(RunAttempt { run: run.to_owned(), attempt }), ..self }
    }

    pub fn attempt(&self) -> Option<&RunAttempt> {
        self.attempt.as_ref()
    }

    /// Of this machine: for what no other stage needs.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a dataset and stage.
    pub fn file(&self, dataset: &str, ending: &str) -> PathBuf {
        file(&self.path, dataset, ending)
    }

    /// The folder of a dataset inside this one.
    #[must_use]
    pub fn below(&self, dataset: &str, ending: &str) -> Self {
        Self { path: self.file(dataset, ending), ..self.clone() }
    }

    pub fn origin(&self) -> Option<Origin> {
        self.place.origin()
    }

    /// How other stages call a file of this folder.
    pub fn uri(&self, path: &Path) -> Result<String> {
        self.place.remote.as_ref().map_or_else(|| Ok(path.display().to_string()), |remote| remote.address(path))
    }

    /// Makes a written file known to other machines, and says how they call it.
    pub fn keep(&self, path: &Path) -> Result<String> {
        match &self.place.remote {
            Some(remote) => remote.send(path, &|| self.progress.wanted()),
            None => Ok(path.display().to_string()),
        }
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, path: &Path) -> Result<()> {
        if let Some(remote) = &self.place.remote {
            return remote.remove(path);
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk::failed("removed", path, &error)),
            _ => Ok(()),
        }
    }

    /// A file as one of this machine; nothing where it is not there.
    pub fn find(&self, uri: &str) -> Result<Option<PathBuf>> {
        match &self.place.remote {
            Some(remote) if uri.contains("://") => remote.fetch(uri, &|| self.progress.wanted()),
            _ => Ok(Some(PathBuf::from(uri)).filter(|path| path.exists())),
        }
    }

    /// The same of a file of this folder.
    pub fn find_file(&self, dataset: &str, ending: &str) -> Result<Option<PathBuf>> {
        self.find(&self.uri(&self.file(dataset, ending))?)
    }

    /// A staged file as one of this machine.
    pub fn staged(&self, uri: &str, origin: Option<&Origin>) -> Result<PathBuf> {
        self.find(uri)?.ok_or_else(|| self.place.gone(uri, origin))
    }

    /// The quarantine files of this folder, wherever they were written: their paths here, and how others call them.
    pub fn quarantine(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        if let Some(remote) = &self.place.remote {
            let paths = remote.below(&self.inside())?.into_iter().map(|kept| self.place.path.join(kept.name));
            found.extend(paths.filter(|path| is_quarantine(path)));
        } else {
            walk(&self.path, &mut found);
        }
        found.sort();
        found.into_iter().map(|path| Ok((path.clone(), self.uri(&path)?))).collect()
    }

    fn inside(&self) -> String {
        self.path.strip_prefix(&self.place.path).unwrap_or(&self.path).to_string_lossy().into_owned()
    }

    /// Staged rows go, quarantine stays. What cannot be removed is only space.
    pub fn clear(&self) {
        if let Some(remote) = &self.place.remote
            && let Err(error) = self.clear_remote(remote)
        {
            tracing::warn!("staging files of {} stay: {error}", remote.place());
        }
        clear(&self.path);
    }

    fn clear_remote(&self, remote: &RemoteFolder) -> Result<()> {
        let rows = |name: &String| Path::new(name).extension().is_some_and(|ending| ending == "parquet");
        let mut names = remote.below(&self.inside())?.into_iter().map(|kept| kept.name).filter(rows);
        names.try_for_each(|name| remote.drop_name(&name))
    }
}

fn is_quarantine(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".quarantine.jsonl")
}

/// A folder that is not here has none.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if is_quarantine(&path) && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        {
            found.push(path);
        }
    }
}

fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == windvane_engine::spill::ENDING) {
            // Of a process that was killed.
            if let Err(error) = fs::remove_dir_all(&path) {
                tracing::warn!("spilled rows in {} stay: {error}", path.display());
            }
        } else if path.is_dir() {
            clear(&path);
        } else if path.extension().is_some_and(|ending| ending == "parquet")
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!("staging file {} stays: {error}", path.display());
        }
    }
}
