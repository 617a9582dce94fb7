//! Several sessions that read one table: chunk after chunk in turn, handed on in the order of the chunks. The order
//! of rows and their numbers do not depend on who was faster.

use super::Batch;
use std::future::Future;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use windvane_core::error::{Error, Kind, Result};

/// What a session has ready.
pub enum Piece {
    /// Its rows are counted from the beginning of the chunk.
    Batch(Batch),
    /// A chunk is done.
    End,
}

/// Lets each reader read its chunks in a task of its own, `ready` batches ahead at most, and gives the batches of all
/// chunks to `give`, their rows counted from the beginning of the read. The first reader has the first chunk, the second
/// the second, and so on, around and around. What comes back are the tasks, which may still have to close something;
/// they end with it, or with this future.
pub async fn read<Reader, Chunk, Reading, Done, Give, Given>(
    readers: Vec<Reader>,
    chunks: Vec<Chunk>,
    ready: usize,
    reading: Reading,
    give: Give,
) -> Result<JoinSet<()>>
where
    Reading: Fn(Reader, Vec<Chunk>, Sender<Result<Piece>>) -> Done,
    Done: Future<Output = Result<()>> + Send + 'static,
    Give: Fn(Batch) -> Given,
    Given: Future<Output = Result<()>>,
{
    let (count, all) = (readers.len(), chunks.len());
    let mut shares: Vec<Vec<Chunk>> = (0..count).map(|_| Vec::with_capacity(all.div_ceil(count))).collect();
    for (at, chunk) in chunks.into_iter().enumerate() {
        shares[at % count].push(chunk);
    }
    let mut tasks = JoinSet::new();
    let mut pieces = Vec::with_capacity(count);
    for (reader, share) in readers.into_iter().zip(shares) {
        let (sender, receiver) = channel(ready);
        let done = reading(reader, share, sender.clone());
        tasks.spawn(async move {
            if let Err(error) = done.await {
                // Nobody is left to tell when this fails.
                drop(sender.send(Err(error)).await);
            }
        });
        pieces.push(receiver);
    }
    in_order(pieces, all, give).await?;
    Ok(tasks)
}

async fn in_order<Give, Given>(mut sessions: Vec<Receiver<Result<Piece>>>, chunks: usize, give: Give) -> Result<()>
where
    Give: Fn(Batch) -> Given,
    Given: Future<Output = Result<()>>,
{
    let count = sessions.len();
    let mut before = 0;
    for chunk in 0..chunks {
        let mut rows = 0;
        loop {
            let piece = sessions[chunk % count].recv().await;
            match piece.unwrap_or_else(|| Err(Error::internal("a reading task ended early")))? {
                Piece::Batch(batch) => {
                    rows += (batch.numbers.len() + batch.rejected.len()) as u64;
                    give(later(batch, before)).await?;
                }
                Piece::End => break,
            }
        }
        before += rows;
    }
    Ok(())
}

fn later(mut batch: Batch, before: u64) -> Batch {
    if before > 0 {
        batch.numbers.iter_mut().for_each(|number| *number += before);
        batch.rejected.iter_mut().for_each(|rejected| rejected.row += before);
    }
    batch
}

/// A reader that is gone needs no more batches: what reads is dropped with it.
pub fn gone() -> Error {
    Error::new(Kind::Cancelled, "the reader is gone")
}
