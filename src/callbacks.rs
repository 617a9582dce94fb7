//! Python objects as places of data: `windvane.callbacks` finds and calls them, batches cross by the C data interface.
//!
//! The GIL is held for calls only; waiting for a batch lets it go, because whoever makes the batch may need it.

use arrow::datatypes::SchemaRef;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use pyo3_arrow::{PyRecordBatch, PyRecordBatchReader, PySchema};
use std::sync::{Arc, Mutex, PoisonError};
use windvane_connectors::python_callbacks::{PythonCallbacks, Relation, Stream, Texts, Wanted};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{Field, Schema};

/// The Python that this module was loaded into.
#[derive(Debug)]
struct Interpreter;

pub(super) fn callbacks() -> Arc<dyn PythonCallbacks> {
    Arc::new(Interpreter)
}

impl PythonCallbacks for Interpreter {
    fn open(&self, object: &str, wanted: &Wanted) -> Result<Stream> {
        Python::attach(|py| {
            let within = words(&wanted.within)?;
            let open = || -> PyResult<Stream> {
                let arguments = (object, wanted.columns.clone(), wanted.limit, within.as_str());
                let found = helper(py)?.call_method1("source", arguments)?;
                found.extract::<AnyRecordBatch>()?.into_reader()
            };
            open().map_err(|error| told(py, &error, object))
        })
    }

    fn columns(&self, relation: &Relation) -> Result<Schema> {
        let text = Python::attach(|py| {
            let ask = || -> PyResult<String> {
                let arguments = (&relation.connection, relation.table.as_deref(), relation.query.as_deref());
                helper(py)?.call_method1("hook_columns", arguments)?.extract()
            };
            ask().map_err(|error| told(py, &error, &relation.connection))
        })?;
        let fields: Vec<Field> = serde_json::from_str(&text)
            .map_err(|error| Error::internal("the columns of a hook are no columns").caused_by(&error))?;
        Ok(Schema::new(fields))
    }

    fn rows(&self, relation: &Relation, wanted: &Wanted) -> Result<Texts> {
        let within = words(&wanted.within)?;
        let name = relation.connection.clone();
        let chunks: Py<PyAny> = Python::attach(|py| {
            let ask = || -> PyResult<Py<PyAny>> {
                let (table, query) = (relation.table.as_deref(), relation.query.as_deref());
                let columns = wanted.columns.clone().unwrap_or_default();
                let arguments = (&relation.connection, table, query, columns, wanted.limit, within.as_str());
                Ok(helper(py)?.call_method1("hook_rows", arguments)?.unbind())
            };
            ask().map_err(|error| told(py, &error, &name))
        })?;
        Ok(Box::new(Chunks { chunks, name }))
    }

    fn give(&self, object: &str, rows: Stream, words: &str) -> Result<Option<u64>> {
        Python::attach(|py| {
            let give = || -> PyResult<Option<u64>> {
                let rows = Py::new(py, Batches { schema: rows.schema(), stream: Mutex::new(Some(rows)) })?;
                helper(py)?.call_method1("give", (object, rows, words))?.extract()
            };
            give().map_err(|error| told(py, &error, object))
        })
    }
}

/// The chunks of a generator, which is closed on the thread that it ran on: drivers ask for that.
struct Chunks {
    chunks: Py<PyAny>,
    name: String,
}

impl Iterator for Chunks {
    type Item = Result<Vec<Vec<Option<String>>>>;

    fn next(&mut self) -> Option<Self::Item> {
        Python::attach(|py| {
            let next = self.chunks.bind(py).call_method0("__next__").and_then(|chunk| chunk.extract());
            match next {
                Ok(chunk) => Some(Ok(chunk)),
                Err(error) if error.is_instance_of::<PyStopIteration>(py) => None,
                Err(error) => Some(Err(told(py, &error, &self.name))),
            }
        })
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        Python::attach(|py| {
            if let Err(error) = self.chunks.bind(py).call_method0("close") {
                tracing::warn!("connection '{}' was not closed: {error}", self.name);
            }
        });
    }
}

/// The rows of a load for `windvane.callbacks`: each step waits for a batch without the GIL, which whoever makes the batch
/// may need. (A C stream could not: its consumer may or may not hold the GIL, and we cannot tell.)
#[pyclass(frozen)]
struct Batches {
    schema: SchemaRef,
    stream: Mutex<Option<Stream>>,
}

#[pymethods]
impl Batches {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyRecordBatch>> {
        let next = py.detach(|| {
            let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.as_mut().and_then(Iterator::next).transpose()
        });
        match next {
            Ok(batch) => Ok(batch.map(PyRecordBatch::new)),
            Err(error) => Err(PyRuntimeError::new_err(error.to_string())),
        }
    }

    /// The schema, with `__arrow_c_schema__`.
    fn schema(&self) -> PySchema {
        PySchema::new(Arc::clone(&self.schema))
    }

    /// All rows as one object with `__arrow_c_stream__`, where no library can make one of the batches. Its consumer
    /// may hold the GIL while it waits.
    fn reader(&self) -> PyResult<PyRecordBatchReader> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.map(PyRecordBatchReader::new).ok_or_else(|| PyRuntimeError::new_err("the rows were taken already"))
    }
}

fn helper(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("windvane.callbacks")
}

fn words<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("a range has no JSON").caused_by(&error))
}

/// What Python raised. Our own errors keep their kind; user code's are about the data it was to give or take.
fn told(py: Python<'_>, error: &PyErr, name: &str) -> Error {
    let value = error.value(py);
    let text = |attribute: &str| value.getattr(attribute).ok().and_then(|found| found.extract::<String>().ok());
    let kind = text("kind").and_then(|kind| serde_json::from_value::<Kind>(kind.into()).ok());
    let class = error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Error::new(Kind::Cancelled, "stopped by the user");
    }
    match kind {
        Some(kind) => {
            let ours = Error::new(kind, value.to_string().lines().next().unwrap_or_default().to_owned()).at_path(name);
            match text("hint") {
                Some(hint) => ours.hint(hint),
                None => ours,
            }
        }
        None => {
            Error::data(format!("{class}: {value}")).at_path(name).hint("Python code that the spec names raised it")
        }
    }
}
