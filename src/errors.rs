//! Engine errors become the Python classes of `windvane.errors`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use windvane_core::error::Error;

/// The exception that a Python caller sees: `windvane.errors.from_core(kind, message, hint, ...)` chooses the class.
pub(super) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let details = PyDict::new(py);
        details.set_item("kind", error.kind().as_str())?;
        details.set_item("message", error.to_string())?;
        details.set_item("hint", error.hint_text())?;
        details.set_item("stage", error.stage())?;
        details.set_item("retryable", error.retryable())?;
        details.set_item("retry_after", error.retry_after_seconds())?;
        let place = serde_json::to_string(error.place()).unwrap_or_default();
        details.set_item("place", place)?;
        let class = py.import("windvane.errors")?.getattr("from_core")?;
        Ok(PyErr::from_value(class.call((), Some(&details))?))
    };
    build().unwrap_or_else(|failure| failure)
}
