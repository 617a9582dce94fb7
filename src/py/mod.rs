//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod engine;
mod enter;
mod errors;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::engine::{expression_type, transform_rows, validate_rows};

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
