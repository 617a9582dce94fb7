//! Mended rows of a quarantine, moved instead of the source's: once, beside the rows of the run that has put them aside.
//!
//! They are done as that run would have done them, by key where the output is loaded by key, all of them or none: what is
//! loaded is known by row, so that no row comes twice, in whatever order and company its line is.

use super::planned::decided;
use super::replayed::{Replay, Replayed};
use super::run_context::RunContext;
use super::{recording, stage};
use crate::extract::file;
use crate::extract::mended::{self, Mended, Owner, Row};
use crate::load::Receipt;
use crate::record::{Failure, Run};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use windvane_connectors::{Connection, FoundKind};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::digest;
use windvane_core::spec::drift::{Drift, Policy};
use windvane_core::spec::guard::Guards;
use windvane_core::spec::kinds::files::FilesSource;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::{Absent, Mode};
use windvane_core::spec::{RowPolicy, Strategy};
use windvane_engine::step::{self, RowDependency};
use windvane_plan::{Input, Output, Plan, plain};
use windvane_store::runs::Begun;

/// Moves the rows of a quarantine file. `run`: of which they must be, where one is named.
#[boxed]
pub async fn replay(run_context: &RunContext, plan: &Plan, file: &Path, run: Option<&str>) -> Result<Run> {
    let mended = mended::read(file)?;
    let by = &mended.of.by;
    if let Some(other) = run.filter(|run| *run != by.run) {
        let message = format!("the rows were put aside by run '{}', not by '{other}'", by.run);
        return Err(Error::spec(message).in_file(file.display().to_string()).hint("Leave `--run` out"));
    }
    let outputs = outputs(plan, &mended.of).map_err(|error| error.in_file(file.display().to_string()))?;
    // Neither the run itself nor another replay of its rows goes on beside this one.
    run_context.hold(plan, &by.run).await?;
    let done = done(run_context, plan, (&mended, &outputs), file).await;
    run_context.let_go(plan, &by.run).await?;
    done
}

async fn done(
    run_context: &RunContext,
    plan: &Plan,
    (mended, outputs): (&Mended, &[Output]),
    file: &Path,
) -> Result<Run> {
    let run = format!("replay-{}", identity(mended));
    let mut run_context = run_context.clone();
    run_context.begin(plan, &run).await?;
    // The same lines are the same load, however often they come.
    run_context.begun = Begun { attempt: 1, ..run_context.begun };
    run_context.replay = Some(Replay {
        of: mended.of.clone(),
        rows: mended.rows.iter().map(|row| row.id.clone()).collect(),
        outputs: outputs.iter().map(|output| (output.name.clone(), loaded(plan, output))).collect(),
    });
    let plan = planned(&mut run_context, plan, outputs, mended, &run).await?;
    let (mut receipts, mut failed) = (Vec::new(), Vec::new());
    for output in &plan.outputs {
        match moved(&run_context, &plan, output, (&run, &mended.of)).await {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => {
                stage::give_up(&run_context, &plan, &output.name, &run).await;
                failed.push(Failure::of(&output.name, &in_file(error, file)));
            }
        }
    }
    recording::recorded(&run_context, &plan, &run, receipts, failed).await
}

/// The outputs that lack the rows: all that begin with an input whose rows could not be read.
fn outputs(plan: &Plan, of: &Owner) -> Result<Vec<Output>> {
    let lacks = |output: &&Output| if of.unread { output.from == of.name } else { output.name == of.name };
    let outputs: Vec<Output> = plan.outputs.iter().filter(lacks).cloned().collect();
    if outputs.is_empty() {
        return Err(Error::missing(format!("the plan has nothing called '{}', from which the rows came", of.name)));
    }
    for output in &outputs {
        decided(plan, &output.name)?;
        let row_dependency = row_dependency(plan, output)?;
        let adds = !output.mode.by_key();
        if let Some((step, _)) =
            row_dependency.filter(|(_, row_dependency)| adds || *row_dependency == RowDependency::Folds)
        {
            let verb = output.steps.get(step).map_or("step", |planned| planned.step.verb());
            let message =
                format!("what the step '{verb}' makes of a row depends on other rows, and only these would be there");
            return Err(Error::new(Kind::Conflict, message)
                .in_table(&output.name)
                .hint(format!("Nothing was loaded. Mend the source, and run '{}' again", of.by.run)));
        }
    }
    Ok(outputs)
}

