//! Sorted spill files as one: the smallest row of all comes next; of equal rows the earlier file's.

use super::{Budget, Chunk, Reader, Stored};
use crate::errors::broken;
use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use windvane_connect::BATCH_ROWS;
use windvane_core::error::Result;

/// So many files are open at once; more are merged in several rounds.
const FILES: usize = 48;

/// Gives the key of a chunk's rows, as bytes that compare.
pub(crate) type Keyed<'a> = dyn Fn(&[ArrayRef]) -> Result<Rows> + 'a;

/// All rows of the files in order.
pub(crate) fn merge(
    mut files: Vec<Stored>,
    keyed: &Keyed<'_>,
    budget: &Budget,
    give: &mut dyn FnMut(Chunk) -> Result<()>,
) -> Result<()> {
    files.retain(|file| file.rows() > 0);
    while files.len() > FILES {
        let mut fewer = Vec::new();
        let mut rest = files.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<Stored> = rest.by_ref().take(FILES).collect();
            let mut file = budget.file()?;
            merged(some, keyed, &mut |chunk| file.write(&chunk))?;
            fewer.push(file.finish()?);
        }
        files = fewer;
    }
    merged(files, keyed, give)
}

/// By the last column, an int64: the order in which rows came.
pub(crate) fn by_last(chunk: &[ArrayRef]) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(DataType::Int64)]).map_err(|error| broken(&error))?;
    let last = chunk.last().map(std::slice::from_ref).unwrap_or_default();
    converter.convert_columns(last).map_err(|error| broken(&error))
}

struct Source {
    reader: Reader,
    /// Chunks that rows of the coming output point to; the last is the current one.
    chunks: Vec<Chunk>,
    keys: Rows,
    at: usize,
}

impl Source {
    fn advance(&mut self, keyed: &Keyed<'_>) -> Result<bool> {
        self.at += 1;
        if self.at < self.keys.num_rows() {
            return Ok(true);
        }
        let Some(chunk) = self.reader.next() else { return Ok(false) };
        let chunk = chunk?;
        self.keys = keyed(&chunk)?;
        self.chunks.push(chunk);
        self.at = 0;
        Ok(true)
    }
}

/// The next row of a file: its key, and the file. The heap gives the greatest, so the order is turned round.
#[derive(PartialEq, Eq)]
struct Head(Box<[u8]>, usize);

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0).then_with(|| other.1.cmp(&self.1))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn merged(files: Vec<Stored>, keyed: &Keyed<'_>, give: &mut dyn FnMut(Chunk) -> Result<()>) -> Result<()> {
    let mut sources = Vec::with_capacity(files.len());
    let mut heap = BinaryHeap::new();
    for file in files {
        let mut reader = file.read()?;
        let Some(chunk) = reader.next() else { continue };
        let chunk = chunk?;
        let keys = keyed(&chunk)?;
        heap.push(Head(keys.row(0).data().into(), sources.len()));
        sources.push(Source { reader, chunks: vec![chunk], keys, at: 0 });
    }
    let mut picked: Vec<(usize, usize, usize)> = Vec::with_capacity(BATCH_ROWS);
    while let Some(Head(_, index)) = heap.pop() {
        let Some(source) = sources.get_mut(index) else { continue };
        picked.push((index, source.chunks.len() - 1, source.at));
        // Rows of one file that follow each other need no heap: its next row is compared with the best of the others.
        while source.advance(keyed)? {
            let key = source.keys.row(source.at).data();
            let first = heap.peek().is_none_or(|Head(best, other)| (key, index) < (best, *other));
            if !first || picked.len() >= BATCH_ROWS {
                heap.push(Head(key.into(), index));
                break;
            }
            picked.push((index, source.chunks.len() - 1, source.at));
        }
        if picked.len() >= BATCH_ROWS {
            give(gathered(&mut sources, &mut picked)?)?;
        }
    }
    if !picked.is_empty() {
        give(gathered(&mut sources, &mut picked)?)?;
    }
    Ok(())
}

/// The picked rows as one chunk; chunks that are done with go.
fn gathered(sources: &mut [Source], picked: &mut Vec<(usize, usize, usize)>) -> Result<Chunk> {
    let mut starts = Vec::with_capacity(sources.len());
    let mut total = 0;
    for source in sources.iter() {
        starts.push(total);
        total += source.chunks.len();
    }
    let rows: Vec<(usize, usize)> =
        picked.iter().map(|(source, chunk, row)| (starts.get(*source).copied().unwrap_or(0) + chunk, *row)).collect();
    let columns = sources.first().and_then(|source| source.chunks.first()).map_or(0, Vec::len);
    let column = |index: usize| {
        let all = sources.iter().flat_map(|source| &source.chunks);
        let arrays: Vec<&dyn Array> = all.filter_map(|chunk| chunk.get(index).map(AsRef::as_ref)).collect();
        interleave(&arrays, &rows).map_err(|error| broken(&error))
    };
    let chunk = (0..columns).map(column).collect::<Result<Chunk>>()?;
    for source in sources {
        let last = source.chunks.len() - 1;
        source.chunks.drain(..last);
    }
    picked.clear();
    Ok(chunk)
}
