//! Parquet files, encoded by threads of their own while the next rows are made.
//!
//! Batches wait in a short queue for one thread, which puts some together and encodes their columns with the help of
//! others. A file that is not finished gets no footer, and its threads end when the writer is dropped.

use super::column_encoding;
use super::dictionary::Dictionary;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Batches that wait.
const WAITING: usize = 3;
/// What is encoded at once: so many rows, or fewer that are so large.
const CHUNK_ROWS: usize = 65_536;
const CHUNK_BYTES: usize = 32 << 20;
/// When a row group ends: readers decode groups in parallel, and the writer holds one in memory.
const GROUP_ROWS: usize = 8 * CHUNK_ROWS;
const GROUP_BYTES: usize = 64 << 20;
const MAX_THREADS: usize = 4;

/// A Parquet file that is being written.
pub struct Encoder {
    /// A batch, or nothing when all have come.
    batches: Option<SyncSender<Option<RecordBatch>>>,
    thread: Option<JoinHandle<Result<File>>>,
}

impl Encoder {
    /// `pruned`: whether readers will look for rows by their values, so that the smallest and largest ones are kept.
    pub fn start(file: File, schema: SchemaRef, codec: Compression, pruned: bool) -> Result<Self> {
        let (batches, receiver) = sync_channel(WAITING);
        let work = move || Work::new(schema, codec, pruned).run(file, &receiver);
        let thread = thread::Builder::new().name("windvane-parquet".to_owned()).spawn(work)?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Hands a batch over; waits while too many are on their way.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.send(Some(batch.clone())).is_ok());
        if sent { Ok(()) } else { Err(self.ended().err().unwrap_or_else(|| broken("the file is finished already"))) }
    }

    /// Everything is in the file afterwards.
    pub fn finish(mut self) -> Result<File> {
        if let Some(batches) = &self.batches {
            // A thread that has ended says why below.
            let _ = batches.send(None);
        }
        self.ended()
    }

    fn ended(&mut self) -> Result<File> {
        self.batches = None;
        let joined = self.thread.take().map(JoinHandle::join);
        joined.and_then(std::result::Result::ok).unwrap_or_else(|| Err(broken("the encoding broke off")))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.ended();
    }
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

struct Work {
    schema: SchemaRef,
    codec: Compression,
    pruned: bool,
    threads: usize,
    /// How long each column took last: the slowest ones begin first.
    costs: Vec<Duration>,
}

/// A file with its first row group begun.
struct Open {
    file: SerializedFileWriter<File>,
    groups: ArrowRowGroupWriterFactory,
    /// Of each column the type of its values, while they repeat and are no parts of others.
    repeating: Vec<Option<DataType>>,
    columns: Vec<Column>,
    rows: usize,
}

/// A column chunk that is being written: of repeated values by us, of others by the library.
enum Column {
    Repeated(Box<Dictionary>),
    Any(Box<ArrowColumnWriter>),
}

/// One that is whole.
enum Chunk {
    Repeated(Bytes, Box<ColumnCloseResult>),
    Any(Box<ArrowColumnChunk>),
}

impl Column {
    fn memory_size(&self) -> usize {
        match self {
            Self::Repeated(column) => column.memory_size(),
            Self::Any(column) => column.memory_size(),
        }
    }

    fn close(self) -> Result<Chunk> {
        Ok(match self {
            Self::Repeated(column) => {
                let (bytes, close) = column.close()?;
                Chunk::Repeated(bytes, Box::new(close))
            }
            Self::Any(column) => Chunk::Any(Box::new(column.close()?)),
        })
    }
}

impl Work {
    fn new(schema: SchemaRef, codec: Compression, pruned: bool) -> Self {
        let costs = vec![Duration::ZERO; schema.fields().len()];
        let threads = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
        Self { schema, codec, pruned, threads, costs }
    }

    fn run(mut self, file: File, batches: &Receiver<Option<RecordBatch>>) -> Result<File> {
        let mut chunk = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        // The columns are encoded as the first rows suggest.
        let mut open = None;
        let mut file = Some(file);
        loop {
            let Ok(next) = batches.recv() else { return Err(broken("the rows broke off")) };
            let ended = next.is_none();
            if let Some(batch) = next.filter(|batch| batch.num_rows() > 0) {
                rows += batch.num_rows();
                bytes += batch.get_array_memory_size();
                chunk.push(batch);
            }
            if !ended && rows < CHUNK_ROWS && bytes < CHUNK_BYTES {
                continue;
            }
            if let Some(file) = file.take() {
                open = Some(self.open(file, &chunk)?);
            }
            let Some(open) = &mut open else { return Err(broken("the file was not opened")) };
            self.encode(open, &chunk)?;
            chunk.clear();
            open.rows += rows;
            (rows, bytes) = (0, 0);
            let held: usize = open.columns.iter().map(Column::memory_size).sum();
            let full = open.give_up();
            if open.rows > 0 && (ended || full || open.rows >= GROUP_ROWS || held >= GROUP_BYTES) {
                self.close(open, ended)?;
            }
            if ended {
                break;
            }
        }
        let open = open.ok_or_else(|| broken("the file was not opened"))?;
        open.file.into_inner()
    }

