//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod enter;
mod errors;
mod graph;
mod schema;
mod spec;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::graph::load_folder;
    #[pymodule_export]
    use super::schema::schema;
    #[pymodule_export]
    use super::spec::{check, normalize};

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
