//! The files of one load: one a partition, more where they would grow too large; and their rows read back.
//!
//! Few files are open at a time. Where a load has more partitions, the rows of those that came later wait on the disk,
//! divided by a hash, and are written when the first ones are closed.

use super::hive::{self, Values};
use super::manifest::Part;
use super::parquet;
use super::read::own_rows;
use super::write::{PartFile, ending};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use twox_hash::XxHash3_128;
use windvane_connect::disk::failure;
use windvane_connect::{BATCH_ROWS, FoundKind};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, checksum::Checksum};
use windvane_core::spec::target::Compression;

/// Partitions of one load.
const MOST: usize = 1_000;
/// Files that are written at the same time: each holds a group of rows in memory.
const OPEN: usize = 32;
/// Rows are taken to need at most so many times more room in memory than in a file.
const IN_MEMORY: u64 = 8;
const WAITING: usize = 16;
const PART_BYTES: u64 = 512 << 20;

/// How the files of a load are written.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub kind: FoundKind,
    pub compression: Option<Compression>,
    /// All columns, those of the folders too.
    pub schema: Schema,
    pub by: Vec<String>,
    /// The folder of all files, where they are not divided: of a compaction.
    pub below: String,
    /// What the files' names begin with.
    pub stem: String,
    pub inside: PathBuf,
}

/// Files being written below a workdir.
pub(super) struct Parts {
    shape: Shape,
    limit: u64,
    open: BTreeMap<String, Open>,
    seen: BTreeSet<String>,
    waiting: Vec<Option<PartFile>>,
    numbers: BTreeMap<String, u64>,
    done: Vec<String>,
}

struct Open {
    name: String,
    file: PartFile,
    /// Bytes of the rows that it was given, as they were in memory.
    taken: u64,
}

/// A file of more bytes is closed, and the next one begun.
#[expect(clippy::disallowed_methods, reason = "a knob of who runs this, like TMPDIR and the stores' own environment")]
fn part_bytes() -> u64 {
    let said = std::env::var("WINDVANE_PART_BYTES").ok().and_then(|text| text.parse().ok());
    said.filter(|bytes| *bytes > 0).unwrap_or(PART_BYTES)
}

impl Shape {
    fn file_schema(&self, values: &Values) -> Schema {
        let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        hive::without(&self.schema, &names)
    }

    /// Reads a written file back: its rows, with the values of its folders.
    pub(super) fn part(
        &self,
        name: &str,
        load_id: &str,
        look: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<Part> {
        let path = self.inside.join(name);
        let values = hive::values_of(name);
        let mut checksum = Checksum::default();
        for batch in own_rows(&path, self.kind, &self.file_schema(&values), BATCH_ROWS)? {
            let batch = batch?;
            if let Some(refused) = batch.rejected.first() {
                return Err(Error::data(format!("what was written does not read back: {}", refused.reason))
                    .in_file(name)
                    .in_row(refused.row)
                    .hint("This content does not fit the format; Parquet holds every value"));
            }
            let rows = if values.is_empty() { batch.rows } else { hive::attach(&batch.rows, &values, &self.schema)? };
            checksum.update(&rows)?;
            look(&rows)?;
        }
        Ok(Part {
            path: name.to_owned(),
            rows: checksum.rows(),
            bytes: size(&path)?,
            checksum: Some(checksum.finish()),
            load_id: load_id.to_owned(),
        })
    }

    /// A written file by what it says of itself, or by counting: its content is not looked at.
    pub(super) fn counted(&self, name: &str, load_id: &str) -> Result<Part> {
        let path = self.inside.join(name);
        let rows = match self.kind {
            FoundKind::Parquet => parquet::describe(&path)?.rows.unwrap_or_default(),
            FoundKind::Csv | FoundKind::Jsonl | FoundKind::Table | FoundKind::View => {
                let schema = self.file_schema(&hive::values_of(name));
                let mut rows = 0;
                for batch in own_rows(&path, self.kind, &schema, BATCH_ROWS)? {
                    rows += batch?.numbers.len() as u64;
                }
                rows
            }
        };
        let load_id = load_id.to_owned();
        Ok(Part { path: name.to_owned(), rows, bytes: size(&path)?, checksum: None, load_id })
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(|error| failure(path, "read", &error))?.len())
}

impl Parts {
    pub(super) fn begin(shape: Shape) -> Result<Self> {
        hive::check(&shape.schema, &shape.by)?;
        let mut parts = Self {
            shape,
            limit: part_bytes(),
            open: BTreeMap::new(),
            seen: BTreeSet::new(),
            waiting: Vec::new(),
            numbers: BTreeMap::new(),
            done: Vec::new(),
        };
        if parts.shape.by.is_empty() {
            // A load without rows leaves a file too: it says which columns there are.
            let below = parts.shape.below.clone();
            parts.opened(&below)?;
        }
        Ok(parts)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.shape.by.is_empty() {
            let below = self.shape.below.clone();
            return self.append(&below, batch);
        }
        let (folders, rows) = hive::divide(batch, &self.shape.schema, &self.shape.by)?;
        let mut late = vec![false; folders.len()];
        let distinct: BTreeSet<&String> = folders.iter().collect();
        for folder in distinct {
            if !self.seen.contains(folder) {
                if self.seen.len() == MOST {
                    return Err(Error::unsupported(format!("the load has more than {MOST} partitions"))
                        .at_path("partition_by")
                        .hint("Partition by a coarser column, a month instead of a time for instance"));
                }
                self.seen.insert(folder.clone());
            }
            if !self.open.contains_key(folder) && self.open.len() >= OPEN {
                for (row, own) in folders.iter().enumerate() {
                    late[row] |= own == folder;
                }
                continue;
            }
            let own: BooleanArray = folders.iter().map(|known| Some(known == folder)).collect();
            self.append(folder, &chosen(&rows, &own)?)?;
        }
        if late.iter().any(|late| *late) { self.wait(batch, &folders, &late) } else { Ok(()) }
    }

