//! A folder of specs as task graphs: what a DAG factory needs while it parses, from files alone.
//!
//! A broken file is listed with its problems and hides no other. The document is the same on every machine and run,
//! but for the folder that the caller named.

use super::{TaskGraph, from_plan, from_spec, page};
use crate::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Result};
use windvane_core::schema::digest;
use windvane_core::spec::problem::Problem;
use windvane_core::spec::read::{self, Document, Options};
use windvane_core::spec::target::Target;
use windvane_core::spec::{DatasetSpec, Progress, Spec, find, hash};
use windvane_engine::lint;

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
    /// The folder that a target's relative path means: the spec's own, when there is none.
    #[serde(default)]
    pub home: Option<PathBuf>,
    /// Folders in which no target may lie.
    #[serde(default)]
    pub read_only: Vec<PathBuf>,
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
    pub timezone: Option<String>,
    pub start_date: Option<String>,
    pub catchup: bool,
    /// Whether a dataset is read by the run's data interval, so that its schedule must give one.
    pub intervals: bool,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    pub retries: Option<u32>,
    pub retry_delay: Option<f64>,
    pub intent: Option<String>,
    pub graph: TaskGraph,
    pub plan: Option<PlanReference>,
    pub connections: Vec<String>,
    pub target: Target,
    /// Tables or folders at the target; empty while only the plan stage can tell.
    pub loads: Vec<String>,
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

/// Specs whose pipeline is already called so in an earlier one of these files.
pub fn doubles(files: &[PathBuf]) -> Vec<Problem> {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for path in files {
        let file = path.display().to_string();
        let text = read::bytes(path).and_then(|bytes| read::decoded(&file, bytes));
        // What cannot be read has been reported by whoever judged it.
        let Ok(document) = text.and_then(|text| read::document(&file, &text)) else { continue };
        found.extend(taken(&document, &file, &mut owners));
    }
    found
}

/// The problem of a document whose pipeline's name is taken; otherwise its file owns the name from now on.
fn taken(document: &Document, file: &str, owners: &mut BTreeMap<String, String>) -> Option<Problem> {
    let id = document.pipeline()?;
    if let Some(owner) = owners.get(id) {
        let message = format!("the pipeline '{id}' exists already, in {owner}");
        return Some(document.problem_at_pipeline(message, "Give one of them another name".to_owned()));
    }
    owners.insert(id.to_owned(), file.to_owned());
    None
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
    if let Some(problem) = taken(&document, file, owners) {
        return Err(vec![problem]);
    }
    let environment = request.environment.clone().filter(|_| document.has_environments());
    let spec = judged(document, request, path, environment.clone())?;
    let plan = committed_plan(path, &spec, environment.as_deref())?;
    let (plan_file, plan) = plan.unzip();
    let graph =
        plan.as_ref().map_or_else(|| from_spec(&spec), from_plan).map_err(|error| vec![Problem::of(file, &error)])?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let by_interval = |dataset: &DatasetSpec| {
        dataset.incremental.as_ref().is_some_and(|incremental| incremental.by == Progress::Interval)
    };
    Ok(Some(Pipeline {
        intervals: spec.datasets.values().any(by_interval),
        file: file.to_owned(),
        spec_file_hash: content_hash,
        graph,
        connections: spec.connections(),
        loads: plan.iter().flat_map(|plan| &plan.outputs).map(|output| output.dataset.clone()).collect(),
        doc_md: page::markdown(&spec, &name, plan.as_ref()),
        plan: plan_file.zip(plan).map(|(file, plan)| PlanReference { file: file.display().to_string(), id: plan.id }),
        pipeline: spec.pipeline,
        target: spec.target,
        schedule: spec.schedule,
        timezone: spec.timezone,
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
    let Request { roots, home, read_only, .. } = request.clone();
    document.spec(&Options { environment, base, roots, home, read_only, judge: Some(lint::document) })
}

/// The plan file beside the spec, when it is there and fits.
fn committed_plan(
    path: &Path,
    spec: &Spec,
    environment: Option<&str>,
) -> Result<Option<(PathBuf, Plan)>, Vec<Problem>> {
    let Some(file) = crate::file::committed(path, environment) else { return Ok(None) };
    let name = file.display().to_string();
    let plan = crate::file::read(&file).map_err(|error| vec![Problem::of(&name, &error)])?;
    if plan.pipeline != spec.pipeline {
        let error = Error::spec(format!("this is the plan of pipeline '{}'", plan.pipeline));
        return Err(vec![Problem::of(&name, &error.hint("Run `windvane plan SPEC`, or delete the plan file"))]);
    }
    crate::file::fits(&plan, &hash::of(spec), environment).map_err(|error| vec![Problem::of(&name, &error)])?;
    Ok(Some((file, plan)))
}
