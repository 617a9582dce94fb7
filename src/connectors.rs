//! The connectors' doors: what is there, a few rows of it, whether it can be reached, and a small load.

use super::enter;
use futures::StreamExt;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use windvane_connectors::again::Facts;
use windvane_connectors::allowance::Allowance;
use windvane_connectors::tell::Tell;
use windvane_connectors::{
    BATCH_ROWS, Connection, Context, Duplicates, Expected, Found, FoundKind, LoadRequest, Loaded, Part, Promise,
    Promised, ReadRequest, Within,
};
use windvane_connectors::{Rejected, Rows, Secrets, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, checksum::Checksum};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::{Absent, Compression, Mode, OnDuplicate, Target, Verify};
use windvane_files::{Decimals, Objects, RowBuilder, json_lines};

/// Which place is meant: exactly one of `source` and `target`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceRequest {
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    base: Option<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsRequest {
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    base: Option<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
    /// The dataset's name; or `locator`, with `kind` and `schema` to read without looking first.
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    locator: Option<String>,
    #[serde(default)]
    kind: Option<FoundKind>,
    #[serde(default)]
    format: Option<TextFormat>,
    #[serde(default)]
    schema: Option<Schema>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    within: Vec<Within>,
    #[serde(default)]
    part: Option<Part>,
    /// Of `split_rows`: how many parts there may be.
    #[serde(default)]
    parts: Option<usize>,
}

impl RowsRequest {
    /// What to read, and the connection to read it from.
    async fn asked(self) -> Result<(Connection, ReadRequest)> {
        let context = context(self.base, self.roots, self.connections);
        let connection = open(self.source.as_ref(), self.target.as_ref(), &context)?;
        let read = match (self.locator, self.kind, self.schema) {
            (Some(locator), Some(kind), Some(schema)) => ReadRequest::whole(locator, kind, self.format, schema),
            (locator, kind, schema) => {
                let found = find(&connection, self.dataset.as_deref(), locator.as_deref()).await?;
                let (kind, format) = (kind.unwrap_or(found.kind), self.format.or(found.format));
                ReadRequest::whole(found.locator, kind, format, schema.unwrap_or(found.fields))
            }
        };
        Ok((connection, ReadRequest { limit: self.limit, within: self.within, part: self.part, ..read }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadRowsRequest {
    target: Target,
    #[serde(default)]
    base: Option<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
    dataset: String,
    schema: Schema,
    rows: Vec<Box<RawValue>>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    absent: Absent,
    #[serde(default)]
    on_duplicate: OnDuplicate,
    /// The column that says which of two rows is later.
    #[serde(default)]
    latest_by: Option<String>,
    #[serde(default)]
    verify: Verify,
    #[serde(default)]
    refused: RowPolicy,
    /// Without it, all may be refused.
    #[serde(default)]
    most_refused: Option<u64>,
    #[serde(default)]
    partition_by: Vec<String>,
    /// The rows can be read once only.
    #[serde(default)]
    flowing: bool,
    load_id: String,
    #[serde(default)]
    facts: Facts,
    #[serde(default)]
    swap: bool,
    #[serde(default)]
    widen: bool,
    #[serde(default)]
    adopt: bool,
    #[serde(default)]
    compression: Option<Compression>,
    /// What the load must hold, where the caller knows better than the rows given here.
    #[serde(default)]
    expected: ExpectedRequest,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRequest {
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    checksum: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactRequest {
    target: Target,
    dataset: String,
    #[serde(default)]
    base: Option<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Listing {
    datasets: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
struct ReadRows {
    fields: Schema,
    rows: Vec<Box<RawValue>>,
    numbers: Vec<u64>,
    rejected: Vec<Rejected>,
}

#[derive(Serialize)]
struct Split {
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Reached {
    ok: bool,
}

/// The datasets of a source or target: `{source|target, base, roots, connections}` to `{datasets: [...]}`.
#[pyfunction]
pub(super) fn datasets(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: PlaceRequest = understood(&request)?;
        let context = context(request.base, request.roots, request.connections);
        let connection = open(request.source.as_ref(), request.target.as_ref(), &context)?;
        let datasets = connection.datasets().await?.into_iter().map(|(name, found)| Listed { name, found }).collect();
        answer(&Listing { datasets })
    })
}

/// Whether a source or target can be used: `{ok: true}`, or the error that says why not.
#[pyfunction]
pub(super) fn test_connection(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: PlaceRequest = understood(&request)?;
        let context = context(request.base, request.roots, request.connections);
        open(request.source.as_ref(), request.target.as_ref(), &context)?.test().await?;
        answer(&Reached { ok: true })
    })
}

/// Rows of a dataset as JSON objects, with their numbers, and the rows that could not be read.
#[pyfunction]
pub(super) fn read_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (connection, read) = understood::<RowsRequest>(&request)?.asked().await?;
        collect(&connection, read).await.and_then(|rows| answer(&rows))
    })
}

/// The parts of a dataset: what `read_rows` takes and `parts`, how many there may be, to `{parts: [...]}`.
#[pyfunction]
pub(super) fn split_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: RowsRequest = understood(&request)?;
        let most = request.parts.unwrap_or(1);
        let (connection, read) = request.asked().await?;
        let parts = connection.split(&read, most).await?;
        answer(&Split { parts })
    })
}

/// Loads the given JSON rows into a dataset of a target, once a `load_id`; the receipt.
#[pyfunction]
pub(super) fn load_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: LoadRowsRequest = understood(&request)?;
        let loaded = load(request).await?;
        answer(&loaded)
    })
}

