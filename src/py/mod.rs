//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod enter;
mod errors;
mod profile;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::profile::profile_stream;

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
