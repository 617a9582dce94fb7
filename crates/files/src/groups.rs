//! The batches of a Parquet file in order, its row groups decoded by several threads.

use super::shared::Shared;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::{ParquetError, Result};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use windvane_connect::BATCH_ROWS;

/// Batches that each thread may be ahead.
const WAITING: usize = 3;
const MAX_THREADS: usize = 4;

/// A batch, or nothing where a row group ends.
type Decoded = std::result::Result<Option<RecordBatch>, ArrowError>;

/// A Parquet file, with its metadata read.
#[derive(Clone)]
pub struct Groups {
    file: Shared,
    metadata: ArrowReaderMetadata,
}

impl Groups {
    pub fn open(file: File) -> Result<Self> {
        let file = Shared::new(file);
        // Without Arrow's own words for INT96: a year outside of 1677 to 2262 has no 64-bit nanoseconds.
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        Ok(Self { metadata: plain(&metadata).unwrap_or(metadata), file })
    }

    pub(super) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    /// The wanted columns of all rows, or of some row groups.
    pub fn batches(self, groups: Range<usize>, wanted: impl Fn(&str) -> bool, rows: usize) -> Result<Batches> {
        let fields = self.metadata.schema().fields();
        let roots = fields.iter().enumerate().filter(|(_, field)| wanted(field.name()));
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.map(|(at, _)| at));
        let groups = groups.start..groups.end.min(self.metadata.metadata().num_row_groups());
        let work = Work { file: self, mask, rows };
        let count = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
        if count < 2 || groups.len() < 2 || rows < BATCH_ROWS {
            return Ok(Batches::Here(Box::new(work.reader(groups.collect())?)));
        }
        let mut all = Threads { receivers: Vec::new(), workers: Vec::new(), next: 0, groups: groups.len() };
        for first in groups.clone().take(count) {
            let (sender, receiver) = sync_channel(WAITING);
            let (work, mine) = (work.clone(), (first..groups.end).step_by(count));
            let thread = thread::Builder::new().name("windvane-parquet".to_owned());
            all.workers.push(thread.spawn(move || work.decode(mine, &sender))?);
            all.receivers.push(receiver);
        }
        Ok(Batches::Threads(all))
    }

    pub fn count(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }
}

/// The texts as our frames have them, whatever Arrow's words in the file say: one copy less, and on the decoding thread.
fn plain(metadata: &ArrowReaderMetadata) -> Option<ArrowReaderMetadata> {
    let columns = metadata.parquet_schema().root_schema().get_fields();
    let int96 = |at: usize| {
        let column = columns.get(at).filter(|column| column.is_primitive());
        column.is_some_and(|column| column.get_physical_type() == parquet::basic::Type::INT96)
    };
    let field = |(at, field): (usize, &FieldRef)| {
        let data_type = match field.data_type() {
            DataType::Timestamp(_, zone) if int96(at) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
            _ => return field.clone(),
        };
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    let schema = metadata.schema();
    let fields: Fields = schema.fields().iter().enumerate().map(field).collect();
    if fields == *schema.fields() {
        return None;
    }
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).ok()
}

#[derive(Clone)]
struct Work {
    file: Groups,
    mask: ProjectionMask,
    rows: usize,
}

impl Work {
    fn reader(&self, groups: Vec<usize>) -> Result<ParquetRecordBatchReader> {
        let (file, metadata) = (self.file.file.clone(), self.file.metadata.clone());
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(self.mask.clone())
            .with_row_groups(groups)
            .with_batch_size(self.rows.max(1))
            .build()
    }

    /// Decodes some row groups, until nobody takes their batches any more.
    fn decode(&self, groups: impl Iterator<Item = usize>, sender: &SyncSender<Decoded>) {
        for group in groups {
            let reader = match self.reader(vec![group]) {
                Ok(reader) => reader,
                Err(error) => {
                    let _ = sender.send(Err(error.into()));
                    return;
                }
            };
            for batch in reader {
                let failed = batch.is_err();
                if sender.send(batch.map(Some)).is_err() || failed {
                    return;
                }
            }
            if sender.send(Ok(None)).is_err() {
                return;
            }
        }
    }
}

/// The batches of some row groups, in order.
pub enum Batches {
    Here(Box<ParquetRecordBatchReader>),
    Threads(Threads),
}

/// Each thread has every so many-th row group.
pub struct Threads {
    receivers: Vec<Receiver<Decoded>>,
    workers: Vec<JoinHandle<()>>,
    /// The row group that comes next, counted from the first one wanted.
    next: usize,
    groups: usize,
}

impl Threads {
    fn batch(&mut self) -> Decoded {
        while self.next < self.groups {
            let receiver = self.receivers.get(self.next % self.receivers.len().max(1));
            let received = receiver.and_then(|receiver| receiver.recv().ok());
            let broken = || ParquetError::General("the decoding broke off".to_owned());
            match received.ok_or_else(broken)?? {
                Some(batch) => return Ok(Some(batch)),
                None => self.next += 1,
            }
        }
        Ok(None)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Whoever waits to hand over a batch learns that nobody takes it.
        self.receivers.clear();
        for thread in self.workers.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Here(reader) => reader.next(),
            Self::Threads(threads) => threads.batch().transpose(),
        }
    }
}
