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
use crate::error::{Error, Result};
use crate::plan::{Input, Plan};
use crate::schema::arrow::to_arrow;
use crate::schema::{DataType, Field, Schema};
use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::util::display::array_value_to_string;
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Counted since the source, over all stages so far: `rows_in = rows + filtered + quarantined`.
    pub rows_in: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of quarantined rows, one file a stage that refused any.
    pub quarantine: Vec<String>,
}

/// The file of a dataset and stage inside a run's staging folder. Names may hold anything: what is not plain becomes
/// `%XX`, so that two names never share a file and none leaves the folder.
pub fn file(folder: &Path, dataset: &str, ending: &str) -> PathBuf {
    let mut name = String::new();
    for byte in dataset.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            // Capitals too: some file systems fold them.
            other => name.push_str(&format!("%{other:02X}")),
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
    let request = ReadRequest {
        locator: input.locator.clone(),
        kind: input.kind,
        format: input.format.clone(),
        schema: judged.read.clone(),
        limit,
    };
    let mut batches = connection.read(request).await?;
    let kept = Schema::new(judged.read.fields.iter().filter(|field| !judged.refused.contains(&field.name)).cloned().collect());
    let path = file(folder, &input.name, "extracted.parquet");
    let mut writer = staging::Writer::create(&path, to_arrow(&with_row_column(&kept)))?;
    let mut quarantine =
        quarantine::Writer::create(&file(folder, &input.name, "extract.quarantine.jsonl"), "extract", &input.name);
    while let Some(batch) = batches.next().await {
        let batch = refuse_new_values(batch?, &judged.refused)?;
        for rejected in &batch.rejected {
            quarantine.push(rejected)?;
        }
        writer.write(&numbered(&batch, &kept)?)?;
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
        filtered: 0,
        quarantined,
        quarantine: refused.map(|(path, _)| path.display().to_string()).into_iter().collect(),
    })
}

/// The schema of a staged file.
pub fn with_row_column(schema: &Schema) -> Schema {
    let mut fields = schema.fields.clone();
    fields.push(Field::new(ROW_COLUMN, DataType::Int64));
    Schema::new(fields)
}

fn numbered(batch: &Batch, kept: &Schema) -> Result<RecordBatch> {
    let numbers: Vec<i64> = batch.numbers.iter().map(|number| i64::try_from(*number).unwrap_or(i64::MAX)).collect();
    let mut columns: Vec<ArrayRef> = batch.rows.columns()[..kept.fields.len()].to_vec();
    columns.push(Arc::new(Int64Array::from(numbers)));
    RecordBatch::try_new(to_arrow(&with_row_column(kept)), columns)
        .map_err(|error| Error::internal("a connector broke its promise about columns").caused_by(&error))
}

/// Rows with a value in a column that the plan does not know go to quarantine (drift: quarantine). The refused columns
/// are the last ones.
fn refuse_new_values(mut batch: Batch, refused: &[String]) -> Result<Batch> {
    if refused.is_empty() {
        return Ok(batch);
    }
    let schema = batch.rows.schema();
    let new: Vec<usize> = refused.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let offending = |row: usize| new.iter().find(|column| batch.rows.column(**column).is_valid(row)).copied();
    let mut keep = Vec::with_capacity(batch.rows.num_rows());
    let mut rejected = Vec::new();
    for row in 0..batch.rows.num_rows() {
        let found = offending(row);
        keep.push(found.is_none());
        if let Some(column) = found {
            let name = schema.field(column).name().clone();
            rejected.push(Rejected {
                row: batch.numbers[row],
                reason: format!("a value in column '{name}', which the plan does not know"),
                column: Some(name),
                record: record(&batch.rows, row),
            });
        }
    }
    let mask = BooleanArray::from(keep.clone());
    batch.rows = filter_record_batch(&batch.rows, &mask).map_err(|error| Error::internal(error.to_string()))?;
    batch.numbers = batch.numbers.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(number, _)| *number).collect();
    batch.rejected.extend(rejected);
    Ok(batch)
}

/// A row as quarantine keeps it: column to text, null as null.
pub fn record(rows: &RecordBatch, row: usize) -> serde_json::Map<String, serde_json::Value> {
    let schema = rows.schema();
    let cell = |column: &ArrayRef| {
        if column.is_null(row) {
            return serde_json::Value::Null;
        }
        array_value_to_string(column, row).map_or(serde_json::Value::Null, serde_json::Value::String)
    };
    schema.fields().iter().zip(rows.columns()).map(|(field, column)| (field.name().clone(), cell(column))).collect()
}
