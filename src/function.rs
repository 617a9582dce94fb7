//! What the engine asks of Python: user functions of `python` steps (a pyarrow RecordBatch in, one back, with the GIL
//! held only for the call) and variables of the environment.

use arrow::array::RecordBatch;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;
use windvane_core::error::{Error, Result};
use windvane_engine::callbacks::{self, Callbacks};

/// The engine gets its callbacks once, when the module is imported; nothing else of Python is touched then.
pub(super) fn install() {
    callbacks::install(Box::new(Caller));
}

struct Caller;

impl Callbacks for Caller {
    fn call(&self, object: &str, batch: RecordBatch) -> Result<RecordBatch> {
        Python::attach(|py| called(py, object, batch).map_err(|error| raised(py, object, &error)))
    }

    fn variable(&self, name: &str) -> Result<Option<String>> {
        let read = |py: Python<'_>| py.import("os")?.getattr("environ")?.call_method1("get", (name,))?.extract();
        Python::attach(read).map_err(|error: PyErr| Error::internal("the environment cannot be read").caused_by(&error))
    }
}

fn called(py: Python<'_>, object: &str, batch: RecordBatch) -> PyResult<RecordBatch> {
    let (module, function) = object.split_once(':').unwrap_or((object, ""));
    let mut callable = py.import(module)?.into_any();
    for part in function.split('.') {
        callable = callable.getattr(part)?;
    }
    let batch = PyRecordBatch::new(batch).into_pyarrow(py)?;
    let back: PyRecordBatch = callable.call1((batch,))?.extract()?;
    Ok(back.into_inner())
}

/// What the user's function says is the user's to read; the rows it saw are not repeated here.
fn raised(py: Python<'_>, object: &str, error: &PyErr) -> Error {
    let kind = error.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
    let known = error.is_instance_of::<pyo3::exceptions::PyImportError>(py)
        || error.is_instance_of::<pyo3::exceptions::PyAttributeError>(py);
    let hint = if known {
        "The function's module must be importable where the run executes"
    } else {
        "The function takes a pyarrow RecordBatch and returns one"
    };
    Error::data(format!("the function '{object}' failed: {kind}: {}", error.value(py))).hint(hint)
}
