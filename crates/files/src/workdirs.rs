//! Where the workdirs of local datasets are, and what dead loads left in them. They lie outside of the datasets' folders,
//! because readers that look for files see hidden ones too.

use super::folder::Folder;
use super::manifest::Manifest;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use windvane_connect::disk::failure;
use windvane_core::error::Result;

const STAGING: &str = ".windvane-staging";
pub(super) const LOCK: &str = ".lock";
const CREATE_TRIES: usize = 10;

/// Where the workdirs of a local dataset are: beside its folder, on the same file system, so that files can be renamed to
/// their places.
pub(super) fn workdirs(path: &Path) -> Result<PathBuf> {
    let wrong = |error: io::Error| failure(path, "read", &error);
    let real = fs::canonicalize(path).map_err(wrong)?;
    let (Some(above), Some(name)) = (real.parent(), real.file_name()) else { return Ok(real.join(STAGING)) };
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).map_err(wrong);
    // A folder that another disk is mounted on has nothing beside it.
    Ok(if device(above)? == device(&real)? { above.join(STAGING).join(name) } else { real.join(STAGING) })
}

/// Makes a workdir; the end of another load may take an empty folder above away meanwhile.
pub(super) fn create(inside: &Path) -> io::Result<()> {
    for _ in 0..CREATE_TRIES {
        inside.parent().map_or(Ok(()), fs::create_dir_all)?;
        match fs::create_dir(inside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    fs::create_dir(inside)
}

/// Takes the folders above a workdir away, if nothing is in them.
pub(super) fn leave(inside: &Path) {
    let _ =
        inside.ancestors().skip(1).take_while(|above| above.components().any(is_staging)).try_for_each(fs::remove_dir);
}

fn is_staging(part: Component<'_>) -> bool {
    part.as_os_str() == STAGING
}

/// Removes what dead loads left of a local dataset: called with the folder's lock held.
pub(super) fn clean(path: &Path, manifest: Option<&Manifest>) -> Result<()> {
    let folder = Folder::Local(path.to_owned());
    for name in manifest.map(|known| known.retired.as_slice()).unwrap_or_default() {
        folder.remove(name)?;
    }
    let wrong = |error: io::Error| failure(path, "listed", &error);
    let left = match fs::read_dir(workdirs(path)?) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(wrong)?,
    };
    for entry in left {
        let inside = entry.map_err(wrong)?.path();
        let load_id = inside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = File::options().write(true).open(inside.join(LOCK));
        if lock.as_ref().is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            continue;
        }
        // A file may have been moved to its place without having been published.
        let orphan = format!("part-{load_id}.");
        for name in folder.names()? {
            let is_orphan = name.rsplit('/').next().unwrap_or(&name).starts_with(&orphan);
            if is_orphan && !manifest.is_some_and(|known| known.names(&name)) {
                folder.remove(&name)?;
            }
        }
        fs::remove_dir_all(&inside).map_err(|error| failure(&inside, "removed", &error))?;
        leave(&inside);
    }
    Ok(())
}
