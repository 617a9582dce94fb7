//! A folder of specs as task graphs: what a DAG factory needs while it parses, from files alone.
//!
//! A broken file is listed with its problems and hides no other. The document is the same on every machine and run,
//! but for the folder that the caller named.

use super::{TaskGraph, from_plan, from_spec, page};
use crate::engine::lint;
use crate::error::{Error, Result};
use crate::plan::{self, Plan};
use crate::schema::digest;
use crate::spec::problem::Problem;
use crate::spec::read::{self, Document, Options};
use crate::spec::{Spec, find, hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the document's schema.
pub const SCHEMA: &str = "windvane/folder/v1";

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub folder: PathBuf,
    /// The one pipeline that is wanted.
    #[serde(default)]
    pub only: Option<String>,
    /// The one file that is wanted; it is still judged beside the others of the folder.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// A spec in which nothing differs between environments is the same in each.
    #[serde(default)]
    pub environment: Option<String>,
    /// Folders, beside the spec's own, that paths may lie in.
    #[serde(default)]
    pub roots: Vec<PathBuf>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Folder {
    pub schema: &'static str,
    /// Sorted by file.
    pub pipelines: Vec<Pipeline>,
    /// Sorted by file.
    pub broken: Vec<Broken>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Pipeline {
    pub file: String,
    pub spec_file_hash: String,
    pub pipeline: String,
    pub schedule: Option<String>,
    pub start_date: Option<String>,
    pub catchup: bool,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    pub retries: Option<u32>,
    pub retry_delay: Option<f64>,
    pub intent: Option<String>,
    pub graph: TaskGraph,
    pub plan: Option<PlanReference>,
    pub connections: Vec<String>,
    /// Addresses of what it loads, the same on every machine.
    pub outlets: Vec<String>,
    pub doc_md: String,
}

/// The committed plan beside the spec.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanReference {
    pub file: String,
    pub id: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Broken {
    pub file: String,
    pub problems: Vec<Problem>,
}

/// Reads the folder.
pub fn load(request: &Request) -> Result<Folder> {
    let mut all = Folder { schema: SCHEMA, pipelines: Vec::new(), broken: Vec::new() };
    // Who used an id first owns it, broken or not: mending one file must not change what another one means.
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for path in find::folder(&request.folder)? {
        let file = path.display().to_string();
        if request.file.as_ref().is_some_and(|wanted| *wanted != path && !same_name(&request.folder, wanted, &path)) {
            continue;
        }
        match one(request, &path, &file, &mut owners) {
            Ok(Some(pipeline)) => all.pipelines.push(pipeline),
            Ok(None) => {}
            Err(problems) => all.broken.push(Broken { file, problems }),
        }
    }
    Ok(all)
}

fn same_name(folder: &Path, wanted: &Path, path: &Path) -> bool {
    wanted.is_relative() && folder.join(wanted) == path
}

/// `None`: another pipeline than the wanted one.
fn one(
    request: &Request,
    path: &Path,
    file: &str,
    owners: &mut BTreeMap<String, String>,
) -> Result<Option<Pipeline>, Vec<Problem>> {
    let bytes = match read::bytes(path) {
        Ok(bytes) => bytes,
        // Which pipeline it would be cannot be known; whoever reads the whole folder will see it.
        Err(_) if request.only.is_some() => return Ok(None),
        Err(problems) => return Err(problems),
    };
    let content_hash = digest(&bytes, 16);
    if request.only.as_ref().is_some_and(|only| !may_name(&bytes, only)) {
        return Ok(None);
    }
    let document = read::decoded(file, bytes).and_then(|text| read::document(file, &text));
    let document = match document {
        Ok(document) => document,
        Err(_) if request.only.is_some() => return Ok(None),
        Err(problems) => return Err(problems),
    };
    if request.only.is_some() && document.pipeline() != request.only.as_deref() {
        return Ok(None);
    }
    if let Some(id) = document.pipeline() {
        if let Some(owner) = owners.get(id) {
            return Err(vec![document.problem_at_pipeline(
                format!("the pipeline '{id}' exists already, in {owner}"),
                "Give one of them another name".to_owned(),
            )]);
        }
        owners.insert(id.to_owned(), file.to_owned());
    }
    let environment = request.environment.clone().filter(|_| document.has_environments());
    let spec = judged(document, request, path, environment.clone())?;
    let plan = committed_plan(path, &spec, environment.as_deref())?;
    let (plan_file, plan) = plan.unzip();
    let graph =
        plan.as_ref().map_or_else(|| from_spec(&spec), from_plan).map_err(|error| vec![problem(file, &error)])?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(Pipeline {
        file: file.to_owned(),
        spec_file_hash: content_hash,
        graph,
        connections: spec.connections(),
        outlets: page::outlets(&spec, &page::below(&request.folder, path), plan.as_ref()),
        doc_md: page::markdown(&spec, &name, plan.as_ref()),
        plan: plan_file.zip(plan).map(|(file, plan)| PlanReference { file: file.display().to_string(), id: plan.id }),
        pipeline: spec.pipeline,
        schedule: spec.schedule,
        start_date: spec.start_date,
        catchup: spec.catchup,
        owner: spec.owner,
        tags: spec.tags,
        retries: spec.retries,
        retry_delay: spec.retry_delay,
        intent: spec.intent,
    }))
}

/// Whether the text can name this pipeline: its letters stand there, or something that an escape could hide.
fn may_name(bytes: &[u8], only: &str) -> bool {
    let wanted = only.as_bytes();
    bytes.contains(&b'\\') || (!wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted))
}

fn judged(
    document: Document,
    request: &Request,
    path: &Path,
    environment: Option<String>,
) -> Result<Spec, Vec<Problem>> {
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    document.spec(&Options { environment, base, roots: request.roots.clone(), judge: Some(lint::document) })
}

/// The plan file beside the spec, when it is there and fits.
fn committed_plan(
    path: &Path,
    spec: &Spec,
    environment: Option<&str>,
) -> Result<Option<(PathBuf, Plan)>, Vec<Problem>> {
    let Some(file) = plan::file::committed(path, environment) else { return Ok(None) };
    let name = file.display().to_string();
    let plan = plan::file::read(&file).map_err(|error| vec![problem(&name, &error)])?;
    if plan.pipeline != spec.pipeline {
        let error = Error::spec(format!("this is the plan of pipeline '{}'", plan.pipeline));
        return Err(vec![problem(&name, &error.hint("Run `windvane plan SPEC`, or delete the plan file"))]);
    }
    plan::file::fits(&plan, &hash::of(spec), environment).map_err(|error| vec![problem(&name, &error)])?;
    Ok(Some((file, plan)))
}

fn problem(file: &str, error: &Error) -> Problem {
    let place = error.place();
    Problem {
        file: place.file.clone().unwrap_or_else(|| file.to_owned()),
        line: place.line.unwrap_or(1),
        column: place.column.unwrap_or(1),
        path: place.path.clone().unwrap_or_default(),
        kind: error.kind(),
        message: error.message().to_owned(),
        hint: error.hint_text().map(str::to_owned),
    }
}