    fn open(&self, file: File, first: &[RecordBatch]) -> Result<Open> {
        let repeating = column_encoding::repeating(&self.schema, first);
        let properties = column_encoding::properties(&self.schema, &repeating, self.codec, self.pruned);
        let writer = ArrowWriter::try_new(file, self.schema.clone(), Some(properties))?;
        let (file, groups) = writer.into_serialized_writer()?;
        let of_leaves = |(field, repeats): (&FieldRef, &bool)| match leaves(field.data_type()) {
            1 => vec![repeats.then(|| field.data_type().clone())],
            parts => vec![None; parts],
        };
        let repeating = self.schema.fields().iter().zip(&repeating).flat_map(of_leaves).collect();
        let mut open = Open { file, groups, repeating, columns: Vec::new(), rows: 0 };
        self.begin(&mut open)?;
        Ok(open)
    }

    /// Begins a row group.
    fn begin(&self, open: &mut Open) -> Result<()> {
        let any = open.groups.create_column_writers(open.file.flushed_row_groups().len())?;
        let described = open.file.schema_descr().columns();
        let column = |((any, repeating), column): ((ArrowColumnWriter, &Option<DataType>), &ColumnDescPtr)| {
            let repeated = |kind| Dictionary::new(kind, column.clone(), self.codec, self.pruned);
            match repeating.as_ref().and_then(repeated) {
                Some(dictionary) => Column::Repeated(Box::new(dictionary)),
                None => Column::Any(Box::new(any)),
            }
        };
        open.columns = any.into_iter().zip(&open.repeating).zip(described).map(column).collect();
        Ok(())
    }

    /// Encodes the rows of some batches, column by column.
    fn encode(&mut self, open: &mut Open, batches: &[RecordBatch]) -> Result<()> {
        let fields = self.schema.fields().clone();
        let work = |(at, leaves): &mut (usize, &mut [Column])| -> Result<Duration> {
            let begun = Instant::now();
            let Some(field) = fields.get(*at) else { return Ok(Duration::ZERO) };
            batches.iter().try_for_each(|batch| write(leaves, field, batch, *at))?;
            Ok(begun.elapsed())
        };
        // A nested column is written as several.
        let mut tasks = Vec::with_capacity(fields.len());
        let mut rest = open.columns.as_mut_slice();
        for (at, field) in fields.iter().enumerate() {
            let (own, others) = std::mem::take(&mut rest)
                .split_at_mut_checked(leaves(field.data_type()))
                .ok_or_else(|| broken("a column has no writer"))?;
            tasks.push((at, own));
            rest = others;
        }
        let done = self.shared(tasks, |(at, _)| *at, work)?;
        for (at, cost) in done {
            if let Some(known) = self.costs.get_mut(at) {
                *known = cost;
            }
        }
        Ok(())
    }

    /// Ends the row group and, unless it is the last one, begins the next.
    fn close(&mut self, open: &mut Open, last: bool) -> Result<()> {
        let tasks: Vec<(usize, Option<Column>)> =
            std::mem::take(&mut open.columns).into_iter().map(Some).enumerate().collect();
        let closed = self.shared(
            tasks,
            |(at, _)| *at,
            |(_, column)| column.take().ok_or_else(|| broken("a column was closed twice"))?.close(),
        )?;
        let mut chunks: Vec<(usize, Chunk)> = closed;
        chunks.sort_by_key(|(at, _)| *at);
        let mut group = open.file.next_row_group()?;
        for (_, chunk) in chunks {
            match chunk {
                Chunk::Repeated(bytes, close) => group.append_column(&bytes, *close)?,
                Chunk::Any(chunk) => chunk.append_to_row_group(&mut group)?,
            }
        }
        group.close()?;
        open.rows = 0;
        if !last {
            self.begin(open)?;
        }
        Ok(())
    }

    /// Does the tasks of all columns on all threads; what each gave, in any order.
    fn shared<T: Send, V: Send>(
        &self,
        mut tasks: Vec<T>,
        column: impl Fn(&T) -> usize + Sync,
        work: impl Fn(&mut T) -> Result<V> + Sync,
    ) -> Result<Vec<(usize, V)>> {
        let cost = |task: &T| self.costs.get(column(task)).copied().unwrap_or_default();
        tasks.sort_by_key(cost);
        let threads = self.threads.min(tasks.len());
        let tasks = Mutex::new(tasks);
        let done = Mutex::new(Vec::new());
        let turn = || loop {
            let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut task) = next else { return };
            let result = work(&mut task).map(|value| (column(&task), value));
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // Without the helper the work is done here.
                let _ = thread::Builder::new().name("windvane-parquet".to_owned()).spawn_scoped(scope, turn);
            }
            turn();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
    }
}

impl Open {
    /// Where a dictionary has grown too large the next row group does without ours; whether one has.
    fn give_up(&mut self) -> bool {
        let mut any = false;
        for (column, repeating) in self.columns.iter().zip(&mut self.repeating) {
            if matches!(column, Column::Repeated(dictionary) if dictionary.full()) {
                *repeating = None;
                any = true;
            }
        }
        any
    }
}

fn write(columns: &mut [Column], field: &FieldRef, batch: &RecordBatch, at: usize) -> Result<()> {
    let values = batch.columns().get(at).ok_or_else(|| broken("a batch lacks a column"))?;
    if let [Column::Repeated(column)] = columns {
        return column.write(values);
    }
    let leaves = compute_leaves(field, values)?;
    if leaves.len() != columns.len() {
        return Err(broken("a column has other parts than its type"));
    }
    columns.iter_mut().zip(&leaves).try_for_each(|(column, leaf)| match column {
        Column::Repeated(_) => Err(broken("a part of a column has a dictionary of ours")),
        Column::Any(column) => column.write(leaf),
    })
}

/// How many columns of values a column is written as.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(members) => members.iter().map(|member| leaves(member.data_type())).sum(),
        DataType::List(inner) | DataType::Map(inner, _) => leaves(inner.data_type()),
        _ => 1,
    }
}
