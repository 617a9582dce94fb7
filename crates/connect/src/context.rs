//! What opening a connection needs from the caller.

use crate::local_paths::LocalPaths;
use crate::python_callbacks::PythonCallbacks;
use crate::rate_limiter::RateLimiter;
use crate::remote_folder::RemoteFolder;
use crate::sampled_columns::FullScans;
use crate::secrets::Secrets;
use std::path::PathBuf;
use std::sync::Arc;
use windvane_core::error::Result;
use windvane_core::guard::{Allow, Notes};
use windvane_core::resilience::progress::Progress;

/// What opening a connection needs from the caller (the URLs are never printed, see the `Debug` of [`Secrets`]).
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// What relative paths mean, and what may be touched.
    pub local: LocalPaths,
    /// The folder that a target's relative path means: that of others, when there is none.
    pub home: Option<PathBuf>,
    /// Folders in which no target may lie.
    pub read_only: Vec<PathBuf>,
    pub secrets: Secrets,
    pub progress: Progress,
    /// Turns at APIs that want no more than so many requests.
    pub rate_limiter: RateLimiter,
    /// What Python can give and take; nothing where there is no Python.
    pub python: Option<Arc<dyn PythonCallbacks>>,
    /// What the run lets pass, and notes of what it has let pass.
    pub allow: Allow,
    /// What else people should know.
    pub notes: Notes,
    /// The plan file of the run and where a changed one may be proposed, the best place first.
    pub proposals: Vec<PathBuf>,
    /// Whether looks at a source are at all of its rows, not at a sample; and what such looks have found in this run.
    pub thorough: bool,
    pub full_scans: FullScans,
    /// Where files are shared with other machines, if that is an object store.
    pub remote: Option<Arc<RemoteFolder>>,
}

impl Context {
    /// The URL of a named connection.
    pub fn url(&self, id: &str) -> Result<&str> {
        self.secrets.url(id)
    }
}
