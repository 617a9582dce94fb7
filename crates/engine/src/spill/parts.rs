//! Rows on the disk by the hash of their key: all rows of a key are in one part, in the order in which they came.

use super::{Budget, Chunk, Stored, Writer, size};
use crate::errors::broken;
use crate::key::Keys;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use windvane_core::error::Result;

/// Into how many parts rows are divided; a part that is still too large is divided again.
const PARTS: usize = 16;

/// Hashes have no more bits to divide by. Deeper parts are held in memory, whatever they need.
pub(crate) const DEEPEST: u32 = 10;

/// A part's rows are written together when there are so many.
const ROWS: usize = 4096;

#[derive(Debug)]
pub(crate) struct Parts {
    level: u32,
    files: Vec<Writer>,
    waiting: Vec<(Vec<Chunk>, usize)>,
}

impl Parts {
    pub(crate) fn new(budget: &Budget, level: u32) -> Result<Self> {
        let files = (0..PARTS).map(|_| budget.file()).collect::<Result<_>>()?;
        Ok(Self { level, files, waiting: (0..PARTS).map(|_| (Vec::new(), 0)).collect() })
    }

    /// These rows of a chunk; `keys` are those of all its rows.
    pub(crate) fn push(&mut self, chunk: &[ArrayRef], keys: &Keys, rows: impl Iterator<Item = u32>) -> Result<()> {
        let mut chosen: Vec<Vec<u32>> = vec![Vec::new(); PARTS];
        for row in rows {
            if let Some(part) = chosen.get_mut(keys.part(row as usize, self.level, PARTS)) {
                part.push(row);
            }
        }
        for ((rows, (waiting, count)), file) in chosen.into_iter().zip(&mut self.waiting).zip(&mut self.files) {
            if rows.is_empty() {
                continue;
            }
            *count += rows.len();
            waiting.push(taken(chunk, &UInt32Array::from(rows))?);
            if *count >= ROWS {
                file.write(&joined(waiting)?)?;
                waiting.clear();
                *count = 0;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<Stored>> {
        let files = self.files.into_iter().zip(self.waiting).map(|(mut file, (waiting, count))| {
            if count > 0 {
                file.write(&joined(&waiting)?)?;
            }
            file.finish()
        });
        files.collect()
    }
}

pub(crate) fn taken(chunk: &[ArrayRef], rows: &UInt32Array) -> Result<Chunk> {
    chunk.iter().map(|column| take(column, rows, None).map_err(|error| broken(&error))).collect()
}

/// Chunks of the same columns as one.
pub(crate) fn joined(chunks: &[Chunk]) -> Result<Chunk> {
    if let [one] = chunks {
        return Ok(one.clone());
    }
    let columns = chunks.first().map_or(0, Vec::len);
    let column = |index: usize| {
        let parts: Vec<&dyn Array> = chunks.iter().filter_map(|chunk| chunk.get(index).map(AsRef::as_ref)).collect();
        concat(&parts).map_err(|error| broken(&error))
    };
    (0..columns).map(column).collect()
}

/// Rows in their order, in memory until they are too many.
#[derive(Debug)]
pub(crate) struct Queue {
    budget: Budget,
    held: Vec<Chunk>,
    bytes: usize,
    file: Option<Writer>,
}

impl Queue {
    pub(crate) fn new(budget: Budget) -> Self {
        Self { budget, held: Vec::new(), bytes: 0, file: None }
    }

    pub(crate) fn push(&mut self, chunk: Chunk) -> Result<()> {
        if let Some(file) = &mut self.file {
            return file.write(&chunk);
        }
        self.bytes += size(&chunk);
        self.held.push(chunk);
        if self.bytes <= self.budget.bytes() {
            return Ok(());
        }
        let mut file = self.budget.file()?;
        for chunk in std::mem::take(&mut self.held) {
            file.write(&chunk)?;
        }
        self.file = Some(file);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Box<dyn Iterator<Item = Result<Chunk>>>> {
        Ok(match self.file {
            None => Box::new(self.held.into_iter().map(Ok)),
            Some(file) => Box::new(file.finish()?.read()?),
        })
    }
}
