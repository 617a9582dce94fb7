//! Staged rows of a run that had ended are gone: a stage that is done again alone makes them again from the source, when that
//! gives the same rows.

use super::run_context::RunContext;
use super::stage;
use crate::extract::folder::Folder;
use crate::extract::{Inputs, Staged};
use crate::validate::Verdict;
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_plan::Plan;

/// The inputs of an output, read again where their files are gone.
#[boxed]
pub async fn inputs(run_context: &RunContext, plan: &Plan, output: &str, run: &str, known: Inputs) -> Result<Inputs> {
    let mut there = true;
    for staged in known.values() {
        there = there && is_there(&run_context.folder(plan, run), staged)?;
    }
    if there || !is_over(run_context) {
        return Ok(known);
    }
    let again = stage::extract(run_context, plan, output, run).await?;
    for (name, staged) in &known {
        if !again.get(name).is_some_and(|now| same(staged, now)) {
            let now = again.get(name).map_or(0, |now| now.rows_in);
            return Err(others(run, name, staged.rows_in, now));
        }
    }
    Ok(again)
}

/// The transformed rows, made again where they are gone.
#[boxed]
pub async fn staged(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    (inputs, known): (&Inputs, Staged),
) -> Result<Staged> {
    if !is_over(run_context) || is_there(&run_context.folder(plan, run), &known)? {
        return Ok(known);
    }
    let again = stage::transform(run_context, plan, output, run, inputs).await?;
    if same(&known, &again) { Ok(again) } else { Err(others(run, output, known.rows, again.rows)) }
}

/// The rows that were to be loaded, from the source on.
#[boxed]
pub async fn verdict(
    run_context: &RunContext,
    plan: &Plan,
    output: &str,
    run: &str,
    known: Verdict,
) -> Result<Verdict> {
    if !is_needed(run_context, plan, run, &known)? {
        return Ok(known);
    }
    let inputs = stage::extract(run_context, plan, output, run).await?;
    let staged = stage::transform(run_context, plan, output, run, &inputs).await?;
    let again = stage::validate(run_context, plan, output, run, &inputs, &staged).await?;
    let sums = known.checksum.as_ref().zip(again.checksum.as_ref());
    if same(&known.staged, &again.staged) && sums.is_none_or(|(then, now)| then == now) {
        return Ok(again);
    }
    Err(others(run, output, known.staged.rows, again.staged.rows))
}

/// Whether the steps are done once more before the load.
fn is_needed(run_context: &RunContext, plan: &Plan, run: &str, known: &Verdict) -> Result<bool> {
    Ok(is_over(run_context) && !is_there(&run_context.folder(plan, run), &known.staged)?)
}

/// A first try finds what it has staged itself, or says why not.
fn is_over(run_context: &RunContext) -> bool {
    run_context.begun.attempt > 1
}

fn is_there(folder: &Folder, staged: &Staged) -> Result<bool> {
    for uri in staged.rest.iter().map(|rest| &rest.uri).chain([&staged.uri]) {
        if tokio::task::block_in_place(|| folder.find(uri))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same(one: &Staged, other: &Staged) -> bool {
    let counts = |staged: &Staged| (staged.rows_in, staged.added, staged.rows, staged.filtered, staged.quarantined);
    counts(one) == counts(other) && one.schema == other.schema
}

fn others(run: &str, name: &str, then: u64, now: u64) -> Error {
    let how = if then == now { "other rows".to_owned() } else { format!("{now} rows where it gave {then}") };
    Error::new(
        Kind::Conflict,
        format!(
            "the staged rows of run '{run}' are gone, and its source gives {how}: it has changed since the run ended"
        ),
    )
    .in_table(name)
    .hint("Nothing was changed. Clear the whole run (from `extract` on) to do it again with what the source holds now")
}
