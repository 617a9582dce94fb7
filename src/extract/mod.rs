//! Plan step -> Staged: rows leave their source and rest as Parquet on the staging folder.
//!
//! Doors: [`run`]; `drift` (what a changed source does to a run), `staging` and `quarantine` (the two files every stage
//! writes).
//!
//! Invariants: rows read = rows staged + rows quarantined; a staged file appears whole or not at all (written beside,
//! then renamed); a second extract of the same run and dataset replaces the first.

pub mod drift;
pub mod quarantine;
pub mod staging;

use crate::connectors::{Batch, Connection, Context, ReadRequest, Rejected};
use crate::discover;
use crate::engine::frame::Frame;
use crate::error::{Error, Result};
use crate::plan::{Input, Plan};
use crate::schema::Schema;
use arrow::array::{Array, BooleanArray, Int64Array};
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The column that carries the source row number through transform and validate; never loaded.
pub const ROW_COLUMN: &str = "_windvane_row";

/// Rows at rest between two stages: a reference, small enough for XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    pub dataset: String,
    /// Path of the Parquet file. It holds the columns of `schema` and [`ROW_COLUMN`] (int64).
    pub uri: String,
    pub schema: Schema,
    /// Rows in the file.
    pub rows: u64,
    pub bytes: u64,
    /// Counted since the source, over all stages so far: `rows_in + added = rows + filtered + quarantined`.
    pub rows_in: u64,
    /// Rows that steps made beside those that they got (unpivot, explode).
    #[serde(default)]
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of quarantined rows, one file a stage that refused any.
    pub quarantine: Vec<String>,
}

impl Staged {
    /// Whether every row since the source is accounted for.
    pub fn balances(&self) -> bool {
        self.rows_in + self.added == self.rows + self.filtered + self.quarantined
    }
}

/// The file of a dataset and stage inside a run's staging folder. Names may hold anything: what is not plain becomes
/// `%XX`, so that two names never share a file and none leaves the folder.
pub fn file(folder: &Path, dataset: &str, ending: &str) -> PathBuf {
    let mut name = String::new();
    for byte in dataset.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            // Capitals too: some file systems fold them.
            other => name = format!("{name}%{other:02X}"),
        }
    }
    folder.join(format!("{name}.{ending}"))
}

/// Reads one input of the plan, or its first `limit` rows, into a folder.
pub async fn run(plan: &Plan, input: &Input, context: &Context, folder: &Path, limit: Option<u64>) -> Result<Staged> {
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    let gone = || {
        Error::missing(format!("'{}' is no longer at the source", input.locator))
            .in_table(&input.name)
            .hint("Bring it back, or run `windvane plan SPEC` for what is there now")
    };
    let found = discover::again(source, &input.locator, context).await?.ok_or_else(gone)?;
    let judged = drift::judge(plan.drift, input, &found)?;
    for change in &judged.changes {
        tracing::warn!(dataset = input.name, "drift: {change}");
    }
    let connection = Connection::open_source(source, context)?;
    let request = ReadRequest::whole(input.locator.clone(), input.kind, input.format.clone(), judged.read.clone());
    let request = ReadRequest { limit, ..request };
    let mut batches = connection.read(request).await?;
    let kept =
        Schema::new(judged.read.fields.iter().filter(|field| !judged.refused.contains(&field.name)).cloned().collect());
    let path = file(folder, &input.name, "extracted.parquet");
    let mut writer = staging::Writer::create(&path, staging::numbered(&kept))?;
    let mut quarantine =
        quarantine::Writer::create(&file(folder, &input.name, "extract.quarantine.jsonl"), "extract", &input.name);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let (frame, refused) = kept_rows(&batch, &judged.read, &kept)?;
        for rejected in batch.rejected.iter().chain(&refused) {
            quarantine.push(rejected)?;
        }
        writer.write(&staging::with_numbers(&frame)?)?;
    }
    let (rows, bytes) = writer.finish()?;
    let refused = quarantine.finish()?;
    let quarantined = refused.as_ref().map_or(0, |(_, count)| *count);
    Ok(Staged {
        dataset: input.name.clone(),
        uri: path.display().to_string(),
        schema: kept,
        rows,
        bytes,
        rows_in: rows + quarantined,
        added: 0,
        filtered: 0,
        quarantined,
        quarantine: refused.map(|(path, _)| path.display().to_string()).into_iter().collect(),
    })
}

/// A batch as a frame of the kept columns. Rows with a value in a refused column (the last ones) are rejected instead
/// (drift: quarantine).
fn kept_rows(batch: &Batch, read: &Schema, kept: &Schema) -> Result<(Frame, Vec<Rejected>)> {
    let signed = |number: &u64| i64::try_from(*number).unwrap_or(i64::MAX);
    let numbers = Int64Array::from_iter_values(batch.numbers.iter().map(signed));
    let whole = Frame::new(read.clone(), batch.rows.columns().to_vec(), numbers)?;
    let refused = &batch.rows.columns()[kept.fields.len()..];
    let offending = |row: usize| refused.iter().position(|column| column.is_valid(row));
    let mut rejected = Vec::new();
    let mut keep = Vec::with_capacity(whole.len());
    for row in 0..whole.len() {
        let found = offending(row);
        keep.push(found.is_none());
        if let Some(at) = found {
            let name = &read.fields[kept.fields.len() + at].name;
            let reason = format!("a value in column '{name}', which the plan does not know");
            rejected.push(whole.reject(row, Some(name), reason));
        }
    }
    let columns = whole.rows.columns()[..kept.fields.len()].to_vec();
    let narrow = Frame::new(kept.clone(), columns, whole.numbers.clone())?;
    Ok((if rejected.is_empty() { narrow } else { narrow.filter(&BooleanArray::from(keep))? }, rejected))
}
