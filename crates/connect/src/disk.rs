//! Folders of this machine: where a path really lies, and folders for temporary files.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use windvane_core::error::{Error, Kind, Result};

const FOLDER: &str = "windvane-copies-";
const LOCK: &str = ".lock";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// How a person allows another folder.
pub const ALLOW: &str =
    "allow another folder with --root FOLDER (or WINDVANE_ROOTS) at the shell, [windvane] roots in Airflow";

/// Resolves links of the longest existing part; the rest may not go up.
pub fn real_path(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|error| failure(path, "found", &error))?;
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            let dangling = rest.components().next().is_some_and(|first| ancestor.join(first).is_symlink());
            let climbs = rest.components().any(|part| matches!(part, Component::ParentDir));
            if climbs || dangling {
                return Err(Error::spec("the path cannot be followed")
                    .in_file(path.display().to_string())
                    .hint("Write it without '..' and links"));
            }
            return Ok(real.join(rest));
        }
    }
    Ok(path)
}

/// A new folder for temporary files, locked; folders whose owner is dead are removed.
pub fn scratch() -> Result<(PathBuf, File)> {
    let base = std::env::temp_dir();
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| failure(&path, "created", &error)
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    if number == 0 {
        clean(&base);
    }
    let folder = base.join(format!("{FOLDER}{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).map_err(wrong(&folder))?;
    let locked = File::create(folder.join(LOCK)).and_then(|lock| lock.try_lock().map(|()| lock).map_err(Into::into));
    match locked {
        Ok(lock) => Ok((folder, lock)),
        Err(error) => {
            let _ = fs::remove_dir(&folder);
            Err(failure(&folder, "created", &error))
        }
    }
}

/// What is younger than this may not have been locked yet.
const SETTLED: Duration = Duration::from_mins(1);

fn clean(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let age = entry.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        if !entry.file_name().to_string_lossy().starts_with(FOLDER) || age.is_none_or(|age| age < SETTLED) {
            continue;
        }
        let dead = match File::options().write(true).open(entry.path().join(LOCK)) {
            Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if dead {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// An error of the file system, in words. `done` completes "the file could not be …".
pub fn failure(path: &Path, done: &str, error: &io::Error) -> Error {
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
