//! Quarantined rows of a run: into the table that the plan names for them, and into what is said of a refusal.

use super::load_attempt::load_attempt;
use super::planned::target_breaker;
use super::run_context::RunContext;
use crate::extract::folder::Folder;
use crate::extract::reasons;
use crate::load;
use std::path::PathBuf;
use windvane_core::error::{Error, Kind, Result};
use windvane_plan::{Output, Plan};

/// Quarantined rows into the table that the plan names for them.
pub(super) async fn keep_aside(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    run: &str,
    files: &[String],
) -> Result<()> {
    let load_attempt = load_attempt(run_context, plan, output, run).await?;
    let folder = run_context.folder(plan, run);
    let keeping = load::quarantine_table::keep(plan, output, &load_attempt, &run_context.context, (&folder, files));
    run_context.guarded(target_breaker(&plan.target), keeping).await.map_err(|error| error.in_stage("quarantine"))
}

/// The same when the rows are what a refusal is about: it stays the error, whatever becomes of them.
pub(super) async fn put_aside(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    run: &str,
    files: &[String],
    error: Error,
) -> Error {
    if !matches!(error.kind(), Kind::Data | Kind::Conflict) {
        return error;
    }
    let folder = run_context.folder(plan, run);
    let here = files.iter().filter_map(|file| folder.find(file).ok().flatten());
    let here: Vec<String> = here.map(|path| path.display().to_string()).collect();
    let error = error.with_lines(&reasons::lines(&reasons::frequent(&here)));
    match keep_aside(run_context, plan, output, run, files).await {
        Ok(()) => error,
        Err(second) => error.caused_by(&second),
    }
}

/// The quarantine files that stages of an output have written in this process, or on this disk.
pub(super) fn own_files(folder: &Folder, name: &str, stages: &[&str]) -> Result<Vec<String>> {
    let paths = stages.iter().map(|stage| folder.file(name, &format!("{stage}.quarantine.jsonl")));
    paths.filter(|path| path.exists()).map(|path| folder.uri(&path)).collect()
}

/// The quarantine files that an earlier try of an output has left: those of each piece, then those of each stage.
pub(super) fn left_files(folder: &Folder, planned: &Output) -> Result<Vec<String>> {
    let all = folder.quarantine()?;
    let first = folder.below(&planned.name, "inputs").file(&planned.from, "extract");
    let stage = |name: &str, stage: &str| folder.file(name, &format!("{stage}.quarantine.jsonl"));
    let own = ["transform", "validate", "load"].map(|name| stage(&planned.name, name));
    let read = stage(&planned.from, "extract");
    let (read, own) = (move |path: &PathBuf| *path == read, move |path: &PathBuf| own.contains(path));
    let piece = move |path: &PathBuf| path.to_string_lossy().starts_with(&*first.to_string_lossy());
    let some = |wanted: &dyn Fn(&PathBuf) -> bool| -> Vec<String> {
        all.iter().filter(|(path, _)| wanted(path)).map(|(_, uri)| uri.clone()).collect()
    };
    Ok([some(&read), some(&piece), some(&own)].concat())
}
