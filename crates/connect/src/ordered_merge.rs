//! Several sessions that read one table: chunk after chunk in turn, handed on in the order of the chunks. The order
//! of rows and their numbers do not depend on who was faster.

use super::Batch;
use std::future::Future;
use tokio::sync::mpsc::Receiver;
use windvane_core::error::{Error, Kind, Result};

/// What a session has ready.
pub enum Piece {
    /// Its rows are counted from the beginning of the chunk.
    Batch(Batch),
    /// A chunk is done.
    End,
}

/// Gives the batches of so many chunks to `give`, their rows counted from the beginning of the read. The first
/// session has the first chunk, the second the second, and so on, around and around.
pub async fn in_order<Give, Given>(mut sessions: Vec<Receiver<Result<Piece>>>, chunks: usize, give: Give) -> Result<()>
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
