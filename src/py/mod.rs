//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod breaker;
mod enter;
mod errors;
mod json;
mod store;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::breaker::{breaker_admit, breaker_guard, breaker_record, breaker_reset, breaker_simulate, breaker_state};
    #[pymodule_export]
    use super::breaker::{limit_simulate, retry_simulate};
    #[pymodule_export]
    use super::store::{catalog_search, decisions, events, ledger, runs, store_get, store_info, store_put, store_rest};

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
