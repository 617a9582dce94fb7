//! The URLs of connections, which are never printed.

use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};

/// Connection id to URL.
#[derive(Clone, Default)]
pub struct Secrets(pub BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// The URL of a named connection.
    pub fn url(&self, id: &str) -> Result<&str> {
        self.0.get(id).map(String::as_str).ok_or_else(|| {
            // No id of Airflow's: a URL, whose password is not repeated.
            if id.contains('@') {
                return Error::spec("a connection is meant by its id, and this is none")
                    .hint("Write conn:ID, or the URL alone without conn: before it");
            }
            Error::missing(format!("connection '{id}' is not defined")).hint(format!(
                "Create it in Airflow, or set AIRFLOW_CONN_{} or WINDVANE_CONN_{0} in the environment",
                id.to_uppercase()
            ))
        })
    }
}
