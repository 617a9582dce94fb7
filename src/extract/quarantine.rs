//! Rows that cannot be loaded, as JSON lines with the reason; the file appears whole or not at all.

use crate::connectors::Rejected;
use crate::error::{Error, Result};
use crate::extract::{Staged, staging};
use crate::faults;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Map<String, Value>>,
}

impl Writer {
    pub fn create(path: &Path, stage: &'static str, output: &str) -> Self {
        Self { path: path.to_owned(), stage, output: output.to_owned(), open: None, count: 0 }
    }

    pub fn push(&mut self, rejected: &Rejected) -> Result<()> {
        self.push_from(rejected, None)
    }

    /// With the source row it came from, where that is at hand.
    pub fn push_from(&mut self, rejected: &Rejected, source: Option<Map<String, Value>>) -> Result<()> {
        if self.open.is_none() {
            let beside = staging::beside(&self.path)?;
            let file = File::create(&beside).map_err(|error| staging::failed("written", &beside, &error))?;
            self.open = Some((beside, BufWriter::new(file)));
        }
        if let Some((beside, file)) = &mut self.open {
            let line = Line { stage: self.stage, output: &self.output, rejected, source };
            if !faults::planted("skips_quarantine") {
                serde_json::to_writer(&mut *file, &line).map_err(|error| staging::failed("written", beside, &error))?;
                file.write_all(b"\n").map_err(|error| staging::failed("written", beside, &error))?;
            }
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

/// Gives each line of later stages the source row it came from, under `source`: what a replay starts from. Lines of
/// extract hold it as their record already.
pub fn attach_sources(files: &[String], input: &Staged) -> Result<()> {
    for file in files {
        let path = Path::new(file);
        let text = std::fs::read_to_string(path).map_err(|error| staging::failed("read", path, &error))?;
        let mut lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let open = |line: &Value| line["stage"] != "extract" && line.get("source").is_none();
        let mut wanted: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| open(line)) {
            wanted.entry(line["row"].as_u64().unwrap_or(0)).or_default().push(at);
        }
        if wanted.is_empty() {
            continue;
        }
        for frame in staging::frames(input)? {
            let frame = frame?;
            for row in 0..frame.len() {
                for at in wanted.get(&frame.number(row)).into_iter().flatten() {
                    lines[*at]["source"] = Value::Object(frame.record(row));
                }
            }
        }
        let beside = staging::beside(path)?;
        let handle = File::create(&beside).map_err(|error| staging::failed("written", &beside, &error))?;
        let mut out = BufWriter::new(handle);
        for line in &lines {
            writeln!(out, "{line}").map_err(|error| staging::failed("written", &beside, &error))?;
        }
        let handle = out.into_inner().map_err(|error| staging::failed("written", &beside, error.error()))?;
        staging::settle(&handle, &beside, path)?;
    }
    Ok(())
}

/// The source rows of a quarantine file, for a replay: one JSON object a row, as they were read (or mended since).
pub fn sources(path: &Path) -> Result<Vec<Map<String, Value>>> {
    let text = std::fs::read_to_string(path).map_err(|error| staging::failed("read", path, &error))?;
    let source = |(at, line): (usize, &str)| {
        let wrong = |what: &str| {
            Error::data(format!("line {} of the quarantine file {what}", at + 1))
                .in_file(path.display().to_string())
                .hint("Mend the line, or take it out")
        };
        let line: Value = serde_json::from_str(line).map_err(|error| wrong("is not JSON").caused_by(&error))?;
        let held = line.get("source").unwrap_or(&line["record"]);
        let row = held.as_object().ok_or_else(|| wrong("holds no row under 'source' or 'record'"))?;
        if row.contains_key("_raw") {
            return Err(wrong("holds a raw line that could not be split")
                .hint("Write its columns under 'record' instead of '_raw'"));
        }
        Ok(row.clone())
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(source).collect()
}
