//! `profile_stream`: anything with an Arrow stream becomes a profile.

use super::{enter, json};
use ::arrow::record_batch::RecordBatchReader;
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use serde::Deserialize;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, arrow};
use windvane_know::profile::{Profile, Profiler};

/// What to profile and how much of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    dataset: String,
    /// Stop after this many rows.
    #[serde(default)]
    limit: Option<u64>,
    /// Whether personal values are shown.
    #[serde(default)]
    reveal: bool,
}

/// Profiles any object with `__arrow_c_stream__`; the request and the answer are JSON documents.
#[pyfunction]
pub(super) fn profile_stream(py: Python<'_>, stream: AnyRecordBatch, request: &str) -> PyResult<String> {
    let reader = stream.into_reader()?;
    enter::compute(py, || {
        let request: Request = json::request(request)?;
        let profile = profile(reader, &request)?;
        json::answer(&if request.reveal { profile } else { profile.masked() })
    })
}

fn profile(reader: Box<dyn RecordBatchReader + Send>, request: &Request) -> Result<Profile> {
    let schema: Schema = arrow::from_arrow(&reader.schema())?;
    let mut profiler = Profiler::new(&request.dataset, &schema).with_dependencies();
    let mut exact = true;
    for batch in reader {
        let batch = batch.map_err(|error| Error::data("the Arrow stream broke off").caused_by(&error))?;
        let mut batch = arrow::conform(&batch, &schema)?;
        if let Some(limit) = request.limit {
            let left = usize::try_from(limit.saturating_sub(profiler.rows())).unwrap_or(usize::MAX);
            if batch.num_rows() > left {
                batch = batch.slice(0, left);
                exact = false;
            }
        }
        let first = profiler.rows() + 1;
        let numbers: Vec<u64> = (first..).take(batch.num_rows()).collect();
        profiler.observe(&batch, &numbers)?;
        if !exact {
            break;
        }
    }
    Ok(profiler.finish(exact))
}
