//! One stage of one output: timed, guarded, remembered.

use super::events::{peak_rss, remember_checks, remember_load, remember_passed, remember_step};
use super::load_attempt::load_attempt;
use super::pieces::{self, Piece};
use super::planned::{decided, named, source_breaker, target_breaker};
use super::quarantine_table::{keep_aside, left_files, own_files, put_aside};
use super::run_context::RunContext;
use super::window;
use crate::extract::{self, Inputs, Slice, Staged, quarantine};
use crate::load::{self, Receipt};
use crate::record::{Status, StepStats};
use crate::transform;
use crate::validate::{self, Verdict};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::clock::Stopwatch;
use windvane_engine as engine;
use windvane_plan::{Output, Plan};

/// How an output's input is split, for tasks that each read one piece.
#[boxed]
pub async fn split(run_context: &RunContext, plan: &Plan, output: &str, run: &str) -> Result<Vec<Piece>> {
    let planned = decided(plan, output)?;
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let slice = window::slice(run_context, plan, planned, input, run).await?;
    pieces::split(run_context, plan, output, &slice).await
}

/// Reads the inputs of an output into the run's staging folder, piece by piece where the plan says so.
#[boxed]
pub async fn extract(run_context: &RunContext, plan: &Plan, output: &str, run: &str) -> Result<Inputs> {
    let mut read = Vec::new();
    for piece in split(run_context, plan, output, run).await? {
        let inputs = extract_piece(run_context, plan, output, run, &piece).await?;
        read.push((piece, inputs));
    }
    pieces::gather(plan, output, read)
}

/// Reads one piece; the first one brings the other inputs too.
#[boxed]
pub async fn extract_piece(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    piece: &Piece,
) -> Result<Inputs> {
    let planned = decided(plan, output)?;
    let folder = run_context.folder(plan, run);
    let mut inputs = Inputs::new();
    let others = planned.reads.iter().filter(|_| piece.index == 0);
    for name in others.chain([&planned.from]) {
        let input = named(plan.input(name), "input", name, plan)?;
        let watch = Stopwatch::start();
        let breaker = plan.sources.get(&input.source).and_then(source_breaker);
        // Each output reads for itself: two mapped tasks must not write one file.
        let own = folder.below(output, "inputs");
        run_context.context.progress.begin("extract", name, input.rows);
        let (slice, ending) = if *name == planned.from {
            let slice = window::slice(run_context, plan, planned, input, run).await?;
            (Slice { part: piece.part.clone(), ..slice }, piece.ending())
        } else {
            (Slice::default(), String::new())
        };
        let reading = extract::run((plan, planned), input, &run_context.context, &own, slice, &ending);
        let staged = run_context.guarded(breaker, reading).await.map_err(|error| error.in_stage("extract"))?;
        let stats = StepStats {
            step: format!("{output}.extract.{name}{ending}"),
            status: Status::Success,
            rows_in: staged.rows_in,
            rows_out: staged.rows,
            added: 0,
            filtered: 0,
            quarantined: staged.quarantined,
            bytes: staged.bytes,
            seconds: watch.seconds(),
            peak_rss: peak_rss(),
        };
        remember_step(run_context, plan, run, &stats).await?;
        remember_passed(run_context, plan, run).await?;
        inputs.insert(name.clone(), staged);
    }
    Ok(inputs)
}

/// Applies the planned steps to the staged inputs.
#[boxed]
pub async fn transform(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    inputs: &Inputs,
) -> Result<Staged> {
    let watch = Stopwatch::start();
    let planned = current(plan, output, inputs)?;
    let primary = primary(&planned, inputs)?;
    let folder = run_context.folder(plan, run);
    run_context.context.progress.begin("transform", output, Some(primary.rows));
    let staged = tokio::task::block_in_place(|| {
        let staged =
            transform::run(plan, &planned, inputs, &folder, run_context.memory(), &run_context.context.progress)?;
        quarantine::attach_sources(&folder, &own_files(&folder, output, &["transform"])?, primary)?;
        Ok(staged)
    });
    let staged: Staged = staged.map_err(|error: Error| error.in_stage("transform"))?;
    remember_step(run_context, plan, run, &difference(format!("{output}.transform"), primary, &staged, watch)).await?;
    Ok(staged)
}

/// Judges the transformed rows.
#[boxed]
pub async fn validate(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    inputs: &Inputs,
    staged: &Staged,
) -> Result<Verdict> {
    let watch = Stopwatch::start();
    let planned = current(plan, output, inputs)?;
    let primary = primary(&planned, inputs)?;
    let folder = run_context.folder(plan, run);
    run_context.context.progress.begin("validate", output, Some(staged.rows));
    let verdict: Result<Verdict> = tokio::task::block_in_place(|| {
        let verdict = validate::run(
            plan,
            &planned,
            staged,
            inputs,
            &folder,
            &run_context.context.progress,
            &run_context.context.allow,
        )?;
        quarantine::attach_sources(&folder, &own_files(&folder, output, &["validate"])?, primary)?;
        Ok(verdict)
    });
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(error) => {
            let own = own_files(&folder, output, &["validate"])?;
            let files: Vec<String> = staged.quarantine.iter().cloned().chain(own).collect();
            return Err(put_aside(run_context, plan, &planned, run, &files, error.in_stage("validate")).await);
        }
    };
    remember_step(run_context, plan, run, &difference(format!("{output}.validate"), staged, &verdict.staged, watch))
        .await?;
    remember_passed(run_context, plan, run).await?;
    remember_checks(run_context, plan, run, output, &verdict.checks).await?;
    Ok(verdict)
}

