//! How the files of a run are called.

use std::path::{Path, PathBuf};
use windvane_core::schema::digest;

/// Bytes of a file's name; file systems take 255, and some of our files get a few more while they are written.
const LONGEST: usize = 200;

const HASH: usize = 16;

/// The file of a dataset and stage inside a run's staging folder. Names may hold anything: what is not plain becomes
/// `%XX`, so that two names never share a file and none leaves the folder; what is long is cut.
pub fn file(folder: &Path, dataset: &str, ending: &str) -> PathBuf {
    let mut name = String::new();
    for byte in dataset.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            // Capitals too: some file systems fold them.
            other => name = format!("{name}%{other:02X}"),
        }
    }
    if name.len() + 1 + ending.len() > LONGEST {
        // The hash keeps names apart that begin alike.
        name.truncate(LONGEST.saturating_sub(ending.len() + 2 + HASH));
        name = format!("{name}~{}", digest(dataset.as_bytes(), HASH));
    }
    folder.join(format!("{name}.{ending}"))
}
