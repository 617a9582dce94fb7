//! The connectors' doors: what is there, a few rows of it, whether it can be reached, and a small load.

use super::place::Place;
use super::{enter, json};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use windvane_connectors::Found;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactRequest {
    dataset: String,
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
struct Reached {
    ok: bool,
}

/// The datasets of a source or target: `{source|target, base, roots, connections}` to `{datasets: [...]}`.
#[pyfunction]
pub(super) fn datasets(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, Nothing {}) = Place::and(&request)?;
        let datasets =
            place.open()?.datasets().await?.into_iter().map(|(name, found)| Listed { name, found }).collect();
        json::answer(&Listing { datasets })
    })
}

/// Whether a source or target can be used: `{ok: true}`, or the error that says why not.
#[pyfunction]
pub(super) fn test_connection(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, Nothing {}) = Place::and(&request)?;
        place.open()?.test().await?;
        json::answer(&Reached { ok: true })
    })
}

/// Joins the small files of a dataset: `{target, dataset, base, roots, connections}` to what was done.
#[pyfunction]
pub(super) fn compact(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (place, CompactRequest { dataset }) = Place::and(&request)?;
        place.target()?;
        json::answer(&place.open()?.compact(&dataset).await?)
    })
}
