//! The pass over batches, and the reading of a dataset through its connector.

use super::cells::{Cell, Cells};
use super::column::Column;
use super::figures::{ForeignKeyGuess, Profile};
use super::keys;
use crate::dependencies::Encoder;
use arrow::array::{Array, AsArray, RecordBatch};
use futures::StreamExt;
use std::sync::{Mutex, PoisonError};
use windvane_connectors::{BatchStream, Connection, Found, FoundKind, ReadRequest};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::schema::infer::Inference;
use windvane_core::schema::{DataType, Field, Schema};

/// Hashes that all columns of a dataset may hold together to prove that a column repeats no value (16 bytes each, about
/// 100 MB at the most).
const HASHES: usize = 2_000_000;

/// Batches of fewer rows are not worth a second thread.
const SHARED_ROWS: usize = 4_096;

/// Does the work of each column of a batch, on two threads where the batch is large.
fn shared<T: Send>(mut columns: Vec<T>, rows: usize, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    if rows < SHARED_ROWS {
        return columns.into_iter().try_for_each(work);
    }
    columns.reverse();
    let columns = Mutex::new(columns);
    let turn = || {
        loop {
            let next = columns.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match next {
                Some(column) => work(column)?,
                None => return Ok(()),
            }
        }
    };
    std::thread::scope(|scope| {
        // Without the helper all is done here.
        let helper = std::thread::Builder::new().name("windvane-profile".to_owned()).spawn_scoped(scope, turn);
        let mine = turn();
        let others = helper.map_or(Ok(()), |helper| {
            helper.join().unwrap_or_else(|_| Err(Error::internal("a column could not be profiled")))
        });
        mine.and(others)
    })
}

/// Gathers the figures of one dataset.
pub struct Profiler {
    dataset: String,
    columns: Vec<Column>,
    encoder: Encoder,
    rows: u64,
    rejected: u64,
    declared: Vec<String>,
    dependencies: bool,
}

impl Profiler {
    pub fn new(dataset: impl Into<String>, schema: &Schema) -> Self {
        let limit = (HASHES / schema.fields.len().max(1)).clamp(10_000, 500_000);
        let columns: Vec<_> = schema.fields.iter().map(|field| Column::new(field.clone(), limit)).collect();
        let encoder = Encoder::new(columns.len());
        let dataset = dataset.into();
        Self { dataset, columns, encoder, rows: 0, rejected: 0, declared: Vec::new(), dependencies: false }
    }

    /// Asks for the dependencies between the columns too.
    #[must_use]
    pub fn with_dependencies(self) -> Self {
        Self { dependencies: true, ..self }
    }

    /// The key that the source declares.
    #[must_use]
    pub fn with_declared(self, key: &[String]) -> Self {
        Self { declared: key.to_vec(), ..self }
    }

    /// Takes in a batch of exactly the schema given to `new`; `numbers` are the rows' numbers at the source.
    pub fn observe(&mut self, batch: &RecordBatch, numbers: &[u64]) -> Result<()> {
        if batch.num_columns() != self.columns.len() || batch.num_rows() != numbers.len() {
            return Err(Error::internal("a batch does not fit the profiled schema"));
        }
        self.rows += numbers.len() as u64;
        let wanted = self.encoder.wanted(numbers.len());
        let columns = self.columns.iter_mut().zip(self.encoder.columns()).enumerate();
        shared(columns.collect(), numbers.len(), |(index, (column, encoding))| {
            let cells = Cells::of(batch, index, column.data_type())?;
            column.observe(&cells, numbers);
            for row in 0..wanted {
                encoding.push(cells.get(row).map(Cell::hash));
            }
            Ok(())
        })
    }

