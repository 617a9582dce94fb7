//! Looking, planning and whole runs.

use super::enter;
use super::json;
use super::world::{Outside, leave, places, plan_of, tell};
use pyo3::prelude::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use windvane_agents::{Decided, Decision, mapper};
use windvane_connectors::{Connection, Found, address};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::{clock, progress::Progress};
use windvane_core::schema::Schema;
use windvane_core::spec::problem::Problem;
use windvane_core::spec::source::Source;
use windvane_core::spec::{Spec, hash, read, template};
use windvane_engine::lint;
use windvane_know::discover as discovery;
use windvane_know::profile as profiles;
use windvane_llm::Gateway;
use windvane_plan::waiting::{self, Which};
use windvane_plan::{Plan, diff as differences, explain as words, file, order};
use windvane_run::orchestrator::planning::{self, Asked};
use windvane_run::orchestrator::{World, checking};
use windvane_run::orchestrator::{replay::replay as replayed, whole};

/// A mapping looks at this many rows of each side.
const MAP_SAMPLE: u64 = 20_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookRequest {
    world: Outside,
    source: String,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    sample: Option<u64>,
    /// Whether personal values are shown.
    #[serde(default)]
    reveal: bool,
}

/// `{world, source}` to a catalog.
#[pyfunction]
pub(super) fn discover(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let LookRequest { world, source, .. } = json::request(&request)?;
        let mut world = world.world()?;
        let address = address::read(&source, &mut world.context)?;
        let found = discovery::source("source", &address.source, &world.context).await?;
        json::answer(&discovery::catalog(vec![found])?)
    })
}

