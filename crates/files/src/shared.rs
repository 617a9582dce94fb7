//! One open file, read by several threads at places of their own.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The file. Its own position is not used.
#[derive(Clone)]
pub(super) struct Shared(Arc<File>);

/// The bytes from a place on.
pub(super) struct From {
    file: Arc<File>,
    at: u64,
}

impl Shared {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(file))
    }

    pub(super) fn from(&self, at: u64) -> From {
        From { file: Arc::clone(&self.0), at }
    }
}

impl Read for From {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(bytes, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Length for Shared {
    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |about| about.len())
    }
}

impl ChunkReader for Shared {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.from(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        self.from(start).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes were expected, {} are there", bytes.len())));
        }
        Ok(bytes.into())
    }
}
