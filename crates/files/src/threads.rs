//! Work that waits for the disk, on threads that may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windvane_core::error::{Error, Result};

/// Says stop when it is dropped.
#[derive(Default)]
pub(super) struct Stop(pub Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs file work where it may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("work on a file failed").caused_by(&error))?
}
