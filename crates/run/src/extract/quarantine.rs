//! Rows that cannot be loaded, as JSON lines with the reason; the file appears whole or not at all.

use super::{disk, staging};
use crate::extract::folder::{Folder, RunAttempt};
use crate::extract::staged::Staged;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use windvane_connectors::Rejected;
use windvane_core::error::{Error, Place, Result};
use windvane_core::faults;
use windvane_core::schema::digest;

/// One file a stage and output. No file is made when nothing is pushed; one left over by an earlier attempt goes.
pub struct Writer {
    folder: Folder,
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
    /// The run that has put it aside, and which doing of it: a replay must know to which rows these belong.
    #[serde(flatten)]
    by: Option<&'a RunAttempt>,
    #[serde(flatten)]
    rejected: &'a Rejected,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Map<String, Value>>,
    /// What both were when they were written: a replay must know which of them a person has mended.
    marks: BTreeMap<&'static str, String>,
}

impl Writer {
    pub fn create(folder: &Folder, path: &Path, stage: &'static str, output: &str) -> Self {
        let (folder, path) = (folder.clone(), path.to_owned());
        Self { folder, path, stage, output: output.to_owned(), open: None, count: 0 }
    }

    pub fn push(&mut self, rejected: &Rejected) -> Result<()> {
        self.push_from(rejected, None)
    }

    /// With the source row it came from, where that is at hand.
    pub fn push_from(&mut self, rejected: &Rejected, source: Option<Map<String, Value>>) -> Result<()> {
        if self.open.is_none() {
            let beside = disk::beside(&self.path)?;
            let file = File::create(&beside).map_err(|error| disk::failed("written", &beside, &error))?;
            self.open = Some((beside, BufWriter::new(file)));
        }
        if let Some((beside, file)) = &mut self.open {
            let mut marks = BTreeMap::from([("record", mark(&rejected.record))]);
            marks.extend(source.as_ref().map(|source| ("source", mark(source))));
            let by = self.folder.attempt();
            let line = Line { stage: self.stage, output: &self.output, by, rejected, source, marks };
            if !faults::planted("skips_quarantine") {
                serde_json::to_writer(&mut *file, &line).map_err(|error| disk::failed("written", beside, &error))?;
                file.write_all(b"\n").map_err(|error| disk::failed("written", beside, &error))?;
            }
            self.count += 1;
        }
        Ok(())
    }

    /// How many rows were pushed so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How others call the file, and its number of rows; or nothing when no row was refused.
    pub fn finish(self) -> Result<Option<(String, u64)>> {
        let Some((beside, file)) = self.open else {
            return self.folder.remove(&self.path).map(|()| None);
        };
        let handle = file.into_inner().map_err(|error| disk::failed("written", &beside, error.error()))?;
        disk::settle(&handle, &beside, &self.path)?;
        Ok(Some((self.folder.keep(&self.path)?, self.count)))
    }
}

/// Lines that wait for their source rows at once; each such group costs a look through the staged input.
const GROUP: usize = 20_000;

/// Gives each line of later stages the source row it came from, under `source`: what a replay starts from. Lines of
/// extract hold it as their record already.
pub fn attach_sources(folder: &Folder, files: &[String], input: &Staged) -> Result<()> {
    files.iter().try_for_each(|file| attach(folder, &folder.staged(file, None)?, input))
}

fn attach(folder: &Folder, path: &Path, input: &Staged) -> Result<()> {
    if !lines(path)?.try_fold(false, |any, line| line.map(|(_, line)| any || lacks_source(&line)))? {
        return Ok(());
    }
    let beside = disk::beside(path)?;
    let handle = File::create(&beside).map_err(|error| disk::failed("written", &beside, &error))?;
    let mut out = BufWriter::new(handle);
    let mut all = lines(path)?;
    loop {
        let mut group = all.by_ref().take(GROUP).map(|line| Ok(line?.1)).collect::<Result<Vec<Value>>>()?;
        if group.is_empty() {
            break;
        }
        find_sources(folder, &mut group, input)?;
        for line in &group {
            writeln!(out, "{line}").map_err(|error| disk::failed("written", &beside, &error))?;
        }
    }
    let handle = out.into_inner().map_err(|error| disk::failed("written", &beside, error.error()))?;
    disk::settle(&handle, &beside, path)?;
    folder.keep(path).map(drop)
}

fn lacks_source(line: &Value) -> bool {
    line["stage"] != "extract" && line.get("source").is_none()
}

fn find_sources(folder: &Folder, group: &mut [Value], input: &Staged) -> Result<()> {
    let mut wanted: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, line) in group.iter().enumerate().filter(|(_, line)| lacks_source(line)) {
        wanted.entry(line["row"].as_u64().unwrap_or(0)).or_default().push(at);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    for frame in staging::frames(folder, input)? {
        let frame = frame?;
        for row in 0..frame.len() {
            for at in wanted.get(&frame.number(row)).into_iter().flatten() {
                let source = frame.record(row);
                group[*at]["marks"]["source"] = mark(&source).into();
                group[*at]["source"] = Value::Object(source);
            }
        }
    }
    Ok(())
}

/// The documents of a quarantine file with the numbers of their lines, one at a time. A damaged line is an error: each
/// stands for a row that is counted.
pub fn lines(path: &Path) -> Result<impl Iterator<Item = Result<(u64, Value)>> + use<>> {
    let file = File::open(path).map_err(|error| disk::failed("read", path, &error))?;
    let path = path.to_owned();
    let read = move |(at, line): (u64, std::io::Result<String>)| {
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(damaged(&path, at, &error))),
        };
        Some(serde_json::from_str(&line).map(|line| (at, line)).map_err(|error| damaged(&path, at, &error)))
    };
    Ok((1..).zip(BufReader::new(file).lines()).filter_map(read))
}

/// What tells a row of a line from a changed one, in whatever order its columns stand.
pub(super) fn mark(row: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = row.iter().collect();
    digest(serde_json::json!(sorted).to_string().as_bytes(), 16)
}

fn damaged(path: &Path, line: u64, error: &(dyn std::error::Error + 'static)) -> Error {
    Error::data("a line of the quarantine file is not JSON")
        .at(Place { file: Some(path.display().to_string()), line: Some(line), ..Place::default() })
        .hint("Mend the line, or take it out")
        .caused_by(error)
}
