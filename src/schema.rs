//! The JSON Schema of every document.

use super::{enter, json as documents};
use pyo3::prelude::*;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Value, json};
use windvane_agents as agents;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::schema::diff::{Change, diff};
use windvane_core::spec;
use windvane_know::{discover, profile, relations};
use windvane_plan::{self as plan, graph};
use windvane_run::{extract, load, record, validate};

const NOUNS: [&str; 15] = [
    "spec",
    "plan",
    "profile",
    "catalog",
    "decision",
    "problem",
    "graph",
    "folder",
    "staged",
    "verdict",
    "receipt",
    "run",
    "mapping",
    "diagnosis",
    "relations",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    noun: String,
}

/// `{noun}` -> the JSON Schema of that document, with its keys sorted.
#[pyfunction]
pub(super) fn schema(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: Request = documents::request(request)?;
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
        "receipt" => of::<load::Receipt>(noun),
        "run" => of::<record::Run>(noun),
        "mapping" => of::<agents::mapper::Mappings>(noun),
        "relations" => of::<relations::Relations>(noun),
        "diagnosis" => of::<agents::doctor::Diagnosis>(noun),
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangesRequest {
    old: Schema,
    new: Schema,
}

/// `{old, new}` to `{changes: [{change, words}]}`: what changed between two schemas.
#[pyfunction]
pub(super) fn schema_changes(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let ChangesRequest { old, new } = documents::request(request)?;
        let told = |change: &Change| json!({"change": change, "words": change.in_words()});
        let changes: Vec<Value> = diff(&old, &new).iter().map(told).collect();
        documents::answer(&json!({"schema": "windvane/schema_changes/v1", "changes": changes}))
    })
}
