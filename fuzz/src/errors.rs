//! What must hold of errors.

use windvane_core::error::{Error, Kind};

/// What comes from outside is never our own fault.
pub(crate) fn told(error: &Error) {
    assert!(error.kind() != Kind::Internal, "an error of ours: {error}");
    assert!(!error.message().is_empty());
}
