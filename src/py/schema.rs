//! The JSON Schema of every document.

use super::enter;
use crate::error::{Error, Result};
use crate::{agents, discover, extract, graph, plan, profile, spec, validate};
use pyo3::prelude::*;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Value, json};

const NOUNS: [&str; 10] =
    ["spec", "plan", "profile", "catalog", "decision", "problem", "graph", "folder", "staged", "verdict"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    noun: String,
}

/// `{noun}` -> the JSON Schema of that document, with its keys sorted.
#[pyfunction]
pub(super) fn schema(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: Request =
            serde_json::from_str(request).map_err(|error| Error::spec(format!("the request is wrong: {error}")))?;
        document(&request.noun).map(|schema| schema.to_string())
    })
}

fn document(noun: &str) -> Result<Value> {
    match noun {
        "spec" => spec::schema::document(),
        "plan" => of::<plan::Plan>(noun),
        "profile" => of::<profile::Profile>(noun),
        "catalog" => of::<discover::Catalog>(noun),
        "decision" => of::<agents::Decision>(noun),
        "problem" => of::<spec::problem::Problem>(noun),
        "graph" => of::<graph::TaskGraph>(noun),
        "folder" => of::<graph::folder::Folder>(noun),
        "staged" => of::<extract::Staged>(noun),
        "verdict" => of::<validate::Verdict>(noun),
        other => {
            Err(Error::spec(format!("there is no document '{other}'"))
                .hint(format!("Documents are {}", NOUNS.join(", "))))
        }
    }
}

fn of<T: JsonSchema>(noun: &str) -> Result<Value> {
    let mut schema = serde_json::to_value(schema_for!(T)).map_err(|error| Error::internal(error.to_string()))?;
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert("$id".to_owned(), json!(format!("https://windvane.dev/schema/{noun}/v1.json")));
    }
    Ok(schema)
}
