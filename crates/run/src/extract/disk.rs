//! Files of staging on this machine's disk: written beside their place and put there whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Result};

/// The name of this machine, where the system tells it.
pub fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname")).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The temporary name of a file that is being written, in the folder of the final one; makes the folder.
pub fn beside(path: &Path) -> Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| failed("written", folder, &error))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.part")))
}

/// Puts a written file on the disk and gives it its name.
pub fn settle(handle: &File, beside: &Path, path: &Path) -> Result<u64> {
    handle.sync_all().map_err(|error| failed("written", beside, &error))?;
    let bytes = handle.metadata().map_err(|error| failed("written", beside, &error))?.len();
    fs::rename(beside, path).map_err(|error| failed("written", path, &error))?;
    // The rename itself must survive a power cut too.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("written", folder, &error))?;
    }
    Ok(bytes)
}

pub fn failed(verb: &str, path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    Error::new(windvane_core::error::Kind::Unavailable, format!("'{}' could not be {verb}", path.display()))
        .hint("Check that the staging folder exists, is writable and has free space")
        .caused_by(error)
}
