//! A file of delimited text read in chunks by several threads, in order.
//!
//! Where a record starts can only be known by reading everything before it: a line end may stand between quotes. So each
//! thread supposes that a line start in its chunk is a record's start, and the chunk counts only when the records
//! before it end exactly there; otherwise it is read again from the right place. The rows are those of one thread.

use super::dialect::suspicious;
use super::fields::{Dialect, Record};
use super::portions::Portions;
use super::record_reader::{RecordReader, Shape};
use super::shared::{From, Shared};
use super::tokens::{Token, Tokenizer};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use windvane_connect::Batch;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Result};

/// More threads than this wait for the disk or the next stage.
const MAX_THREADS: usize = 4;
/// Where a record's start is looked for, how many line starts are tried, and how many records must follow.
const PROBE: u64 = 256 << 10;
const PROBES: usize = 32;
const FOLLOWING: usize = 3;

/// The file, and which chunks it has.
#[derive(Clone)]
struct Ground {
    shape: Arc<Shape>,
    file: Shared,
    dialect: Dialect,
    portions: Portions,
    /// Where the first record starts, and where the file ends.
    from: u64,
    to: u64,
}

/// The rows that start in a chunk.
struct Chunk {
    from: u64,
    /// Where the next record starts.
    to: u64,
    rows: u64,
    skipped: u64,
    batches: Vec<Batch>,
}

/// The rows of a file.
pub(super) struct Chunks {
    ground: Ground,
    receivers: Vec<Receiver<Result<Option<Chunk>>>>,
    threads: Vec<JoinHandle<()>>,
    /// The chunk that comes next, where its first record starts, and how many rows lie before it.
    next: u64,
    at: u64,
    row: u64,
    ready: VecDeque<Batch>,
    /// A chunk that is read again.
    again: Option<(u64, RecordReader<From>)>,
}

impl Chunks {
    /// Nothing where it would not be faster. `from` is where the first record starts, `row` how many rows lie before it.
    pub(super) fn open(
        shape: &Arc<Shape>,
        dialect: Dialect,
        portions: Portions,
        from: u64,
        row: u64,
    ) -> Result<Option<Self>> {
        let path = &shape.path;
        let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
        let to = file.metadata().map_err(|error| failure(path, "read", &error))?.len();
        let count = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
        if count < 2 || to.saturating_sub(from) < 2 * portions.chunk {
            return Ok(None);
        }
        let ground = Ground { shape: Arc::clone(shape), file: Shared::new(file), dialect, portions, from, to };
        let mut all = Self {
            ground,
            receivers: Vec::new(),
            threads: Vec::new(),
            next: 0,
            at: from,
            row,
            ready: VecDeque::new(),
            again: None,
        };
        for first in 0..count {
            let (sender, receiver) = sync_channel(1);
            let ground = all.ground.clone();
            let work = move || ground.read(first as u64, count, &sender);
            let started = thread::Builder::new().name("windvane-csv".to_owned()).spawn(work);
            all.threads.push(started.map_err(|error| Error::internal("no thread could be started").caused_by(&error))?);
            all.receivers.push(receiver);
        }
        Ok(Some(all))
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if let Some((from, reader)) = &mut self.again {
                if let Some(batch) = reader.batch()? {
                    return Ok(Some(batch));
                }
                self.at = *from + reader.place()?;
                self.row = reader.rows();
                self.ground.shape.skipped.add(reader.skipped());
                self.again = None;
            }
            if self.next >= self.ground.chunks() {
                return Ok(None);
            }
            let end = self.ground.end(self.next);
            let index = usize::try_from(self.next).unwrap_or(0) % self.receivers.len().max(1);
            self.next += 1;
            let received = self.receivers.get(index).and_then(|receiver| receiver.recv().ok());
            let chunk = received.ok_or_else(|| Error::internal("reading a file failed"))??;
            match chunk {
                // A record of the chunk before goes on behind this one.
                _ if self.at >= end => {}
                Some(chunk) if chunk.from == self.at => {
                    self.at = chunk.to;
                    self.ground.shape.skipped.add(chunk.skipped);
                    self.ready = chunk.batches.into_iter().map(|batch| moved(batch, self.row)).collect();
                    self.row += chunk.rows;
                }
                Some(_) | None => {
                    let reader = self.ground.reader(self.at, end).after(self.row);
                    self.again = Some((self.at, reader));
                }
            }
        }
    }
}

