//! The JSON Schema of a spec, generated from the types: for editors, and for the checker itself.

use super::Spec;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// Where editors find the committed copy.
const ID: &str = "https://windvane.dev/schema/spec/v1.json";

/// The schema as editors use it.
pub fn document() -> Result<Value> {
    let mut schema = generated()?;
    let keywords = schema.as_object_mut().ok_or_else(|| Error::internal("the schema of the spec is not an object"))?;
    keywords.insert("$id".to_owned(), json!(ID));
    keywords.insert("title".to_owned(), json!("Windvane pipeline (*.windvane.yaml)"));
    Ok(schema)
}

/// The schema as it comes from the types.
pub(super) fn generated() -> Result<Value> {
    serde_json::to_value(schemars::schema_for!(Spec))
        .map_err(|error| Error::internal("the schema of the spec is not JSON").caused_by(&error))
}
