//! `feature_types`: what columns are to somebody who counts; `feature_vectors`: what the judge sees, for its training.

use super::{enter, json};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Deserialize;
use windvane_know::feature::{Evidence, judge, vector};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    columns: Vec<Evidence>,
}

/// `{columns: [evidence, …]}` -> `[{feature_type, confidence}, …]` in their order.
#[pyfunction]
pub(super) fn feature_types(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: Request = json::request(request)?;
        json::answer(&request.columns.iter().map(judge).collect::<Vec<_>>())
    })
}

/// `{columns: [evidence, …]}` -> their vectors one after the other, 32-bit floats, little-endian.
#[pyfunction]
pub(super) fn feature_vectors<'py>(py: Python<'py>, request: &str) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = enter::compute(py, || {
        let request: Request = json::request(request)?;
        Ok(request.columns.iter().flat_map(vector).flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
    })?;
    Ok(PyBytes::new(py, &bytes))
}
