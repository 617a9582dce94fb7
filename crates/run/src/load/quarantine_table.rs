//! Quarantined rows as a table at the target, beside the JSON lines.
//!
//! The table is loaded as any other, in append mode, with a load of its own a run and output: so a second try writes
//! nothing twice, and rows are there whole or not at all, also where the run itself was refused.

use super::load_attempt::{LoadAttempt, request};
use crate::extract::folder::Folder;
use crate::extract::quarantine;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use futures::StreamExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windvane_connectors::rerun::{Facts, Remembered};
use windvane_connectors::{Connection, Context, LoadRequest, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;
use windvane_core::schema::arrow::to_arrow;
use windvane_core::schema::{DataType, Field, Schema, digest, hex};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::{Absent, Mode, Verify};
use windvane_plan::{Output, Plan};

/// Lines a batch.
const LINES: usize = 8_192;

/// Gives the rows of these quarantine files to the table that the plan names, once a run: a run that is done
/// again adds them only when they are others; nothing where it names none.
pub async fn keep(
    plan: &Plan,
    output: &Output,
    load_attempt: &LoadAttempt,
    context: &Context,
    (folder, files): (&Folder, &[String]),
) -> Result<()> {
    let Some(table) = plan.quarantine.as_ref().map(|quarantine| quarantine.table.clone()) else { return Ok(()) };
    let here = |file: &String| folder.find(file).transpose();
    let files: Vec<PathBuf> = files.iter().filter_map(here).collect::<Result<_>>()?;
    if files.is_empty() || faults::planted("aside_forgets") {
        return Ok(());
    }
    let own = request(plan, output, load_attempt);
    let load = LoadRequest {
        dataset: table.clone(),
        schema: schema(),
        mode: Mode::Append,
        key: Vec::new(),
        declared: None,
        foreign_keys: Vec::new(),
        adds: true,
        absent: Absent::Keep,
        load_id: digest(format!("{}/quarantine/{}", own.load_id, told_apart(&files)?).as_bytes(), 32),
        verify: Verify::Rows,
        refused: RowPolicy::Fail,
        marker: None,
        // Those of the dataset, not of this table.
        remembered: Remembered::default(),
        facts: Facts { window: None, ..own.facts },
        ..own
    };
    let told = Told { output: output.name.clone(), run: load_attempt.run.clone(), time: clock::now().rfc3339() };
    let rows = Rows::at_rest(move || Ok(futures::stream::iter(Batches::of(files.clone(), told.clone())).boxed()));
    let connection = Connection::open_target(&plan.target, context)?;
    admit(&connection, &table).await?;
    let done = connection.load(load, rows).await;
    done.map(drop).map_err(|error| if error.place().table.is_some() { error } else { error.in_table(&table) })
}

fn told_apart(files: &[PathBuf]) -> Result<String> {
    if faults::planted("aside_adds_again") { Ok(clock::now().rfc3339()) } else { content(files) }
}

/// Tells lines from other lines, without holding them: not by which doing of the run has written them.
fn content(files: &[PathBuf]) -> Result<String> {
    let mut sum = Sha256::new();
    for path in files {
        for line in quarantine::lines(path)? {
            let (_, mut line) = line?;
            if let Some(line) = line.as_object_mut() {
                line.remove("attempt");
            }
            sum.update(line.to_string());
        }
    }
    Ok(hex(&sum.finalize()))
}

fn schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Text);
    let fields = vec![
        text("dataset"),
        text("run"),
        text("stage"),
        Field::new("row", DataType::Int64),
        text("column"),
        text("reason"),
        text("raw"),
        Field::new("time", DataType::TimestampTz),
    ];
    Schema::new(fields)
}

/// Refuses a table that was made for something else: it would get our columns, and rows that are none of its own.
pub(super) async fn admit(connection: &Connection, table: &str) -> Result<()> {
    let (held, ours) = (connection.target_state(table).await?, schema());
    let lacking = ours.names().find(|name| !held.columns.iter().any(|column| column.eq_ignore_ascii_case(name)));
    match lacking {
        Some(column) if held.exists => {
            let message = format!("the table is there and is no quarantine table: it has no column '{column}'");
            Err(Error::new(Kind::Conflict, message).in_table(table).hint(
                "Nothing was loaded. Name another table in `quarantine: {table: …}`; it is made when it is not there",
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// What is the same in every row.
#[derive(Clone)]
struct Told {
    output: String,
    run: String,
    time: String,
}

/// The lines of the files, some at a time.
struct Batches {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, Lines<BufReader<File>>)>,
    told: Told,
}

impl Batches {
    fn of(files: Vec<PathBuf>, told: Told) -> Self {
        Self { files: files.into_iter(), open: None, told }
    }

    fn line(&mut self) -> Option<Result<Value>> {
        loop {
            if self.open.is_none() {
                let path = self.files.next()?;
                match File::open(&path) {
                    Ok(file) => self.open = Some((path, BufReader::new(file).lines())),
                    Err(error) => return Some(Err(unreadable(&path, &error))),
                }
            }
            let (path, lines) = self.open.as_mut()?;
            match lines.next() {
                Some(Ok(line)) => {
                    return Some(serde_json::from_str(&line).map_err(|error| unreadable(path, &error)));
                }
                Some(Err(error)) => return Some(Err(unreadable(path, &error))),
                None => self.open = None,
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut lines = Vec::new();
        while lines.len() < LINES {
            match self.line() {
                Some(Ok(line)) => lines.push(line),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!lines.is_empty()).then(|| batch(&lines, &self.told).map(|rows| faults::spoilt("aside_", &rows)))
    }
}

fn batch(lines: &[Value], told: &Told) -> Result<RecordBatch> {
    let text =
        |key: &str| -> ArrayRef { Arc::new(lines.iter().map(|line| line[key].as_str()).collect::<StringArray>()) };
    let same = |what: &str| -> ArrayRef { Arc::new(lines.iter().map(|_| Some(what)).collect::<StringArray>()) };
    let raw: StringArray = lines.iter().map(|line| Some(raw(line))).collect();
    let schema = to_arrow(&schema());
    let broken = |error: arrow::error::ArrowError| Error::internal("quarantined rows are no table").caused_by(&error);
    let columns: Vec<ArrayRef> = vec![
        same(&told.output),
        same(&told.run),
        text("stage"),
        Arc::new(lines.iter().map(|line| line["row"].as_i64()).collect::<Int64Array>()),
        text("column"),
        text("reason"),
        Arc::new(raw),
        cast(&same(&told.time), schema.field(7).data_type()).map_err(broken)?,
    ];
    RecordBatch::try_new(schema, columns).map_err(broken)
}

/// The row as it was read: the line itself where it has no columns.
fn raw(line: &Value) -> String {
    let row = line.get("source").unwrap_or(&line["record"]);
    row["_raw"].as_str().map_or_else(|| row.to_string(), str::to_owned)
}

fn unreadable(path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    Error::data("the quarantine file cannot be read")
        .in_file(path.display().to_string())
        .caused_by(error)
        .hint("Restore it, or run again")
}
