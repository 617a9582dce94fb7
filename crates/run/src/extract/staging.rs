//! Rows at rest: Parquet files that appear whole or not at all.

use crate::extract::disk::{beside, failed, settle};
use crate::extract::folder::Folder;
use crate::extract::staged::{ROW_COLUMN, Staged};
use arrow::array::{Array, AsArray, Int64Array, RecordBatchOptions};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::basic::{Compression, ZstdLevel};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::conform, arrow::to_arrow};
use windvane_engine::frame::Frame;
use windvane_files::{Encoder, Groups};

/// Writes beside the final path; only `finish` gives the file its name.
pub struct Writer {
    folder: Folder,
    path: PathBuf,
    beside: PathBuf,
    file: Encoder,
    rows: u64,
}

impl Writer {
    /// Makes the folder when it is not there. A file left over by a killed attempt is replaced.
    pub fn create(folder: &Folder, path: &Path, schema: SchemaRef) -> Result<Self> {
        let beside = beside(path)?;
        let handle = File::create(&beside).map_err(|error| failed("written", &beside, &error))?;
        // Level 1 halves the bytes at nearly the speed of none; statistics would only cost time here.
        let level = ZstdLevel::try_new(1).map_err(|error| failed("written", path, &error))?;
        let file = Encoder::start(handle, schema, Compression::ZSTD(level), false)
            .map_err(|error| failed("written", path, &error))?;
        Ok(Self { folder: folder.clone(), path: path.to_owned(), beside, file, rows: 0 })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.file.write(batch).map_err(|error| failed("written", &self.path, &error))
    }

    /// Flushes to the disk, then renames: what has the name is whole. Gives how other stages call the file, its rows and bytes.
    pub fn finish(self) -> Result<(String, u64, u64)> {
        let Self { folder, path, beside, file, rows } = self;
        let handle = file.finish().map_err(|error| failed("written", &path, &error))?;
        let bytes = settle(&handle, &beside, &path)?;
        Ok((folder.keep(&path)?, rows, bytes))
    }
}

/// The batches of a staged file, in order: the columns of the schema and the numbers.
fn read(path: &Path, schema: &Schema) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let handle = File::open(path).map_err(|error| failed("read", path, &error))?;
    let groups = Groups::open(handle).map_err(|error| failed("read", path, &error))?;
    let all = 0..groups.count();
    let batches =
        groups.batches(all, |name| name == ROW_COLUMN || schema.field(name).is_some(), windvane_connectors::BATCH_ROWS);
    let batches = batches.map_err(|error| failed("read", path, &error))?;
    let path = path.to_owned();
    Ok(batches.map(move |batch| batch.map_err(|error| failed("read", &path, &error))))
}

/// What a staged file between two stages holds: these columns, then the row number.
pub fn numbered(schema: &Schema) -> SchemaRef {
    let mut all = schema.clone();
    all.fields.push(Field { nullable: false, ..Field::new(ROW_COLUMN, DataType::Int64) });
    to_arrow(&all)
}

/// A frame as a batch of a [`numbered`] file.
pub fn with_numbers(frame: &Frame) -> Result<RecordBatch> {
    let mut columns = frame.rows.columns().to_vec();
    columns.push(Arc::new(frame.numbers.clone()));
    let options = RecordBatchOptions::new().with_row_count(Some(frame.len()));
    RecordBatch::try_new_with_options(numbered(&frame.schema), columns, &options)
        .map_err(|error| Error::internal("rows do not have the columns of their schema").caused_by(&error))
}

/// The rows of a staged dataset with their numbers, in order.
pub fn frames(folder: &Folder, staged: &Staged) -> Result<impl Iterator<Item = Result<Frame>> + use<>> {
    frames_of(folder, staged, &staged.schema)
}

/// As `frames`, of some of the columns: the others are not decoded.
pub fn frames_of(
    folder: &Folder,
    staged: &Staged,
    columns: &Schema,
) -> Result<impl Iterator<Item = Result<Frame>> + use<>> {
    let schema = columns.clone();
    let first = read(&folder.staged(&staged.uri, staged.origin.as_ref())?, &schema)?.map(|batch| (batch, 0));
    let (columns, folder, origin) = (schema.clone(), folder.clone(), staged.origin.clone());
    let rest = staged.rest.clone().into_iter().flat_map(move |rest| {
        // Pieces may have been read by workers of their own.
        let origin = rest.origin.as_ref().or(origin.as_ref());
        let opened = folder.staged(&rest.uri, origin).and_then(|path| read(&path, &columns));
        // A file that cannot be opened gives its error in the place of its rows.
        let (rows, error) = match opened {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(Err(error))),
        };
        rows.into_iter().flatten().chain(error).map(move |batch| (batch, rest.offset))
    });
    Ok(first.chain(rest).map(move |(batch, offset)| frame(&batch?, &schema, offset)))
}

fn frame(batch: &RecordBatch, schema: &Schema, offset: u64) -> Result<Frame> {
    let lacking = |name: &str| Error::internal(format!("the staged file lacks the column '{name}'"));
    let wanted = schema.names().map(|name| batch.schema().index_of(name).map_err(|_| lacking(name)));
    let columns = batch.project(&wanted.collect::<Result<Vec<_>>>()?);
    let columns = conform(&columns.map_err(|error| lacking("?").caused_by(&error))?, schema)?;
    let numbers = batch.column_by_name(ROW_COLUMN).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let numbers: Int64Array = numbers.cloned().ok_or_else(|| lacking(ROW_COLUMN))?;
    if numbers.null_count() > 0 {
        return Err(Error::internal("a staged row has no number"));
    }
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let numbers =
        if offset == 0 { numbers } else { numbers.unary::<_, Int64Type>(|number| number.saturating_add(offset)) };
    Frame::new(schema.clone(), columns.columns().to_vec(), numbers)
}