/// A batch whose rows stand behind so many others.
fn moved(mut batch: Batch, rows: u64) -> Batch {
    batch.numbers.iter_mut().for_each(|number| *number += rows);
    batch.rejected.iter_mut().for_each(|refused| refused.row += rows);
    batch
}

impl Ground {
    fn chunks(&self) -> u64 {
        (self.to - self.from).div_ceil(self.portions.chunk)
    }

    /// Where a chunk ends and the next one begins.
    fn end(&self, chunk: u64) -> u64 {
        (self.from + (chunk + 1) * self.portions.chunk).min(self.to)
    }

    fn reader(&self, from: u64, until: u64) -> RecordReader<From> {
        let tokens = Tokenizer::new(self.file.from(from), self.dialect).by(self.portions.read_size);
        RecordReader::new(&self.shape, tokens, until.saturating_sub(from))
    }

    /// Reads every so many-th chunk, until nobody takes them any more.
    fn read(&self, first: u64, step: usize, sender: &SyncSender<Result<Option<Chunk>>>) {
        for chunk in (first..self.chunks()).step_by(step) {
            let read = self.chunk(chunk);
            let failed = read.is_err();
            if sender.send(read).is_err() || failed {
                return;
            }
        }
    }

    fn chunk(&self, chunk: u64) -> Result<Option<Chunk>> {
        let end = self.end(chunk);
        let start = if chunk == 0 { Some(self.from) } else { self.supposed(self.end(chunk - 1), end)? };
        let Some(start) = start else { return Ok(None) };
        let mut reader = self.reader(start, end);
        let from = start + reader.place()?;
        // Those before the first record are the chunk's before.
        let before = reader.skipped();
        let mut batches = Vec::new();
        while let Some(batch) = reader.batch()? {
            batches.push(batch);
        }
        let to = start + reader.place()?;
        Ok(Some(Chunk { from, to, rows: reader.rows(), skipped: reader.skipped() - before, batches }))
    }

    /// A line start in a chunk that looks like a record's start.
    fn supposed(&self, from: u64, to: u64) -> Result<Option<u64>> {
        let mut bytes = Vec::new();
        // The line end before may be the last byte of the chunk before.
        let before = from - 1;
        let read = self.file.from(before).take(PROBE.min(to - before)).read_to_end(&mut bytes);
        read.map_err(|error| failure(&self.shape.path, "read", &error))?;
        let ends = memchr::memchr2_iter(b'\n', b'\r', &bytes);
        let starts = ends.map(|at| at + 1).filter(|at| {
            // Between the two bytes of a line end nothing starts.
            !(bytes.get(at - 1) == Some(&b'\r') && bytes.get(*at) == Some(&b'\n'))
        });
        let starts: Vec<usize> = starts.take(PROBES).collect();
        let good = starts.iter().find(|at| self.follows(bytes.get(**at..).unwrap_or_default()));
        Ok(good.or(starts.first()).map(|at| before + *at as u64))
    }

    /// Whether rows of the right width begin here.
    fn follows(&self, bytes: &[u8]) -> bool {
        let mut tokens = Tokenizer::new(bytes, self.dialect);
        let mut record = Record::default();
        (0..FOLLOWING).all(|_| match tokens.next(&mut record) {
            Ok(Token::Record) => !suspicious(&record, self.shape.width),
            Ok(Token::End) => true,
            Ok(Token::Broken { .. }) | Err(_) => false,
        })
    }
}

impl Iterator for Chunks {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // Whoever waits to hand over a chunk learns that nobody takes it.
        self.receivers.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