fn row_dependency(plan: &Plan, output: &Output) -> Result<Option<(usize, RowDependency)>> {
    let steps = plain(&output.steps);
    let lookup = |name: &str| plan.input(name).map(|input| input.schema.clone());
    let Some(input) = plan.input(&output.from) else { return Ok(None) };
    step::row_dependency(&steps, &input.schema, &lookup)
}

fn loaded(plan: &Plan, output: &Output) -> Replayed {
    Replayed { mode: output.mode, chooses: matches!(row_dependency(plan, output), Ok(Some(_))) }
}

/// The same rows, in whatever order, are the same replay.
fn identity(Mended { of, rows }: &Mended) -> String {
    let mut rows: Vec<String> = rows.iter().map(|Row { id, source }| json!([id, source]).to_string()).collect();
    rows.sort();
    digest(json!([of.by, of.name, of.unread, rows]).to_string().as_bytes(), 16)
}

/// The plan for the mended rows.
async fn planned(
    run_context: &mut RunContext,
    plan: &Plan,
    outputs: &[Output],
    mended: &Mended,
    run: &str,
) -> Result<Plan> {
    let path = written(run_context.folder(plan, run).path(), &mended.rows)?;
    let source = Source::Jsonl(FilesSource { path: path.display().to_string(), ..FilesSource::default() });
    run_context.context.local = run_context.context.local.clone().with_root(&run_context.staging.path);
    // The connector knows how it calls the file; asking it keeps one rule of locators.
    let found = Connection::open_source(&source, &run_context.context)?.datasets().await?;
    let found = found.into_iter().next().map(|(_, found)| found);
    // Mended rows are read as planned, whatever columns they have: nothing drifts.
    let fingerprint = found.as_ref().map(|found| found.shape().fingerprint()).unwrap_or_default();
    let locator = found.map(|found| found.locator).unwrap_or_default();
    let mut replayed = plan.clone();
    replayed.refused.clear();
    replayed.errors.rows = RowPolicy::Fail;
    // What they hold now is no news of the source.
    replayed.drift = Drift::all(Policy::Freeze);
    replayed.outputs = outputs.to_vec();
    for output in &mut replayed.outputs {
        if output.mode == Mode::Replace {
            output.mode = Mode::Append;
        }
        output.absent = Absent::Keep;
        output.incremental = None;
        output.drift = None;
        output.strategy.strategy = Strategy::Staged;
        // A person has looked at these rows; at what they join to, nobody.
        output.guard = Guards { rows: output.guard.rows, format: output.guard.format, ..Guards::off() };
    }
    let from: BTreeSet<&str> = outputs.iter().map(|output| output.from.as_str()).collect();
    replayed.sources.insert("replay".to_owned(), source);
    for input in replayed.inputs.iter_mut().filter(|input| from.contains(input.name.as_str())) {
        let (source, locator) = ("replay".to_owned(), locator.clone());
        let fingerprint = fingerprint.clone();
        let (kind, format, primary_key, partial) = (FoundKind::Jsonl, None, Vec::new(), Vec::new());
        *input = Input { source, locator, kind, format, fingerprint, primary_key, partial, ..input.clone() };
    }
    Ok(replayed)
}

async fn moved(run_context: &RunContext, plan: &Plan, output: &Output, (run, of): (&str, &Owner)) -> Result<Receipt> {
    let inputs = stage::extract(run_context, plan, &output.name, run).await?;
    let transformed = stage::transform(run_context, plan, &output.name, run, &inputs).await?;
    if transformed.added > 0 && output.mode == Mode::Append && !of.unread {
        let message =
            format!("of these rows the steps make {} more, of which some may have been loaded", transformed.added);
        return Err(Error::new(Kind::Conflict, message)
            .in_table(&output.name)
            .hint(format!("Nothing was loaded. Mend the source, and run '{}' again", of.by.run)));
    }
    let verdict = stage::validate(run_context, plan, &output.name, run, &inputs, &transformed).await?;
    stage::load(run_context, plan, &output.name, run, &verdict).await
}

/// Names the user's file instead of the copy of its rows.
fn in_file(error: Error, file: &Path) -> Error {
    let mut place = error.place().clone();
    if place.file.is_some() {
        place.file = Some(file.display().to_string());
    }
    error.at(place)
}

fn written(folder: &Path, rows: &[Row]) -> Result<PathBuf> {
    let path = file(folder, "replay", "jsonl");
    let failed = |error: std::io::Error| Error::internal("the replay cannot be staged").caused_by(&error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    for row in rows {
        writeln!(file, "{}", serde_json::Value::Object(row.source.clone())).map_err(failed)?;
    }
    Ok(path)
}