/// The receipt of an output that an earlier try of this attempt has loaded before it was stopped: what the target's ledger
/// says is enough, the source is not read again.
pub(super) async fn retried(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    run: &str,
) -> Result<Option<Receipt>> {
    if !run_context.begun.retried {
        return Ok(None);
    }
    let load_attempt = load_attempt(run_context, plan, planned, run).await?;
    let asking = load::done(plan, planned, &load_attempt, &run_context.context);
    let Some(loaded) = run_context.guarded(target_breaker(&plan.target), asking).await? else { return Ok(None) };
    let receipt = loaded.earlier.as_deref().and_then(|earlier| load::retried(planned, &load_attempt, &loaded, earlier));
    match receipt {
        Some(receipt) => found(run_context, plan, planned, run, receipt).await.map(Some),
        None => Ok(None),
    }
}

/// What is still to be done for a load that an earlier try did: it may have been stopped right after the commit.
pub(super) async fn found(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    run: &str,
    mut receipt: Receipt,
) -> Result<Receipt> {
    receipt.quarantine = left_files(&run_context.folder(plan, run), planned)?;
    keep_aside(run_context, plan, planned, run, &receipt.quarantine).await?;
    window::done(run_context, plan, planned, run).await?;
    remember_load(run_context, plan, run, &planned.name, &receipt).await?;
    Ok(receipt)
}

/// Loads what passed, exactly once.
#[boxed]
pub async fn load(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    verdict: &Verdict,
) -> Result<Receipt> {
    let watch = Stopwatch::start();
    let planned = named(plan.output(output), "output", output, plan)?;
    let folder = run_context.folder(plan, run);
    run_context.context.progress.begin("load", output, Some(verdict.staged.rows));
    window::still_mine(run_context, plan, planned, run).await?;
    let load_attempt = load_attempt(run_context, plan, planned, run).await?;
    let loading = load::run(plan, planned, verdict, &load_attempt, &run_context.context, &folder);
    let receipt = match run_context.guarded(target_breaker(&plan.target), loading).await {
        Ok(receipt) => receipt,
        Err(error) => {
            let files = &verdict.staged.quarantine;
            return Err(put_aside(run_context, plan, planned, run, files, error.in_stage("load")).await);
        }
    };
    keep_aside(run_context, plan, planned, run, &receipt.quarantine).await?;
    let stats = StepStats {
        step: format!("{output}.load"),
        status: Status::Success,
        rows_in: verdict.staged.rows,
        rows_out: receipt.loaded,
        added: 0,
        filtered: receipt.filtered.saturating_sub(verdict.staged.filtered),
        quarantined: receipt.quarantined.saturating_sub(verdict.staged.quarantined),
        bytes: receipt.bytes,
        seconds: watch.seconds(),
        peak_rss: peak_rss(),
    };
    remember_step(run_context, plan, run, &stats).await?;
    remember_passed(run_context, plan, run).await?;
    window::done(run_context, plan, planned, run).await?;
    remember_load(run_context, plan, run, output, &receipt).await?;
    Ok(receipt)
}

/// A stage of an output failed: what it held for the run is let go.
#[boxed]
pub async fn give_up(run_context: &RunContext, plan: &Plan, output: &str, run: &str) {
    window::release(run_context, plan, output, run).await;
}

/// The output as it is now: drift may have changed the columns that were planned.
pub(super) fn current(plan: &Plan, output: &str, inputs: &Inputs) -> Result<Output> {
    let mut planned = named(plan.output(output), "output", output, plan)?.clone();
    let staged = primary(&planned, inputs)?;
    let as_planned =
        |(name, staged): (&String, &Staged)| plan.input(name).is_some_and(|input| input.schema == staged.schema);
    if inputs.iter().all(as_planned) {
        return Ok(planned);
    }
    let steps = extract::unread_columns::steps(plan, &planned, &staged.schema);
    for (planned, step) in planned.steps.iter_mut().zip(&steps) {
        planned.step = step.clone();
    }
    let lookup = |name: &str| inputs.get(name).map(|staged| staged.schema.clone());
    planned.schema = engine::plan_schema(&steps, &staged.schema, &lookup).map_err(|error| changed(error, output))?;
    Ok(planned)
}

/// The steps do not fit the columns that the source has now.
pub(super) fn changed(error: Error, output: &str) -> Error {
    error.in_table(output).hint("The source's columns have changed; run `windvane plan SPEC` and review the difference")
}

pub(super) fn primary<'a>(output: &Output, inputs: &'a Inputs) -> Result<&'a Staged> {
    inputs
        .get(&output.from)
        .ok_or_else(|| Error::internal(format!("the extracted input '{}' was not handed on", output.from)))
}

fn difference(step: String, before: &Staged, after: &Staged, watch: Stopwatch) -> StepStats {
    StepStats {
        step,
        status: Status::Success,
        rows_in: before.rows,
        rows_out: after.rows,
        added: after.added - before.added,
        filtered: after.filtered - before.filtered,
        quarantined: after.quarantined - before.quarantined,
        bytes: after.bytes,
        seconds: watch.seconds(),
        peak_rss: peak_rss(),
    }
}
