//! Readers that block, as streams.

use crate::{Batch, BatchStream};
use futures::{StreamExt, stream};
use windvane_core::error::{Error, Result};

/// Batches that wait for whoever takes them.
const WAITING: usize = 2;

/// Reads on a thread; it stops when the stream is dropped, and a panic there is an error here that says what was read.
pub fn stream(batches: impl Iterator<Item = Result<Batch>> + Send + 'static, what: &'static str) -> BatchStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        for batch in batches {
            let failed = batch.is_err();
            if sender.blocking_send(batch).is_err() || failed {
                return;
            }
        }
    });
    stream::unfold(Some((receiver, reading)), move |state| async move {
        let (mut receiver, reading) = state?;
        if let Some(batch) = receiver.recv().await {
            return Some((batch, Some((receiver, reading))));
        }
        let failure = reading.await.err()?;
        Some((Err(Error::internal(format!("reading {what} failed")).caused_by(&failure)), None))
    })
    .boxed()
}
