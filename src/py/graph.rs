//! Folders of specs as task graphs, for a DAG factory.

use super::enter;
use crate::error::{Error, Result};
use crate::graph::folder;
use pyo3::prelude::*;

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
