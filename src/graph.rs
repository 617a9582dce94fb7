//! Folders of specs as task graphs, for a DAG factory.

use super::{enter, json};
use pyo3::prelude::*;
use windvane_plan::graph::folder;

/// `{folder, only?, file?, environment?, roots?}` -> `{pipelines, broken}`. Reads files and nothing else.
#[pyfunction]
pub(super) fn load_folder(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || json::answer(&folder::load(&json::request(request)?)?))
}
