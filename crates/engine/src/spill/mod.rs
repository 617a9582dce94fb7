//! What does not fit into the budget of memory rests on the disk, beside the staged files.
//!
//! Doors: [`Budget`], [`Writer`] -> [`Stored`] -> chunks again; `parts` (rows by the hash of their key), `merge` (sorted
//! files as one).
//!
//! Invariants: a spill file goes as soon as it is read, and all of them go with the last budget that shares the folder:
//! at the end, on an error, on a cancel. What a killed process left goes when the same output is tried again, or with
//! the run's staging.

mod codec;
pub mod merge;
pub mod parts;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use windvane_core::error::{Error, Kind, Result};

/// Columns of some rows.
pub(crate) type Chunk = Vec<ArrayRef>;

/// What steps may hold when nobody says how much.
pub const MEMORY: usize = 512 << 20;

/// Ends the name of every spill folder.
pub const ENDING: &str = "spill";

/// How much memory may be held, and where the rest goes.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: usize,
    space: Arc<Space>,
}

#[derive(Debug)]
struct Space {
    folder: PathBuf,
    made: AtomicBool,
    next: AtomicU64,
}

impl Drop for Space {
    fn drop(&mut self) {
        if self.made.load(Ordering::Relaxed)
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!("spilled rows in {} stay: {error}", self.folder.display());
        }
    }
}

impl Budget {
    /// The folder is made when something is spilled; nobody else may use it at the same time.
    pub fn new(bytes: usize, folder: PathBuf) -> Self {
        Self { bytes, space: Arc::new(Space { folder, made: AtomicBool::new(false), next: AtomicU64::new(0) }) }
    }

    /// Never spills.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX, PathBuf::new())
    }

    /// An equal share of the memory, and the same folder.
    pub(crate) fn share(&self, among: usize) -> Self {
        Self { bytes: self.bytes / among.max(1), space: self.space.clone() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn file(&self) -> Result<Writer> {
        let folder = &self.space.folder;
        let failed = |error: std::io::Error| unwritten(folder, &error);
        if !self.space.made.swap(true, Ordering::Relaxed) {
            // What a killed attempt left.
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let path = folder.join(self.space.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(failed)?;
        let stored = Stored { path, types: Vec::new(), rows: 0, _space: self.space.clone() };
        Ok(Writer { stored, out: BufWriter::with_capacity(1 << 16, file), raw: Vec::new() })
    }
}

/// Bytes, as people write them: `268435456`, `256MB`, `2GB`.
pub fn amount(text: &str) -> Result<usize> {
    let upper = text.trim().to_ascii_uppercase();
    let at = upper.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(upper.len());
    let (number, unit) = upper.split_at(at);
    let unit = match unit.trim() {
        "" | "B" => Some(1),
        "K" | "KB" | "KIB" => Some(1 << 10),
        "M" | "MB" | "MIB" => Some(1 << 20),
        "G" | "GB" | "GIB" => Some(1 << 30),
        _ => None,
    };
    let bytes = unit.and_then(|unit: usize| number.parse::<usize>().ok()?.checked_mul(unit));
    bytes.ok_or_else(|| {
        Error::spec(format!("'{text}' is no amount of memory"))
            .at_path("WINDVANE_MEMORY")
            .hint("Write a number of bytes, or 256MB, or 2GB")
    })
}

/// Bytes that columns hold in memory.
pub(crate) fn size(columns: &[ArrayRef]) -> usize {
    columns.iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// A spill file that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    stored: Stored,
    out: BufWriter<File>,
    raw: Vec<u8>,
}

/// A whole spill file; it goes with this value.
#[derive(Debug)]
pub(crate) struct Stored {
    path: PathBuf,
    types: Vec<DataType>,
    rows: u64,
    _space: Arc<Space>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        // The folder goes later, with whatever is left in it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Writer {
    pub(crate) fn write(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let rows = columns.first().map_or(0, Array::len);
        if rows == 0 {
            return Ok(());
        }
        if self.stored.types.is_empty() {
            self.stored.types = columns.iter().map(|column| column.data_type().clone()).collect();
        }
        self.raw.clear();
        for column in columns {
            codec::put(column, &mut self.raw)?;
        }
        let packed = zstd::bulk::compress(&self.raw, 1).map_err(|error| unwritten(&self.stored.path, &error))?;
        let head = [rows as u64, self.raw.len() as u64, packed.len() as u64];
        let mut put = |bytes: &[u8]| self.out.write_all(bytes).map_err(|error| unwritten(&self.stored.path, &error));
        for number in head {
            put(&number.to_le_bytes())?;
        }
        put(&packed)?;
        self.stored.rows += rows as u64;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Stored> {
        let Self { stored, mut out, .. } = self;
        out.flush().map_err(|error| unwritten(&stored.path, &error))?;
        Ok(stored)
    }
}

impl Stored {
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The chunks as they were written.
    pub(crate) fn read(self) -> Result<Reader> {
        let file = File::open(&self.path).map_err(|error| unread(&self.path, &error))?;
        Ok(Reader { left: self.rows, stored: self, file: BufReader::with_capacity(1 << 16, file) })
    }
}

#[derive(Debug)]
pub(crate) struct Reader {
    left: u64,
    stored: Stored,
    file: BufReader<File>,
}

impl Reader {
    fn chunk(&mut self) -> Result<Chunk> {
        let mut numbers = [0_usize; 3];
        for number in &mut numbers {
            let mut bytes = [0; 8];
            self.file.read_exact(&mut bytes).map_err(|error| unread(&self.stored.path, &error))?;
            *number = usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| codec::damaged())?;
        }
        let [rows, raw, packed] = numbers;
        let mut bytes = vec![0; packed];
        self.file.read_exact(&mut bytes).map_err(|error| unread(&self.stored.path, &error))?;
        let bytes = zstd::bulk::decompress(&bytes, raw).map_err(|error| unread(&self.stored.path, &error))?;
        let mut rest = bytes.as_slice();
        self.left = self.left.checked_sub(rows as u64).ok_or_else(codec::damaged)?;
        self.stored.types.iter().map(|data_type| codec::take(&mut rest, data_type, rows)).collect()
    }
}

impl Iterator for Reader {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.chunk())
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    let what =
        if full { "no space is left for the rows that do not fit into memory" } else { "rows cannot be spilled" };
    Error::new(Kind::Unavailable, what)
        .in_file(path.display().to_string())
        .hint("Free space in the staging folder or choose another, or allow more memory: WINDVANE_MEMORY=2GB")
        .caused_by(error)
}

fn unread(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Unavailable, "spilled rows cannot be read back")
        .in_file(path.display().to_string())
        .hint("Check the disk of the staging folder, and that nothing empties it during a run")
        .caused_by(error)
}