    /// Puts rows aside whose partitions cannot be open now.
    fn wait(&mut self, batch: &RecordBatch, folders: &[String], late: &[bool]) -> Result<()> {
        let bucket =
            |folder: &str| usize::try_from(XxHash3_128::oneshot(folder.as_bytes()) % (WAITING as u128)).unwrap_or(0);
        let buckets: Vec<usize> = folders.iter().map(|folder| bucket(folder)).collect();
        self.waiting.resize_with(WAITING, || None);
        for (at, place) in self.waiting.iter_mut().enumerate() {
            let own: BooleanArray =
                buckets.iter().zip(late).map(|(bucket, late)| Some(*late && *bucket == at)).collect();
            if own.true_count() == 0 {
                continue;
            }
            let path = waiting_path(&self.shape.inside, at);
            let file = match place {
                Some(file) => file,
                None => place.insert(PartFile::create(&path, FoundKind::Parquet, None, &self.shape.schema)?),
            };
            file.write(&chosen(batch, &own)?)?;
        }
        Ok(())
    }

    fn opened(&mut self, folder: &str) -> Result<()> {
        let number = self.numbers.entry(folder.to_owned()).or_default();
        let middle = if *number == 0 { String::new() } else { format!(".{number}") };
        *number += 1;
        let Shape { kind, compression, stem, inside, .. } = &self.shape;
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let name = format!("{below}{stem}{middle}.{}", ending(*kind, *compression)?);
        let path = inside.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failure(parent, "created", &error))?;
        }
        let schema = self.shape.file_schema(&hive::values_of(&name));
        let file = PartFile::create(&path, *kind, *compression, &schema)?;
        self.open.insert(folder.to_owned(), Open { name, file, taken: 0 });
        Ok(())
    }

    fn append(&mut self, folder: &str, rows: &RecordBatch) -> Result<()> {
        if !self.open.contains_key(folder) {
            self.opened(folder)?;
        }
        let Some(open) = self.open.get_mut(folder) else { return Ok(()) };
        open.file.write(rows)?;
        open.taken += rows.get_array_memory_size() as u64;
        // Large enough: what is still in memory comes on top, and says nothing of the file that it will be.
        let full = open.taken / IN_MEMORY >= self.limit || size(&self.shape.inside.join(&open.name))? >= self.limit;
        if full && let Some(open) = self.open.remove(folder) {
            open.file.finish()?;
            self.done.push(open.name);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        for (_, open) in std::mem::take(&mut self.open) {
            open.file.finish()?;
            self.done.push(open.name);
        }
        Ok(())
    }

    /// All rows are on the disk afterwards; the names of the files, relative to the workdir.
    pub(super) fn finish(mut self) -> Result<Vec<String>> {
        self.close()?;
        let schema = self.shape.schema.clone();
        while !self.waiting.is_empty() {
            for (at, file) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
                let Some(file) = file else { continue };
                file.finish()?;
                let path = waiting_path(&self.shape.inside, at);
                let later = path.with_extension("again");
                fs::rename(&path, &later).map_err(|error| failure(&path, "renamed", &error))?;
                for batch in own_rows(&later, FoundKind::Parquet, &schema, BATCH_ROWS)? {
                    self.write(&batch?.rows)?;
                }
                fs::remove_file(&later).map_err(|error| failure(&later, "removed", &error))?;
                self.close()?;
            }
        }
        Ok(self.done)
    }
}

fn waiting_path(inside: &Path, at: usize) -> PathBuf {
    inside.join(format!(".waiting-{at}.parquet"))
}

fn chosen(batch: &RecordBatch, rows: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, rows).map_err(|error| Error::internal("rows could not be divided").caused_by(&error))
}
