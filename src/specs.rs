//! Specs as the doors read them, and the plans beside them.

use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::{Spec, hash, read};
use windvane_engine::lint;
use windvane_plan::{Plan, file};
use windvane_run::orchestrator::planning_request::PlanningRequest;
use windvane_run::orchestrator::{RunContext, planning};

/// The plan beside the spec, refused when it does not fit, or a new one.
pub(super) async fn current(run_context: &RunContext, path: &Path, environment: Option<&str>) -> Result<Plan> {
    if let Some((_, plan)) = committed(path, environment, run_context.context.local.roots())? {
        return Ok(plan);
    }
    planned(run_context, path, Question { environment, unreviewed: true, ..Question::default() }).await
}

/// The plan beside the spec, refused when it does not fit.
pub(super) fn committed(path: &Path, environment: Option<&str>, roots: &[PathBuf]) -> Result<Option<(PathBuf, Plan)>> {
    let Some(beside) = file::committed(path, environment) else { return Ok(None) };
    let plan = file::read(&beside)?;
    let spec_hash = hash::of(&spec(path, environment, roots)?);
    file::fits(&plan, &spec_hash, environment).map_err(|error| error.in_file(beside.display().to_string()))?;
    Ok(Some((beside, plan)))
}

/// How a plan of a spec is asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Question<'a> {
    pub(super) environment: Option<&'a str>,
    pub(super) words: Option<&'a str>,
    pub(super) unreviewed: bool,
    pub(super) before: Option<&'a Plan>,
}

pub(super) async fn planned(run_context: &RunContext, path: &Path, question: Question<'_>) -> Result<Plan> {
    let Question { environment, words, unreviewed, before } = question;
    let spec = spec(path, environment, run_context.context.local.roots())?;
    let spec_hash = hash::of(&spec);
    let asked = PlanningRequest { spec: &spec, spec_hash: &spec_hash, environment, words, unreviewed, before };
    planning::plan(run_context, asked).await.map_err(|error| read::located(error, path))
}

/// The first mistake is the error; the others are told beside it, so that one look shows all.
pub(super) fn spec(path: &Path, environment: Option<&str>, roots: &[PathBuf]) -> Result<Spec> {
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

pub(super) fn is_plan(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".plan.json")
}