    /// Rows that could not be read.
    pub fn rejected(&mut self, rows: u64) {
        self.rejected += rows;
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// `exact`: whether all rows were seen.
    pub fn finish(self, exact: bool) -> Profile {
        let rows = self.rows;
        let columns: Vec<_> = self.columns.into_iter().map(|column| column.finish(&self.dataset)).collect();
        let table = self.encoder.finish();
        let types: Vec<_> = columns.iter().map(|column| (column.name.as_str(), column.data_type)).collect();
        let candidate_keys = if exact && table.complete {
            keys::candidates(&self.dataset, &types, &table, &self.declared, None)
        } else {
            // A sample cannot show that columns repeat nothing.
            let unique = columns.iter().enumerate().filter(|(_, column)| {
                exact && rows > 0 && column.nulls == 0 && column.distinct_exact && column.distinct == rows
            });
            let unique: Vec<_> = unique.map(|(at, _)| vec![at]).collect();
            keys::ranked(&self.dataset, &types, &unique, &self.declared, None)
        };
        let mut profile = Profile {
            dataset: self.dataset,
            rows,
            bytes: None,
            exact,
            format: None,
            rejected: self.rejected,
            columns,
            keys: candidate_keys.iter().map(|key| key.columns.clone()).collect(),
            candidate_keys,
            dependencies: Vec::new(),
            unique: Vec::new(),
            dependencies_exact: false,
            dependencies_limit: None,
            foreign_keys: Vec::new(),
        };
        if self.dependencies {
            profile.relate(&table, exact);
        }
        profile
    }
}

/// Reads a dataset (its first `limit` rows) and profiles it. Delimited text is read twice: first for the types that
/// hold all values, then for the figures in these types.
#[boxed]
pub async fn run(connection: &Connection, dataset: &str, found: &Found, limit: Option<u64>) -> Result<Profile> {
    measured(connection, (dataset, found), limit, false).await
}

/// The same, with the dependencies between the columns.
#[boxed]
pub async fn run_with_dependencies(
    connection: &Connection,
    dataset: &str,
    found: &Found,
    limit: Option<u64>,
) -> Result<Profile> {
    measured(connection, (dataset, found), limit, true).await
}

async fn measured(
    connection: &Connection,
    (dataset, found): (&str, &Found),
    limit: Option<u64>,
    dependencies: bool,
) -> Result<Profile> {
    let schema = schema(connection, found, limit).await?;
    let mut profiler = Profiler::new(dataset, &schema).with_declared(&found.primary_key);
    profiler.dependencies = dependencies;
    let mut batches = open(connection, found, schema, limit).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        profiler.observe(&batch.rows, &batch.numbers)?;
        profiler.rejected(batch.rejected.len() as u64);
    }
    let met = profiler.rows + profiler.rejected;
    let mut profile =
        profiler.finish(limit.is_none_or(|limit| met < limit || found.rows_exact && found.rows == Some(met)));
    profile.bytes = found.bytes;
    profile.format.clone_from(&found.format);
    profile.foreign_keys = found.foreign_keys.iter().map(|key| ForeignKeyGuess::declared(dataset, key)).collect();
    Ok(profile)
}

pub(crate) async fn open(
    connection: &Connection,
    found: &Found,
    schema: Schema,
    limit: Option<u64>,
) -> Result<BatchStream> {
    let request = ReadRequest::whole(found.locator.clone(), found.kind, found.format.clone(), schema);
    connection.read(ReadRequest { limit, ..request }).await
}

/// The columns with the types that hold all values.
pub(crate) async fn schema(connection: &Connection, found: &Found, limit: Option<u64>) -> Result<Schema> {
    match found.kind {
        FoundKind::Csv => typed(connection, found, limit).await,
        FoundKind::Table | FoundKind::View | FoundKind::Jsonl | FoundKind::Parquet => Ok(found.fields.clone()),
    }
}

/// The types of all texts of a delimited file, not of a sample's.
async fn typed(connection: &Connection, found: &Found, limit: Option<u64>) -> Result<Schema> {
    let texts = Schema::new(found.fields.names().map(|name| Field::new(name, DataType::Text)).collect());
    let mut inferences = vec![Inference::default(); texts.fields.len()];
    let mut batches = open(connection, found, texts, limit).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let columns = inferences.iter_mut().zip(batch.rows.columns()).collect();
        shared(columns, batch.rows.num_rows(), |(inference, column)| {
            let texts = column.as_string_opt::<i32>().ok_or_else(|| Error::internal("text did not come as text"))?;
            for index in 0..texts.len() {
                inference.observe(texts.is_valid(index).then(|| texts.value(index)));
            }
            Ok(())
        })?;
    }
    let fields = found.fields.fields.iter().zip(&inferences).map(|(field, inference)| Field {
        data_type: inference.named(&field.name),
        nullable: inference.nullable(),
        ..field.clone()
    });
    Ok(Schema::new(fields.collect()))
}
