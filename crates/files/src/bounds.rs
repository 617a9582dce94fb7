//! The folders that may be touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use windvane_connect::Context;
use windvane_connect::disk::{ALLOW, failure, real_path};
use windvane_core::error::{Error, Result};

/// The folder that relative paths mean and the folders that may be touched.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub base: PathBuf,
    roots: Vec<PathBuf>,
}

impl Bounds {
    pub(super) fn new(context: &Context) -> Self {
        Self { base: context.base.clone(), roots: context.roots.clone() }
    }

    /// The path as the file system knows it: absolute, links resolved (of the part that exists), below a root.
    pub(super) fn resolve(&self, path: &str) -> Result<PathBuf> {
        let joined = self.base.join(path);
        let joined = std::path::absolute(&joined).map_err(|error| failure(&joined, "found", &error))?;
        self.admit(&joined)?;
        Ok(joined)
    }

    /// Refuses a path whose real place is not below a root.
    pub(super) fn admit(&self, path: &Path) -> Result<()> {
        if self.roots.is_empty() {
            return Ok(());
        }
        let real = real_path(path)?;
        let below = |root: &PathBuf| real_path(root).is_ok_and(|root| real.starts_with(root));
        if self.roots.iter().any(below) {
            return Ok(());
        }
        let roots: BTreeSet<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
        let roots: Vec<String> = roots.into_iter().collect();
        Err(Error::spec("the path lies outside the folders that may be used")
            .in_file(path.display().to_string())
            .hint(format!("Paths must lie below {}, also behind symbolic links; {ALLOW}", roots.join(" or "))))
    }

    /// How a path is written in a locator: relative to the base where it lies below it.
    pub(super) fn locator(&self, path: &Path) -> Result<String> {
        let base = std::path::absolute(&self.base).unwrap_or_else(|_| self.base.clone());
        let short = path.strip_prefix(&base).unwrap_or(path);
        short.to_str().map(str::to_owned).ok_or_else(|| {
            Error::unsupported("the file's name is not Unicode")
                .in_file(path.display().to_string())
                .hint("Rename the file")
        })
    }

    /// A glob's matches are admitted one by one; anything else at once, so that nothing outside is even looked at.
    pub(super) fn resolve_unless_glob(&self, path: &str) -> Result<PathBuf> {
        let fixed: PathBuf = Path::new(path)
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        self.admit(&self.base.join(fixed))?;
        let joined = self.base.join(path);
        std::path::absolute(&joined).map_err(|error| failure(&joined, "found", &error))
    }
}