/// Joins the small files of a dataset: `{target, dataset, base, roots, connections}` to what was done.
#[pyfunction]
pub(super) fn compact(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let request: CompactRequest = understood(&request)?;
        let context = context(request.base, request.roots, request.connections);
        let compacted = Connection::open_target(&request.target, &context)?.compact(&request.dataset).await?;
        answer(&compacted)
    })
}

async fn load(request: LoadRowsRequest) -> Result<Loaded> {
    let context = context(request.base, request.roots, request.connections);
    let mut objects = Objects::new(&request.schema);
    let mut builder = RowBuilder::new(&request.schema, &[], BATCH_ROWS);
    let mut checksum = Checksum::default();
    let mut batches = Vec::new();
    let mut number = 0;
    let mut rows = request.rows.iter().peekable();
    while let Some(row) = rows.next() {
        number += 1;
        objects.push(row.get(), number, &mut builder);
        if builder.is_full() || rows.peek().is_none() {
            let batch = builder.finish()?;
            if let Some(refused) = batch.rejected.first() {
                return Err(Error::data(refused.reason.clone()).in_row(refused.row));
            }
            checksum.update(&batch.rows)?;
            batches.push(batch.rows);
        }
    }
    let expected = Expected {
        rows: request.expected.rows.unwrap_or(number),
        checksum: Some(request.expected.checksum.unwrap_or_else(|| checksum.finish())),
    };
    let mode = request.mode.unwrap_or(request.target.mode());
    let load = LoadRequest {
        mode,
        key: request.key,
        absent: request.absent,
        duplicates: Duplicates { choice: request.on_duplicate, column: request.latest_by },
        expected: if request.flowing {
            Promise::Nobody
        } else {
            Promise::Known(Box::new(Promised { expected, counts: None }))
        },
        verify: request.verify,
        refused: request.refused,
        allowance: Allowance::of(request.most_refused.unwrap_or(u64::MAX)),
        tell: request.facts.load_id.clone().map(Tell::Column),
        facts: request.facts,
        swap: request.swap,
        widen: request.widen,
        adopt: request.adopt,
        compression: request.compression,
        partition_by: request.partition_by,
        ..LoadRequest::whole(&request.dataset, request.schema, &request.load_id)
    };
    let connection = Connection::open_target(&request.target, &context)?;
    let rows = move || Ok(futures::stream::iter(batches.clone().into_iter().map(Ok)).boxed());
    let rows = if request.flowing { Rows::flowing(rows()?) } else { Rows::at_rest(rows) };
    connection.load(load, rows).await
}

async fn find(connection: &Connection, dataset: Option<&str>, locator: Option<&str>) -> Result<Found> {
    if dataset.is_none() && locator.is_none() {
        return Err(Error::spec("neither `dataset` nor `locator` says what to read").hint("Give one of the two"));
    }
    let all = connection.datasets().await?;
    let known: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let meant = |name: &str, found: &Found| {
        dataset.is_none_or(|wanted| wanted == name) && locator.is_none_or(|wanted| wanted == found.locator)
    };
    all.into_iter().find(|(name, found)| meant(name, found)).map(|(_, found)| found).ok_or_else(|| {
        let wanted = dataset.or(locator).unwrap_or_default();
        Error::missing(format!("there is no dataset '{wanted}'")).hint(format!("There are: {}", known.join(", ")))
    })
}

async fn collect(connection: &Connection, request: ReadRequest) -> Result<ReadRows> {
    let schema = request.schema.clone();
    let mut stream = connection.read(request).await?;
    let mut all = ReadRows { fields: schema.clone(), rows: Vec::new(), numbers: Vec::new(), rejected: Vec::new() };
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let lines = json_lines(&batch.rows, &schema, Decimals::Texts)?;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let row = serde_json::from_slice(line)
                .map_err(|error| Error::internal("a row could not be written as JSON").caused_by(&error))?;
            all.rows.push(row);
        }
        all.numbers.extend(batch.numbers);
        all.rejected.extend(batch.rejected);
    }
    Ok(all)
}

fn open(source: Option<&Source>, target: Option<&Target>, context: &Context) -> Result<Connection> {
    match (source, target) {
        (Some(source), None) => Connection::open_source(source, context),
        (None, Some(target)) => Connection::open_target(target, context),
        (Some(_), Some(_)) | (None, None) => {
            Err(Error::spec("exactly one of `source` and `target` is needed").hint("Give the one that is meant"))
        }
    }
}

fn context(base: Option<PathBuf>, roots: Vec<PathBuf>, connections: BTreeMap<String, String>) -> Context {
    Context {
        base: base.unwrap_or_default(),
        roots,
        secrets: Secrets(connections),
        guests: Some(super::guest::guests()),
        ..Context::default()
    }
}

fn understood<'a, T: Deserialize<'a>>(request: &'a str) -> Result<T> {
    // The message of serde may quote the request: only the place is repeated, a URL in it is a secret.
    serde_json::from_str(request).map_err(|error| {
        Error::spec(format!("the request is not what this call takes: {}", quiet(&error)))
            .hint("See the call's documentation for its keys")
    })
}

fn quiet(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("://") { format!("line {}, column {}", error.line(), error.column()) } else { text }
}

fn answer<T: Serialize>(answer: &T) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::internal("an answer could not be written").caused_by(&error))
}
