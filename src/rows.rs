//! A few rows of a dataset, and the parts in which it can be read.

use super::place::Place;
use super::{enter, json};
use futures::StreamExt;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use windvane_connectors::{Connection, Found, FoundKind, Part, RangeFilter, ReadRequest, Rejected, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_files::{Decimals, json_lines};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsRequest {
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
    within: Vec<RangeFilter>,
    #[serde(default)]
    part: Option<Part>,
    /// Of `split_rows`: how many parts there may be.
    #[serde(default)]
    parts: Option<usize>,
}

impl RowsRequest {
    /// What to read, and the connection to read it from.
    async fn asked(self, place: &Place) -> Result<(Connection, ReadRequest)> {
        let connection = place.open()?;
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

/// Rows of a dataset as JSON objects, with their numbers, and the rows that could not be read.
#[pyfunction]
pub(super) fn read_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, request): (_, RowsRequest) = Place::and(&request)?;
        let (connection, read) = request.asked(&place).await?;
        collect(&connection, read).await.and_then(|rows| json::answer(&rows))
    })
}

/// The parts of a dataset: what `read_rows` takes and `parts`, how many there may be, to `{parts: [...]}`.
#[pyfunction]
pub(super) fn split_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, request): (_, RowsRequest) = Place::and(&request)?;
        let most = request.parts.unwrap_or(1);
        let (connection, read) = request.asked(&place).await?;
        let parts = connection.split(&read, most).await?;
        json::answer(&Split { parts })
    })
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
