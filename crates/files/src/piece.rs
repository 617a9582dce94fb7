//! One file of a dataset, wherever it lies, as a file of the local disk while it is read.
//!
//! What a reader needs of an object is copied to the same place of a sparse file: of Parquet the footer and the wanted
//! columns of some row groups, of text its first part or all of it. So readers know files only, memory holds a few
//! chunks, and the disk a window of the object.

use super::extension::kind_by_extension;
use super::hive::Values;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use windvane_connect::FoundKind;
use windvane_connect::disk::{self, failure};
use windvane_connect::objects::Store;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::Schema;

/// Enough for the footer of most files.
const TAIL: u64 = 64 << 10;
/// What the columns of a text file are judged by.
const HEAD: u64 = 16 << 20;
/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(super) enum At {
    Local(PathBuf),
    Object { store: Store, key: String, size: u64 },
}

/// A file of a dataset.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub at: At,
    /// What its folders say.
    pub values: Values,
}

/// What of a file is needed.
#[derive(Debug, Clone)]
pub(super) enum Need<'a> {
    Whole,
    /// The first part of a text file.
    Head,
    /// What a Parquet file says of itself.
    Footer,
    /// These columns of these row groups of a Parquet file.
    Groups(&'a Schema, Range<usize>),
}

/// A file of the local disk: the file itself, or a copy that goes when this is dropped.
pub(super) struct Copy {
    pub path: PathBuf,
    /// Whether it holds all bytes of the file.
    pub whole: bool,
    /// Locked as long as the copy is needed.
    lock: Option<File>,
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let (Some(_), Some(folder)) = (&self.lock, self.path.parent()) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Piece {
    pub(super) fn local(path: PathBuf) -> Self {
        Self { at: At::Local(path), values: Values::new() }
    }

    /// The address or path, for people and locators.
    pub(super) fn shown(&self) -> String {
        match &self.at {
            At::Local(path) => path.display().to_string(),
            At::Object { store, key, .. } => store.shown(key),
        }
    }

    /// What its ending is looked for in.
    pub(super) fn name(&self) -> &Path {
        match &self.at {
            At::Local(path) => path,
            At::Object { key, .. } => Path::new(key),
        }
    }

    pub(super) fn size(&self) -> Result<u64> {
        match &self.at {
            At::Local(path) => Ok(fs::metadata(path).map_err(|error| failure(path, "read", &error))?.len()),
            At::Object { size, .. } => Ok(*size),
        }
    }

    /// The same error, at the file's own place: copies are nobody's business.
    pub(super) fn named(&self, error: Error) -> Error {
        let At::Object { .. } = self.at else { return error };
        let mut place = error.place().clone();
        place.file = Some(self.shown());
        error.at(place)
    }

    /// The file on the local disk, with at least these columns.
    pub(super) fn copy_of(&self, schema: &Schema) -> Result<Copy> {
        let is_parquet = kind_by_extension(self.name()) == Some(FoundKind::Parquet);
        self.copy(&if is_parquet { Need::Groups(schema, 0..usize::MAX) } else { Need::Whole })
    }

    /// The file on the local disk, with at least the bytes that are needed at their places.
    pub(super) fn copy(&self, need: &Need<'_>) -> Result<Copy> {
        let (store, key, size) = match &self.at {
            At::Local(path) => return Ok(Copy { path: path.clone(), whole: true, lock: None }),
            At::Object { store, key, size } => (store, key, *size),
        };
        let name = Path::new(key).file_name().unwrap_or_default();
        let (folder, lock) = disk::scratch()?;
        let mut copy = Copy { path: folder.join(name), whole: true, lock: Some(lock) };
        let gone = |error: Error| {
            if error.kind() == Kind::Missing {
                let hint = "The dataset was replaced while it was read: read it again";
                return Error::new(Kind::Unavailable, "the object is gone").in_file(store.shown(key)).hint(hint);
            }
            error
        };
        let fetch_all = |ranges: Vec<Range<u64>>| store.fetch(key, ranges, &copy.path).map_err(gone);
        let fetch = |range: Range<u64>| fetch_all(Vec::from([range]));
        match need {
            Need::Whole => fetch(0..size)?,
            Need::Head => {
                fetch(0..size.min(HEAD))?;
                copy.whole = size <= HEAD;
            }
            Need::Footer | Need::Groups(..) => {
                let tail = size.min(TAIL);
                fetch(size - tail..size)?;
                let metadata = footer_length(&copy.path, size)?;
                // What is no Parquet is for the reader to tell.
                let Some(length) = metadata.filter(|length| *length <= size) else {
                    fetch(0..size)?;
                    return Ok(copy);
                };
                if length > tail {
                    fetch(size - length..size - tail)?;
                }
                if let Need::Groups(schema, groups) = need {
                    fetch_all(wanted(&footer(&copy.path)?, schema, groups.clone()))?;
                }
                copy.whole = false;
            }
        }
        Ok(copy)
    }
}

/// What a Parquet file says of itself.
pub(super) fn footer(path: &Path) -> Result<ParquetMetaData> {
    let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
        Error::data("the file is not sound Parquet")
            .in_file(path.display().to_string())
            .caused_by(&error)
            .hint("Write the file anew; it may have been cut short")
    })?;
    Ok(builder.metadata().as_ref().clone())
}

/// How long the end of the file is that describes it; nothing where it is no Parquet file.
fn footer_length(path: &Path, size: u64) -> Result<Option<u64>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut last = [0_u8; 8];
    if size < 12 {
        return Ok(None);
    }
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(size - 8))?;
        file.read_exact(&mut last)
    });
    read.map_err(|error| failure(path, "read", &error))?;
    let [a, b, c, d, magic @ ..] = last;
    Ok((magic == *b"PAR1").then(|| u64::from(u32::from_le_bytes([a, b, c, d])) + 8))
}

/// The bytes of the wanted columns.
fn wanted(metadata: &ParquetMetaData, schema: &Schema, groups: Range<usize>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for group in metadata.row_groups().iter().take(groups.end).skip(groups.start) {
        for column in group.columns() {
            let root = column.column_path().parts().first();
            if root.is_some_and(|root| schema.field(root).is_some()) {
                let (start, length) = column.byte_range();
                ranges.push(start..start + length);
            }
        }
    }
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            // A small gap costs less than a request.
            Some(last) if range.start <= last.end + TAIL => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
