//! Where data is.

pub use super::kinds::Source;
pub use super::kinds::source::{SourceKind, SourceSettings};
