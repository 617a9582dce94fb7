//! Where data must go.

pub use super::kinds::Target;
pub use super::kinds::target::{TargetKind, TargetSettings};
pub use super::load::{Absent, Compression, LoadId, Mode, OnDuplicate, Verify};
