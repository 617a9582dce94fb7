//! How the next manifest of a local folder takes the place of the last one.

use super::folder::{Folder, Version, local_text, within};
use super::manifest::{FILE, Manifest};
use super::orphans::refuse_foreign;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Kind, Result};

const LOCK: &str = ".lock";
const LOCK_TRIES: usize = 3000;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

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
    refuse_foreign(&Folder::Local(folder.to_owned()), known, next)?;
    let moved = fresh.iter().try_for_each(|name| {
        let place = within(folder, name)?;
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
