//! Work that gives batches while it runs, as a stream.

use crate::batch::{Batch, BatchStream};
use futures::{FutureExt, StreamExt, stream};
use std::future::Future;
use tokio::sync::mpsc::Sender;
use windvane_core::error::Result;

/// A stream whose batches are made by a future that runs only while the stream is polled: dropping the stream drops the
/// future and so closes what it holds.
pub fn produce<Make, Work>(make: Make) -> BatchStream
where
    Make: FnOnce(Sender<Result<Batch>>) -> Work,
    Work: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let failures = sender.clone();
    let work = make(sender).then(|done| async move {
        if let Err(error) = done {
            // Nobody is left to tell when this fails.
            drop(failures.send(Err(error)).await);
        }
    });
    let batches = stream::unfold(receiver, |mut receiver| async move {
        let next = receiver.recv().await?;
        Some((next, receiver))
    });
    stream::select(batches, stream::once(work).filter_map(|()| async { None })).boxed()
}
