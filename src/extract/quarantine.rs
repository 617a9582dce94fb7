//! Rows that cannot be loaded, as JSON lines with the reason; the file appears whole or not at all.

use crate::connectors::Rejected;
use crate::error::Result;
use crate::extract::staging;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// One file a stage and output. No file is made when nothing is pushed; one left over by an earlier attempt goes.
pub struct Writer {
    path: PathBuf,
    stage: &'static str,
    output: String,
    open: Option<(PathBuf, BufWriter<File>)>,
    count: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    stage: &'a str,
    output: &'a str,
    #[serde(flatten)]
    rejected: &'a Rejected,
}

impl Writer {
    pub fn create(path: &Path, stage: &'static str, output: &str) -> Self {
        Self { path: path.to_owned(), stage, output: output.to_owned(), open: None, count: 0 }
    }

    pub fn push(&mut self, rejected: &Rejected) -> Result<()> {
        if self.open.is_none() {
            let beside = staging::beside(&self.path)?;
            let file = File::create(&beside).map_err(|error| staging::failed("written", &beside, &error))?;
            self.open = Some((beside, BufWriter::new(file)));
        }
        if let Some((beside, file)) = &mut self.open {
            let line = Line { stage: self.stage, output: &self.output, rejected };
            serde_json::to_writer(&mut *file, &line).map_err(|error| staging::failed("written", beside, &error))?;
            file.write_all(b"\n").map_err(|error| staging::failed("written", beside, &error))?;
            self.count += 1;
        }
        Ok(())
    }

    /// How many rows were pushed so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The file and its number of rows, or nothing when no row was refused.
    pub fn finish(self) -> Result<Option<(PathBuf, u64)>> {
        let Some((beside, file)) = self.open else {
            return match std::fs::remove_file(&self.path) {
                Ok(()) => Ok(None),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(staging::failed("removed", &self.path, &error)),
            };
        };
        let handle = file.into_inner().map_err(|error| staging::failed("written", &beside, error.error()))?;
        staging::settle(&handle, &beside, &self.path)?;
        Ok(Some((self.path, self.count)))
    }
}