/// `{world, source, table?, sample?}` to a profile.
#[pyfunction]
pub(super) fn profile(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let LookRequest { world, source, table, sample, reveal } = json::request(&request)?;
        let mut world = world.world()?;
        let address = address::read(&source, &mut world.context)?;
        let connection = Connection::open_source(&address.source, &world.context)?;
        let (name, found) = only(&connection, table.or(address.table)).await?;
        let profile = profiles::run(&connection, &name, &found, sample).await?;
        json::answer(&if reveal { profile } else { profile.masked() })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedsRequest {
    path: String,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    /// For a plan that lies in the staging place or in the store.
    #[serde(default)]
    world: Option<Outside>,
}

/// `{path, environment?, roots?, world?}` of a spec or a plan to `{connections, templates, target, staging}`: what the caller
/// must resolve and render, where it loads to and where it wants its rows to rest.
#[pyfunction]
pub(super) fn needs(py: Python<'_>, request: &str) -> PyResult<String> {
    let NeedsRequest { path, environment, roots, world } =
        json::request(request).map_err(|error| super::errors::to_python(py, &error))?;
    if let Some(world) = world {
        return enter::block_on(py, async move {
            let world = world.world()?;
            let found = plan_of(&world, &path).await;
            let (plan, _) = leave(&world, found).await?;
            json::answer(&needs_of(&plan))
        });
    }
    enter::compute(py, || {
        let path = PathBuf::from(path);
        if is_plan(&path) {
            return json::answer(&needs_of(&file::read(&path)?));
        }
        let spec = spec(&path, environment.as_deref(), &roots)?;
        json::answer(&serde_json::json!({
            "pipeline": spec.pipeline,
            "plan": serde_json::Value::Null,
            "connections": spec.connections(),
            "templates": template::texts(&spec),
            "target": spec.target,
            "staging": spec.staging,
            "outputs": [],
            "waits": {},
        }))
    })
}

fn needs_of(plan: &Plan) -> serde_json::Value {
    let named = plan.sources.values().filter_map(Source::resolved_connection).chain(plan.target.connection());
    let ids: std::collections::BTreeSet<_> = named.collect();
    let templates = template::texts(plan);
    let waits: std::collections::BTreeMap<_, Vec<_>> = order::ordered(plan)
        .into_iter()
        .map(|(output, waits)| (&output.name, waits.into_iter().map(|other| &other.name).collect()))
        .collect();
    serde_json::json!({
        "pipeline": plan.pipeline,
        "plan": plan.id,
        "connections": ids,
        "templates": templates,
        "target": plan.target,
        "staging": plan.staging,
        "outputs": plan.outputs.iter().map(|output| &output.name).collect::<Vec<_>>(),
        "waits": waits,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRequest {
    world: Outside,
    spec: PathBuf,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    words: Option<String>,
    #[serde(default)]
    rules_only: bool,
    /// Whether to write it: to `plan_file`, or else beside the spec.
    #[serde(default)]
    write: bool,
    #[serde(default)]
    plan_file: Option<PathBuf>,
    /// The path counts from the staging place.
    #[serde(default)]
    staged: bool,
    /// A run uses it at once.
    #[serde(default)]
    unreviewed: bool,
}

/// Looks, asks and builds: to the plan file's content.
#[pyfunction]
pub(super) fn plan(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        enter::claim_engine()?;
        let request: PlanRequest = json::request(&request)?;
        let mut world = request.world.world()?;
        if request.rules_only {
            world.gateway = None;
        }
        if request.staged {
            world.ready().await?;
        }
        let (environment, words) = (request.environment.as_deref(), request.words.as_deref());
        let beside = file::beside(&request.spec, environment);
        let before = if request.staged || request.unreviewed {
            None
        } else {
            let given = request.plan_file.as_deref().filter(|path| path.exists());
            file::replaced(given.unwrap_or(&beside))?
        };
        let question = Question { environment, words, unreviewed: request.unreviewed, before: before.as_ref() };
        let built = planned(&world, &request.spec, question).await;
        tell(&world);
        let plan = leave(&world, built).await?;
        if request.write {
            let path = match request.plan_file {
                Some(path) if request.staged => world.staging.path.join(path),
                given => given.unwrap_or(beside),
            };
            file::write(&plan, &path)?;
            if let Some(shelf) = world.staging.shelf.as_ref().filter(|_| request.staged) {
                shelf.send(&path, &|| world.context.progress.wanted())?;
            }
        }
        json::answer(&plan)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    world: Outside,
    path: PathBuf,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    rules_only: bool,
    #[serde(default)]
    replay: Option<String>,
}

/// Moves the data: of a spec (with the plan beside it, if it fits, or a new one) or of a plan file.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub(super) fn run(py: Python<'_>, request: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let request = request.to_owned();
    let counters = Progress::default();
    let shown = counters.clone();
    enter::block_on_showing(py, &shown, progress, async move {
        enter::claim_engine()?;
        let request: RunRequest = json::request(&request)?;
        let mut world = request.world.world()?;
        world.context.progress = counters;
        let plan_file = if is_plan(&request.path) {
            request.path.clone()
        } else {
            let environment = request.environment.as_deref();
            let beside = || file::beside(&request.path, environment);
            file::committed(&request.path, environment).unwrap_or_else(beside)
        };
        world.context.proposals = places(&plan_file, &world);
        if request.rules_only {
            world.gateway = None;
        }
        let done = moved(&world, &request.path, request.run, request.environment.as_deref(), request.replay).await;
        json::answer(&leave(&world, done).await?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffRequest {
    old: PathBuf,
    new: PathBuf,
}

/// `{old, new}` to `{differences: [{place, what}]}`.
#[pyfunction]
pub(super) fn diff(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let DiffRequest { old, new } = json::request(request)?;
        let found = differences::diff(&file::read(&old)?, &file::read(&new)?);
        json::answer(&serde_json::json!({"schema": "windvane/diff/v1", "differences": found}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    plan: PathBuf,
    #[serde(default)]
    code: bool,
}

/// `{plan, code}` to `{text}`: Markdown, or polars code.
#[pyfunction]
pub(super) fn explain(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let ExplainRequest { plan, code } = json::request(request)?;
        let plan = file::read(&plan)?;
        let text = if code { words::code(&plan)? } else { words::explain(&plan) };
        json::answer(&serde_json::json!({"text": text}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectRequest {
    world: Outside,
    spec: PathBuf,
    #[serde(default)]
    environment: Option<String>,
}

/// `{world, spec, environment?}` to `{problems}`: a spec against what is really there.
#[pyfunction]
pub(super) fn check_connected(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        enter::claim_engine()?;
        let ConnectRequest { world, spec: path, environment } = json::request(&request)?;
        let world = World { store: None, gateway: None, ..world.world()? };
        let errors = match spec(&path, environment.as_deref(), &world.context.roots) {
            Ok(spec) => checking::check(&world, &spec, environment.as_deref()).await,
            Err(error) => vec![error],
        };
        let file = path.display().to_string();
        let problems: Vec<Problem> =
            errors.into_iter().map(|error| Problem::of(&file, &read::located(error, &path))).collect();
        json::answer(&serde_json::json!({"problems": problems}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveRequest {
    path: PathBuf,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    /// Ids of proposals; with `every` all that wait.
    #[serde(default)]
    proposals: Vec<String>,
    #[serde(default)]
    every: bool,
    approved: bool,
    by: String,
}

/// Writes a person's decision about what waits into the plan file; without a choice, says what waits.
#[pyfunction]
pub(super) fn approve(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let ApproveRequest { path, environment, roots, proposals, every, approved, by } = json::request(request)?;
        let (file, plan) = if is_plan(&path) {
            let plan = file::read(&path)?;
            (path, plan)
        } else {
            committed(&path, environment.as_deref(), &roots)?.ok_or_else(|| {
                Error::missing("there is no plan file beside the spec, so nothing can be decided")
                    .in_file(path.display().to_string())
                    .hint("Write it with `windvane plan SPEC` and look at it first")
            })?
        };
        let which = match (every, proposals.is_empty()) {
            (true, true) => Some(Which::All),
            (false, false) => Some(Which::These(proposals)),
            (false, true) => None,
            (true, false) => {
                return Err(
                    Error::spec("all proposals, or these? Both were asked for").hint("Leave --all or --proposal out")
                );
            }
        };
        let (plan, taken) = match which {
            None => (plan, Vec::new()),
            Some(which) => {
                let decided = Decided { approved, by, at: clock::now().rfc3339() };
                let (plan, taken) = waiting::decide(plan, &which, &decided)?;
                file::write(&plan, &file)?;
                (plan, taken)
            }
        };
        let told = |decision: &Decision| {
            serde_json::json!({
                "id": waiting::id(decision),
                "output": decision.output,
                "what": waiting::said(decision),
                "stops": waiting::stops(decision),
                "decided": decision.decided,
            })
        };
        json::answer(&serde_json::json!({
            "schema": "windvane/approval/v1",
            "plan": plan.id,
            "plan_file": file.display().to_string(),
            "decided": taken.iter().map(told).collect::<Vec<_>>(),
            "waits": waiting::undecided(&plan).map(told).collect::<Vec<_>>(),
        }))
    })
}

async fn moved(
    world: &World,
    path: &Path,
    run: Option<String>,
    environment: Option<&str>,
    replay: Option<String>,
) -> Result<windvane_run::record::Run> {
    let replay = replay.map(|rows| quarantined(world, &rows)).transpose()?;
    let plan = if is_plan(path) { file::read(path)? } else { current(world, path, environment).await? };
    let filled = world.filling.document(&plan)?;
    world.filling.needed(&plan)?;
    let plan = filled;
    match replay {
        Some(rows) => replayed(world, &plan, &rows, run.as_deref()).await,
        None => whole::run(world, &plan, &run.unwrap_or_else(|| format!("manual-{}", clock::now().rfc3339()))).await,
    }
}

/// The quarantine file of a path, or of an address in the staging place.
fn quarantined(world: &World, rows: &str) -> Result<PathBuf> {
    let found = match &world.staging.shelf {
        Some(shelf) if rows.contains("://") => shelf.fetch(rows, &|| world.context.progress.wanted())?,
        _ => Some(PathBuf::from(rows)).filter(|path| path.is_file()),
    };
    found.ok_or_else(|| {
        Error::missing("there is no such quarantine file")
            .in_file(rows)
            .hint("The record of a run lists the quarantine files that it wrote")
    })
}

/// The plan beside the spec, refused when it does not fit, or a new one.
async fn current(world: &World, path: &Path, environment: Option<&str>) -> Result<Plan> {
    if let Some((_, plan)) = committed(path, environment, &world.context.roots)? {
        return Ok(plan);
    }
    planned(world, path, Question { environment, unreviewed: true, ..Question::default() }).await
}

/// The plan beside the spec, refused when it does not fit.
fn committed(path: &Path, environment: Option<&str>, roots: &[PathBuf]) -> Result<Option<(PathBuf, Plan)>> {
    let Some(beside) = file::committed(path, environment) else { return Ok(None) };
    let plan = file::read(&beside)?;
    let spec_hash = hash::of(&spec(path, environment, roots)?);
    file::fits(&plan, &spec_hash, environment).map_err(|error| error.in_file(beside.display().to_string()))?;
    Ok(Some((beside, plan)))
}

/// How a plan of a spec is asked for.
#[derive(Clone, Copy, Default)]
struct Question<'a> {
    environment: Option<&'a str>,
    words: Option<&'a str>,
    unreviewed: bool,
    before: Option<&'a Plan>,
}

async fn planned(world: &World, path: &Path, question: Question<'_>) -> Result<Plan> {
    let Question { environment, words, unreviewed, before } = question;
    let spec = spec(path, environment, &world.context.roots)?;
    let spec_hash = hash::of(&spec);
    let asked = Asked { spec: &spec, spec_hash: &spec_hash, environment, words, unreviewed, before };
    planning::plan(world, asked).await.map_err(|error| read::located(error, path))
}

/// The first mistake is the error; the others are told beside it, so that one look shows all.
fn spec(path: &Path, environment: Option<&str>, roots: &[PathBuf]) -> Result<Spec> {
    let options = read::Options {
        environment: environment.map(str::to_owned),
        base: path.parent().map(Path::to_owned).unwrap_or_default(),
        roots: roots.to_vec(),
        judge: Some(lint::document),
        ..read::Options::default()
    };
    read::file(path, &options).map_err(|problems| {
        let more: Vec<String> =
            problems.iter().skip(1).map(|problem| Error::from(problem.clone()).to_string()).collect();
        let first =
            problems.into_iter().next().map_or_else(|| Error::new(Kind::Internal, "no problem was told"), Error::from);
        if more.is_empty() {
            return first;
        }
        let hint = first.hint_text().map(|hint| format!("{hint}. ")).unwrap_or_default();
        first.hint(format!("{hint}Also: {}", more.join("; ")))
    })
}

fn is_plan(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".plan.json")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapRequest {
    world: Outside,
    source: String,
    target: String,
    #[serde(default)]
    rules_only: bool,
}

/// `{world, source, target}` to the mappings of the source's columns to the target's.
#[pyfunction]
pub(super) fn map(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let MapRequest { world, source, target, rules_only } = json::request(&request)?;
        let mut world = world.world()?;
        let settings = world.gateway.take().filter(|_| !rules_only);
        let gateway = settings.as_ref().map(|settings| Gateway::new(settings, world.store.as_ref())).transpose()?;
        let (source, source_profile) = measured(&mut world, &source).await?;
        let (target, target_profile) = measured(&mut world, &target).await?;
        let question = mapper::Question {
            source: &source,
            target: &target,
            source_profile: Some(&source_profile),
            target_profile: Some(&target_profile),
        };
        let mut decisions = Vec::new();
        let proposal = mapper::ask(question, gateway.as_ref(), &mut decisions).await;
        let mut answer = serde_json::to_value(&proposal.value).map_err(|error| Error::internal(error.to_string()))?;
        answer["decisions"] = serde_json::json!(decisions);
        json::answer(&answer)
    })
}

/// The one dataset at an address, with its first rows' figures.
async fn measured(world: &mut World, text: &str) -> Result<(Schema, profiles::Profile)> {
    let address = address::read(text, &mut world.context)?;
    let connection = Connection::open_source(&address.source, &world.context)?;
    let (name, found) = only(&connection, address.table).await?;
    let profile = profiles::run(&connection, &name, &found, Some(MAP_SAMPLE)).await?;
    let mut schema = found.fields;
    for field in &mut schema.fields {
        if let Some(column) = profile.columns.iter().find(|column| column.name == field.name) {
            field.data_type = column.data_type;
        }
    }
    Ok((schema, profile))
}

/// The one dataset that was meant.
async fn only(connection: &Connection, wanted: Option<String>) -> Result<(String, Found)> {
    let datasets = connection.datasets().await?;
    let names: Vec<String> = datasets.iter().map(|(name, _)| name.clone()).collect();
    let mut matching = datasets.into_iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Error::missing("there is no such dataset").hint(format!("There are: {}", names.join(", ")))),
        (Some(_), Some(_)) => {
            Err(Error::spec("which dataset?").hint(format!("Add #NAME; there are: {}", names.join(", "))))
        }
    }
}
