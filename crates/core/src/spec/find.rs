//! The spec files of a folder, and of what a person may write instead of one.

use crate::error::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ENDINGS: [&str; 3] = [".windvane.yaml", ".windvane.yml", ".windvane.json"];

/// Whether a file of this name is a spec.
pub fn is_spec(name: &str) -> bool {
    stem(name).is_some_and(|stem| !stem.starts_with('.'))
}

/// `orders` of `orders.windvane.yaml`.
pub fn stem(name: &str) -> Option<&str> {
    ENDINGS.into_iter().find_map(|ending| name.strip_suffix(ending)).filter(|stem| !stem.is_empty())
}

/// Every spec in the folder and the folders below it, sorted by path. Hidden folders and links to folders are left out.
pub fn folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let fail = |error: std::io::Error| {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::Missing } else { Kind::Auth };
            Error::new(kind, "the folder cannot be read").in_file(next.display().to_string()).caused_by(&error)
        };
        for entry in std::fs::read_dir(&next).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if is_spec(name) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Files, folders and globs to spec files: sorted, each once. A named file is taken whatever its ending.
pub fn all(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            let specs = folder(path)?;
            if specs.is_empty() {
                return Err(Error::missing("there is no spec in this folder")
                    .in_file(path.display().to_string())
                    .hint(format!("Specs are the files that end in {}", ENDINGS.join(", "))));
            }
            found.extend(specs);
        } else if path.exists() {
            found.insert(path.clone());
        } else {
            found.extend(matching(path)?);
        }
    }
    Ok(found.into_iter().collect())
}

fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        // Reading it will say what is wrong with it.
        return Ok(vec![path.to_path_buf()]);
    }
    let pattern = glob::glob(&text)
        .map_err(|error| Error::spec(format!("'{text}' is not a pattern of paths")).caused_by(&error))?;
    let found: Vec<PathBuf> = pattern.filter_map(std::result::Result::ok).filter(|path| path.is_file()).collect();
    if found.is_empty() {
        return Err(Error::missing(format!("no file matches '{text}'")).hint("Look at the folder and the ending"));
    }
    Ok(found)
}
