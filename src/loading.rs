//! A small load of JSON rows, for conformance tests of targets.

use super::place::Place;
use super::{enter, json};
use futures::StreamExt;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use windvane_connectors::error_budget::ErrorBudget;
use windvane_connectors::load_marker::LoadMarker;
use windvane_connectors::rerun::Facts;
use windvane_connectors::{BATCH_ROWS, Duplicates, Expectation, Expected, ExpectedLoad, LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::{Absent, Compression, Mode, OnDuplicate, Verify};
use windvane_files::{Objects, RowBuilder};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadRowsRequest {
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

/// Loads the given JSON rows into a dataset of a target, once a `load_id`; the receipt.
#[pyfunction]
pub(super) fn load_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, request) = Place::and(&request)?;
        json::answer(&load(&place, request).await?)
    })
}

async fn load(place: &Place, request: LoadRowsRequest) -> Result<Loaded> {
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
    let mode = request.mode.unwrap_or(place.target()?.mode());
    let load = LoadRequest {
        mode,
        key: request.key,
        absent: request.absent,
        duplicates: Duplicates { choice: request.on_duplicate, column: request.latest_by },
        expected: if request.flowing {
            Expectation::Nobody
        } else {
            Expectation::Known(Box::new(ExpectedLoad { expected, counts: None }))
        },
        verify: request.verify,
        refused: request.refused,
        error_budget: ErrorBudget::of(request.most_refused.unwrap_or(u64::MAX)),
        marker: request.facts.load_id.clone().map(LoadMarker::Column),
        facts: request.facts,
        swap: request.swap,
        widen: request.widen,
        adopt: request.adopt,
        compression: request.compression,
        partition_by: request.partition_by,
        ..LoadRequest::whole(&request.dataset, request.schema, &request.load_id)
    };
    let connection = place.open()?;
    let rows = move || Ok(futures::stream::iter(batches.clone().into_iter().map(Ok)).boxed());
    let rows = if request.flowing { Rows::flowing(rows()?) } else { Rows::at_rest(rows) };
    connection.load(load, rows).await
}
