//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod connectors;
mod enter;
mod errors;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::connectors::{datasets, load_rows, read_rows, test_connection};

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
