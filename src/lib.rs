//! The only room that names pyo3: the doorway, the errors, and one file a noun.

mod agents;
mod approving;
mod breaker;
mod connectors;
mod engine;
mod enter;
mod errors;
mod feature;
mod graph;
mod function;
mod callbacks;
mod json;
mod loading;
mod discovery;
mod needs;
mod personal;
mod place;
mod planning;
mod profile;
mod rows;
mod schema;
mod spec;
mod specs;
mod stages;
mod staging;
mod store;
mod logging;
mod run_context;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::agents::{diagnose, guard_sql, judge, map_schemas, propose, redact};
    #[pymodule_export]
    use super::approving::approve;
    #[pymodule_export]
    use super::breaker::{
        breaker_admit, breaker_guard, breaker_record, breaker_reset, breaker_simulate, breaker_state,
    };
    #[pymodule_export]
    use super::breaker::{limit_simulate, retry_simulate};
    #[pymodule_export]
    use super::connectors::{compact, datasets, test_connection};
    #[pymodule_export]
    use super::discovery::{discover, map, profile, relations, relations_of_names};
    #[pymodule_export]
    use super::engine::{expression_type, transform_rows, validate_rows, write_steps};
    #[pymodule_export]
    use super::feature::{feature_types, feature_vectors};
    #[pymodule_export]
    use super::graph::load_folder;
    #[pymodule_export]
    use super::loading::load_rows;
    #[pymodule_export]
    use super::needs::needs;
    #[pymodule_export]
    use super::personal::{personal, personal_kinds, personal_tokens};
    #[pymodule_export]
    use super::planning::{check_connected, diff, explain, plan, run};
    #[pymodule_export]
    use super::profile::profile_stream;
    #[pymodule_export]
    use super::rows::{read_rows, split_rows};
    #[pymodule_export]
    use super::schema::{schema, schema_changes};
    #[pymodule_export]
    use super::spec::{check, normalize};
    #[pymodule_export]
    use super::stages::{extract, load, move_rows, reasons, record, split, transform, validate};
    #[pymodule_export]
    use super::staging::{staging_list, staging_ready, staging_remove};
    #[pymodule_export]
    use super::store::{
        catalog_search, decisions, events, ledger, runs, staging_places, store_get, store_info, store_put, store_rest,
    };

    #[pymodule_init]
    #[expect(clippy::unnecessary_wraps, reason = "the signature that pyo3 asks for")]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let _ = module;
        super::function::install();
        super::logging::install();
        windvane_agents::own_errors::know(include_str!(concat!(env!("OUT_DIR"), "/own_messages.txt")));
        Ok(())
    }

    /// The version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
