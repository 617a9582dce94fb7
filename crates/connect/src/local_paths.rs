//! Paths of this machine that a spec names: what they mean, and whether they may be touched.

use crate::disk::{ALLOW, failure, real_path};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Result};

/// The folder that relative paths mean, and the folders that may be touched. Neither can be had without the other: a
/// connector gets a path that was judged.
#[derive(Debug, Clone, Default)]
pub struct LocalPaths {
    base: PathBuf,
    /// Empty: no restriction (a person at a shell). Otherwise every path must lie below one of these.
    roots: Vec<PathBuf>,
}

impl LocalPaths {
    pub fn new(base: PathBuf, roots: Vec<PathBuf>) -> Self {
        Self { base, roots }
    }

    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// The folder that relative paths mean, for people.
    pub fn shown(&self) -> String {
        self.base.display().to_string()
    }

    /// Where relative paths mean another folder, which may be touched too.
    #[must_use]
    pub fn from_folder(&self, folder: &Path) -> Self {
        Self { base: folder.to_owned(), ..self.clone() }.with_root(folder)
    }

    /// Where this folder may be touched too.
    #[must_use]
    pub fn with_root(mut self, folder: &Path) -> Self {
        if !self.roots.is_empty() {
            self.roots.push(folder.to_owned());
        }
        self
    }

    /// The absolute path of what a spec names, which lies below a root, its links followed as far as it exists.
    pub fn resolve(&self, path: &str) -> Result<PathBuf> {
        let absolute = self.unchecked(path)?;
        self.admit(&absolute)?;
        Ok(absolute)
    }

    /// The absolute path, wherever it lies: for what an administrator names (a connection), never for a word of a spec.
    pub fn unchecked(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let joined = self.base.join(path);
        std::path::absolute(&joined).map_err(|error| failure(&joined, "found", &error))
    }

    /// Refuses a path whose real place is not below a root.
    pub fn admit(&self, path: &Path) -> Result<()> {
        let real = real_path(path)?;
        let below = |root: &PathBuf| real_path(root).is_ok_and(|root| real.starts_with(root));
        if self.roots.is_empty() || self.roots.iter().any(below) {
            return Ok(());
        }
        let roots: BTreeSet<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
        let roots: Vec<String> = roots.into_iter().collect();
        Err(Error::spec("the path lies outside the folders that may be used")
            .in_file(path.display().to_string())
            .hint(format!("Paths must lie below {}, also behind symbolic links; {ALLOW}", roots.join(" or "))))
    }

    /// The absolute path of a glob, of which the part without wildcards is admitted: nothing outside is even looked at.
    /// Its matches are to be admitted one by one.
    pub fn resolve_glob(&self, path: &str) -> Result<PathBuf> {
        let fixed: PathBuf = Path::new(path)
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        self.admit(&self.unchecked(fixed)?)?;
        self.unchecked(path)
    }

    /// How a path is written in a locator: relative to the folder that relative paths mean, where it lies below it.
    pub fn locator(&self, path: &Path) -> Result<String> {
        let base = std::path::absolute(&self.base).unwrap_or_else(|_| self.base.clone());
        let short = path.strip_prefix(&base).unwrap_or(path);
        short.to_str().map(str::to_owned).ok_or_else(|| {
            Error::unsupported("the file's name is not Unicode")
                .in_file(path.display().to_string())
                .hint("Rename the file")
        })
    }
}
