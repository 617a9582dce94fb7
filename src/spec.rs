//! Specs: judged, and in their one normal form.

use super::{enter, json};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use windvane_core::error::{Error, Result};
use windvane_core::spec::advice::{self, Advice};
use windvane_core::spec::problem::Problem;
use windvane_core::spec::read::{self, Options};
use windvane_core::spec::{Spec, find, hash};
use windvane_engine::lint;
use windvane_plan::graph::folder;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    paths: Vec<PathBuf>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Checked {
    schema: &'static str,
    ok: bool,
    /// How many specs were read.
    specs: usize,
    files: Vec<String>,
    problems: Vec<Problem>,
    /// What is no mistake.
    notes: Vec<Noted>,
}

#[derive(Serialize)]
struct Noted {
    file: String,
    #[serde(flatten)]
    advice: Advice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NormalizeRequest {
    path: PathBuf,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Normalized {
    schema: &'static str,
    spec: Spec,
    connections: Vec<String>,
    hash: String,
}

/// `{paths: [file | folder | glob], environment?, roots?}` -> `{ok, specs, problems, notes}`.
#[pyfunction]
pub(super) fn check(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || checked(request))
}

/// `{path, environment?, roots?}` -> `{spec, connections, hash}`; raises the first problem of a spec that has any.
#[pyfunction]
pub(super) fn normalize(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || normalized(request))
}

fn checked(request: &str) -> Result<String> {
    let CheckRequest { paths, environment, roots } = json::request(request)?;
    let options = Options { environment, roots, judge: Some(lint::document), ..Options::default() };
    let files = find::all(&paths)?;
    let (mut problems, mut notes): (Vec<Problem>, Vec<Noted>) = (Vec::new(), Vec::new());
    for path in &files {
        match read::file(path, &options) {
            Err(more) => problems.extend(more),
            Ok(spec) => notes
                .extend(advice::of(&spec).into_iter().map(|advice| Noted { file: path.display().to_string(), advice })),
        }
    }
    problems.extend(folder::doubles(&files));
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    let names = files.iter().map(|path| path.display().to_string()).collect();
    let ok = problems.is_empty();
    json::answer(&Checked { schema: "windvane/check/v1", ok, specs: files.len(), files: names, problems, notes })
}

fn normalized(request: &str) -> Result<String> {
    let NormalizeRequest { path, environment, roots } = json::request(request)?;
    let spec = read::file(&path, &Options { environment, roots, ..Options::default() }).map_err(first)?;
    let (connections, hash) = (spec.connections(), hash::of(&spec));
    json::answer(&Normalized { schema: "windvane/spec/v1", spec, connections, hash })
}

/// An exception has room for one problem; it says how many there are.
fn first(problems: Vec<Problem>) -> Error {
    let more = problems.len().saturating_sub(1);
    let Some(mut first) = problems.into_iter().next() else {
        return Error::internal("a spec failed without a problem");
    };
    if more > 0 {
        first.message = format!("{} (and {more} more: see `windvane check`)", first.message);
    }
    first.into()
}
