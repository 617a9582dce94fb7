//! Rows of a quarantine file that a person has mended, for a replay.

use super::folder::RunAttempt;
use super::quarantine::{lines, mark};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;
use windvane_core::error::{Error, Place, Result};
use windvane_core::schema::digest;

/// So many lines are named by their numbers.
const LISTED: usize = 5;
const AS_WRITTEN: &str = "Change nothing in a line but the row";

/// The rows of a file, which one run has put aside at one place.
#[derive(Debug)]
pub struct Mended {
    pub of: Owner,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub by: RunAttempt,
    /// The output; the input where they could not be read.
    pub name: String,
    /// They could not be read: no step has seen them.
    pub unread: bool,
}

#[derive(Debug)]
pub struct Row {
    /// Tells it from the other rows that the run has read.
    pub id: String,
    /// As it was read, or mended since.
    pub source: Map<String, Value>,
}

/// Reads a quarantine file. A source row of which several lines speak comes once; a line of which only the other row was
/// mended is refused: that would change nothing.
pub fn read(path: &Path) -> Result<Mended> {
    let (mut first, mut rows, mut unused) = (None, Vec::new(), Vec::new());
    let mut seen: HashMap<String, (u64, Map<String, Value>)> = HashMap::new();
    for line in lines(path)? {
        let (at, line) = line?;
        let wrong = |(what, hint): (&str, &str)| {
            Error::data(format!("line {at} of the quarantine file {what}")).at(place(path, at)).hint(hint)
        };
        if line.get("source").is_some() && is_mended(&line, "record") && !is_mended(&line, "source") {
            unused.push(at);
        }
        let owner = owner(&line)
            .ok_or_else(|| wrong(("does not say which run has put its row aside, and where", AS_WRITTEN)))?;
        if *first.get_or_insert_with(|| owner.clone()) != owner {
            return Err(wrong(("is of another run, output or stage than the first", "Replay the files one by one")));
        }
        let row = row(&line).map_err(wrong)?;
        if let Some((before, source)) = seen.get(&row.id) {
            if *source != row.source {
                let what = format!("has the source row of line {before}, and it was mended otherwise there");
                return Err(wrong((&what, "Write the same `source` into both lines")));
            }
        } else {
            seen.insert(row.id.clone(), (at, row.source.clone()));
            rows.push(row);
        }
    }
    if !unused.is_empty() {
        return Err(nothing_changed(path, &unused));
    }
    let empty = || Error::data("the quarantine file holds no rows").in_file(path.display().to_string());
    first.map(|of| Mended { of, rows }).ok_or_else(empty)
}

fn place(path: &Path, line: u64) -> Place {
    Place { file: Some(path.display().to_string()), line: Some(line), ..Place::default() }
}

fn owner(line: &Value) -> Option<Owner> {
    let by = RunAttempt {
        run: line["run"].as_str()?.to_owned(),
        attempt: line["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok())?,
    };
    Some(Owner { by, name: line["output"].as_str()?.to_owned(), unread: line["stage"] == "extract" })
}

/// Or what is wrong with the line, and what helps.
fn row(line: &Value) -> std::result::Result<Row, (&'static str, &'static str)> {
    const HINT: &str = "Mend the line, or take it out";
    let part = if line.get("source").is_some() { "source" } else { "record" };
    let source = line[part].as_object().ok_or(("holds no row under 'source' or 'record'", HINT))?;
    if source.contains_key("_raw") {
        let hint = "Write its columns under 'record' instead of '_raw'";
        return Err(("holds a raw line that could not be split", hint));
    }
    let before =
        line["marks"][part].as_str().ok_or(("has lost its `marks`, which tell its row from others", AS_WRITTEN))?;
    let number = line["row"].as_u64().ok_or(("has lost the number of its `row`", AS_WRITTEN))?;
    Ok(Row { id: digest(format!("{number}:{before}").as_bytes(), 12), source: source.clone() })
}

/// Whether a person has changed what stands under this name.
fn is_mended(line: &Value, part: &str) -> bool {
    let now = line[part].as_object().map(mark);
    line["marks"][part].as_str().is_some_and(|before| now.as_deref() != Some(before))
}

fn nothing_changed(path: &Path, lines: &[u64]) -> Error {
    let listed: Vec<String> = lines.iter().take(LISTED).map(u64::to_string).collect();
    let more = if lines.len() > LISTED { ", …" } else { "" };
    let message = format!(
        "`record` was changed, and `source` was not, in {} line(s) of the quarantine file: {}{more}",
        lines.len(),
        listed.join(", ")
    );
    Error::data(message)
        .at(place(path, lines.first().copied().unwrap_or_default()))
        .hint("A replay begins with `source`, the row as it was read, and does the steps again: mend the value there")
}
