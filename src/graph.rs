//! Folders of specs as task graphs, for a DAG factory.

use super::enter;
use pyo3::prelude::*;
use windvane_core::error::{Error, Result};
use windvane_plan::graph::folder;

/// `{folder, only?, file?, environment?, roots?}` -> `{pipelines, broken}`. Reads files and nothing else.
#[pyfunction]
pub(super) fn load_folder(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || loaded(request))
}

fn loaded(request: &str) -> Result<String> {
    let request: folder::Request =
        serde_json::from_str(request).map_err(|error| Error::spec(format!("the request is wrong: {error}")))?;
    serde_json::to_string(&folder::load(&request)?).map_err(|error| Error::internal(error.to_string()))
}
