//! Where the paths of a spec lie.

use std::path::PathBuf;

/// The folder that relative paths mean, and the folders that a path may lie in.
#[derive(Debug)]
pub(in crate::spec) struct Ground {
    pub(in crate::spec) base: PathBuf,
    pub(in crate::spec) roots: Vec<PathBuf>,
    /// The folder that a target's relative path means.
    pub(in crate::spec) home: PathBuf,
    /// Where no target may lie.
    pub(in crate::spec) read_only: Vec<PathBuf>,
}
