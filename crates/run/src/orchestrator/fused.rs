//! One task that streams: source → steps → checks → target, with nothing at rest in between.
//!
//! Reader, compute and writer run side by side and wait for each other through channels of a few batches; steps that need
//! one row at a time are done on several threads, and their results taken in order (`flow`). So memory is a few batches,
//! what the steps may hold (the rest is spilled), and the joined datasets, whole. The rows of a flow end with a word, not
//! with silence: whatever stops it in the middle (an error, a panic, a cancelled call) reaches the target as
//! an error, and nothing becomes visible.
//!
//! Of Parquet, whose reader refuses no row, only the columns are read that the steps need. When a row is refused later
//! on, everything is undone and flows again with all columns, so that quarantine shows whole rows.

use super::channel::until_the_end;
use super::flow::{Ended, Flow};
use super::flowed::Flowed;
use super::planned::{decided, named, source_breaker, target_breaker};
use super::reading::Reading;
use super::run_context::RunContext;
use super::stages::staged;
use super::{events, load_attempt, quarantine_table, stage, window};
use crate::extract::drift::{self, Case, outgrown};
use crate::extract::folder::Folder;
use crate::extract::{self, Opened, Slice, quarantine};
use crate::load::{self, Receipt, before::Before};
use futures::{FutureExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use windvane_connectors::sampled_columns;
use windvane_connectors::{Connection, Expectation, FoundKind, LoadRequest, Rows};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::clock::Stopwatch;
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_engine::step::{self, Needed};
use windvane_engine::{self as engine, frame::Frame};
use windvane_plan::{Input, Output, Plan, plain};

/// Batches that wait between two of reader, compute and writer.
const WAITING: usize = 2;

/// What became of a move.
enum Moved {
    Done(Box<(Flowed, Receipt)>),
    /// An earlier try did it; the rows did not flow.
    Already(Box<Receipt>),
    /// The target refused rows.
    Refused,
    /// All columns must be read.
    Narrow,
}

/// Moves one output in one task. Rows that the target refuses need a second look at the rows: then the output is moved
/// in stages after all.
#[boxed]
pub async fn run(run_context: &RunContext, plan: &Plan, output: &str, run: &str) -> Result<Receipt> {
    let watch = Stopwatch::start();
    let planned = decided(plan, output)?;
    let folder = run_context.folder(plan, run);
    let moved = wide_enough(run_context, plan, planned, run, &folder).await;
    let (flowed, receipt) = match moved {
        Ok(Moved::Done(moved)) => *moved,
        Ok(Moved::Already(receipt)) => return stage::found(run_context, plan, planned, run, *receipt).await,
        Ok(Moved::Refused) => return staged(run_context, plan, output, run).await,
        Ok(Moved::Narrow) => return Err(Error::internal("a move of all columns was given up").in_stage("move")),
        Err(error) => {
            let error = if error.stage().is_none() { error.in_stage("move") } else { error };
            let read = quarantine_table::own_files(&folder, &planned.from, &["extract"])?;
            let own = quarantine_table::own_files(&folder, output, &["transform", "validate"])?;
            let files: Vec<String> = read.into_iter().chain(own).collect();
            return Err(quarantine_table::put_aside(run_context, plan, planned, run, &files, error).await);
        }
    };
    quarantine_table::keep_aside(run_context, plan, planned, run, &receipt.quarantine).await?;
    events::remember_checks(run_context, plan, run, output, &flowed.checks).await?;
    let stats = flowed.stats(format!("{output}.move"), &receipt, watch);
    events::remember_step(run_context, plan, run, &stats).await?;
    events::remember_passed(run_context, plan, run).await?;
    window::done(run_context, plan, planned, run).await?;
    events::remember_load(run_context, plan, run, output, &receipt).await?;
    Ok(receipt)
}

/// Moves in types that hold what the inputs have: where they have outgrown the planned ones, everything is undone, they are
/// measured, and flow again.
async fn wide_enough(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    run: &str,
    folder: &Folder,
) -> Result<Moved> {
    let mut known = outgrown::remembered(plan, planned, &run_context.context).await;
    // Each input is looked at whole, and measured whole, once.
    for _ in 0..2 * (planned.reads.len() + 1) {
        let plan = known.as_ref().unwrap_or(plan);
        let planned = named(plan.output(&planned.name), "output", &planned.name, plan)?;
        let error = match once(run_context, plan, planned, run, folder).await {
            Err(error) if outgrown::told(&error) || sampled_columns::is_unsampled(&error) => error,
            other => return other,
        };
        let name = error.place().table.clone().unwrap_or_default();
        let input = named(plan.input(&name), "input", &name, plan)?;
        let case = Case { plan, output: planned, input, context: &run_context.context };
        let breaker = plan.sources.get(&input.source).and_then(source_breaker);
        if sampled_columns::is_unsampled(&error) {
            let looking = run_context.guarded(breaker, drift::unsampled(case, true)).await;
            looking.map_err(|error| error.in_stage("extract"))?;
            continue;
        }
        let growing = run_context.guarded(breaker, outgrown::grow(case, true)).await;
        known = Some(growing.map_err(|error| error.in_stage("extract"))?);
    }
    let plan = known.as_ref().unwrap_or(plan);
    once(run_context, plan, named(plan.output(&planned.name), "output", &planned.name, plan)?, run, folder).await
}

async fn once(run_context: &RunContext, plan: &Plan, planned: &Output, run: &str, folder: &Folder) -> Result<Moved> {
    match moved(run_context, plan, planned, run, folder, needed(plan, planned).as_ref()).await {
        Ok(Moved::Narrow) => moved(run_context, plan, planned, run, folder, None).await,
        other => other,
    }
}

/// What is needed of the inputs, where only that may be read: a reader that refuses rows would refuse others.
fn needed(plan: &Plan, planned: &Output) -> Option<Needed> {
    let input = plan.input(&planned.from)?;
    let mut inputs = planned.reads.iter().map(|name| plan.input(name)).chain([Some(input)]);
    if !inputs.all(|input| input.is_some_and(|input| input.kind == FoundKind::Parquet)) {
        return None;
    }
    let lookup = |name: &str| plan.input(name).map(|input| input.schema.clone());
    let mut needed = step::needed(&plain(&planned.steps), &input.schema, &lookup).ok()?;
    if needed.input == input.schema {
        return None;
    }
    for planned in &planned.checks {
        if let Check::References(check) = &planned.check {
            let key = check.key.as_ref().unwrap_or(&check.column).clone();
            needed.others.entry(check.dataset.clone()).or_default().insert(key);
        }
    }
    Some(needed)
}

async fn moved(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    run: &str,
    folder: &Folder,
    needed: Option<&Needed>,
) -> Result<Moved> {
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let slice = window::slice(run_context, plan, planned, input, run).await?;
    let Some((flow, Reader { rows: read, task: _reading })) =
        flow(run_context, plan, planned, folder, slice.clone(), needed).await?
    else {
        return Ok(Moved::Narrow);
    };
    let planned = flow.output().clone();
    let columns: Vec<String> = planned.schema.names().map(str::to_owned).collect();
    let load_attempt = load_attempt::load_attempt(run_context, plan, &planned, run).await?;
    let looking = Before::look(plan, &planned, &load_attempt, &run_context.context, (&columns, flow.joined()));
    let before = run_context.guarded(target_breaker(&plan.target), looking).await?;
    let request = before.request(plan, &planned, &load_attempt);
    let flow = flow.after(before);
    window::still_mine(run_context, plan, &planned, run).await?;
    let (give, rows) = channel(WAITING);
    let expectation = Expectation::at_the_end();
    let rows = Rows::flowing(until_the_end(rows, expectation.clone()).boxed());
    let refused = rows.asked_again();
    let connection = Connection::open_target(&plan.target, &run_context.context)?;
    let request = LoadRequest { expected: expectation, ..request };
    let swaps = load::swaps(&plan.target, &request);
    let error_budget = request.error_budget.clone();
    let loading = connection.load(request, rows);
    let loading = run_context.guarded(target_breaker(&plan.target), loading);
    let (ended, loaded) = futures::join!(flow.run(read, give), loading);
    // Only a panic ends the flow with an error of its own; the writer knows no more than that the rows stopped.
    let ended = ended?;
    if matches!(ended, Ended::Narrow) {
        return Ok(Moved::Narrow);
    }
    let loaded = match loaded {
        // An earlier attempt ended in stages.
        Ok(loaded) if !loaded.refused.is_empty() => return Ok(Moved::Refused),
        Ok(loaded) => loaded,
        Err(_) if refused.load(Ordering::Relaxed) || error_budget.exceeded().is_some() => return Ok(Moved::Refused),
        Err(error) if error.place().table.is_some() || error.stage().is_some() => return Err(error),
        Err(error) => return Err(error.in_table(&planned.dataset)),
    };
    let earlier = loaded.earlier.as_deref().cloned().unwrap_or_default();
    let flowed = match ended {
        Ended::Done(flowed) => Some(*flowed),
        Ended::Stopped
            if loaded.already && load::is_later(&load_attempt, &loaded) && swaps && loaded.checksum.is_none() =>
        {
            // Nothing could show that the source is the same.
            return Ok(Moved::Refused);
        }
        // An earlier attempt loaded it: what it counted is written down, unless that was on another machine.
        Ended::Stopped if loaded.already => Flowed::noted(folder, &planned.name)?,
        Ended::Stopped | Ended::Narrow => {
            return Err(Error::internal("the target did not wait for the end of the rows"));
        }
    };
    let flowed = if let Some(flowed) = flowed.filter(|flowed| !loaded.already || !flowed.differs(&loaded)) {
        flowed
    } else {
        // Of this doing of the run, or a later one that a lost store does not know of: its source may have changed.
        if let Some(receipt) = load::retried(&planned, &load_attempt, &loaded, &earlier) {
            return Ok(Moved::Already(Box::new(receipt)));
        }
        counted_again(run_context, plan, &planned, folder, slice).await?
    };
    if loaded.already && swaps && flowed.differs(&loaded) {
        return Ok(Moved::Refused);
    }
    let receipt = flowed.receipt(&planned, &load_attempt, loaded)?;
    Ok(Moved::Done(Box::new((flowed, receipt))))
}

/// A flow that is ready to begin; nothing when all columns must be read because the source has changed.
async fn flow(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    folder: &Folder,
    slice: Slice,
    needed: Option<&Needed>,
) -> Result<Option<(Flow, Reader)>> {
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let mut reading = Reading {
        others: BTreeMap::new(),
        schemas: BTreeMap::new(),
        steps: needed.map_or_else(|| plain(&planned.steps), |needed| needed.steps.clone()),
        kept: Schema::default(),
        whole: needed.is_none(),
    };
    for name in &planned.reads {
        let input = named(plan.input(name), "input", name, plan)?;
        let columns = needed.and_then(|needed| needed.others.get(name));
        let (all, frames) = other(run_context, (plan, planned), input, folder, columns).await?;
        if needed.is_some() && all != input.schema {
            return Ok(None);
        }
        reading.schemas.insert(name.clone(), all);
        reading.others.insert(name.clone(), frames);
    }
    let breaker = plan.sources.get(&input.source).and_then(source_breaker);
    let columns: Option<BTreeSet<String>> = needed.map(|needed| needed.input.names().map(str::to_owned).collect());
    let opening = extract::open_some((plan, planned), input, &run_context.context, slice, columns.as_ref());
    let opened = run_context.guarded(breaker, opening).await.map_err(|error| error.in_stage("extract"))?;
    if needed.is_some_and(|needed| opened.kept != needed.input) {
        return Ok(None);
    }
    reading.kept = opened.kept.clone();
    if needed.is_none() {
        reading.steps = extract::unread_columns::steps(plan, planned, &opened.kept);
    }
    let planned = fitted(plan, planned, &opened.all, &reading.schemas)?;
    run_context.context.progress.begin("move", &planned.name, input.rows);
    let flow = Flow::new(plan, planned, &reading, folder, run_context)?;
    Ok(Some((flow, read(opened))))
}

/// Rows that are read on a task of their own.
struct Reader {
    rows: Receiver<Result<super::flow::Read>>,
    /// Ends the reading when it is dropped: a source that says nothing must not hold up whoever stops the call.
    task: JoinSet<()>,
}

/// Reads on a task of its own, which ends when nobody wants its rows any more.
fn read(mut opened: Opened) -> Reader {
    let (give, rows) = channel(WAITING);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let gone = give.clone();
        let reading = async move {
            while let Some(rows) = opened.next().await {
                let failed = rows.is_err();
                let rows = rows.map(super::flow::Read::Rows).map_err(|error| error.in_stage("extract"));
                if give.send(rows).await.is_err() || failed {
                    return;
                }
            }
            // Nobody is left to tell when this fails.
            drop(give.send(Ok(super::flow::Read::End)).await);
        };
        let reading = AssertUnwindSafe(reading).catch_unwind().fuse();
        let closed = gone.closed().fuse();
        let broken = {
            futures::pin_mut!(reading, closed);
            futures::select! { done = reading => done.err(), () = closed => None }
        };
        if let Some(cause) = broken {
            let said = cause.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
            // Nobody is left to tell when this fails.
            drop(gone.send(Err(Error::internal(format!("the reading broke: {said}")).in_stage("extract"))).await);
        }
    });
    Reader { rows, task }
}

/// The counts of a load that is done, by letting the same rows flow once more to nowhere.
async fn counted_again(
    run_context: &RunContext,
    plan: &Plan,
    planned: &Output,
    folder: &Folder,
    slice: Slice,
) -> Result<Flowed> {
    let flow = flow(run_context, plan, planned, folder, slice, None).await?;
    let (flow, Reader { rows: read, task: _reading }) =
        flow.ok_or_else(|| Error::internal("a count of all columns was given up"))?;
    let (give, mut rows) = channel(WAITING);
    let drain = async {
        while let Some(item) = rows.recv().await {
            item?;
        }
        Ok::<(), Error>(())
    };
    let (ended, drained) = futures::join!(flow.run(read, give), drain);
    drained?;
    match ended? {
        Ended::Done(flowed) => Ok(*flowed),
        Ended::Stopped | Ended::Narrow => Err(Error::internal("rows that flow to nowhere did not arrive")),
    }
}

/// A joined dataset, read straight into memory: all columns that it has, and its rows with those that are asked for.
async fn other(
    run_context: &RunContext,
    (plan, output): (&Plan, &Output),
    input: &Input,
    folder: &Folder,
    columns: Option<&BTreeSet<String>>,
) -> Result<(Schema, Vec<Frame>)> {
    let breaker = plan.sources.get(&input.source).and_then(source_breaker);
    let reading = async {
        let mut opened =
            extract::open_some((plan, output), input, &run_context.context, Slice::default(), columns).await?;
        let path = folder.file(&input.name, "extract.quarantine.jsonl");
        let mut refused = quarantine::Writer::create(folder, &path, "extract", &input.name);
        let mut frames = Vec::new();
        while let Some(rows) = opened.next().await {
            let (frame, rejected) = rows?;
            rejected.iter().try_for_each(|row| refused.push(row))?;
            frames.push(frame);
        }
        refused.finish()?;
        Ok((opened.all, frames))
    };
    run_context.guarded(breaker, reading).await.map_err(|error: Error| error.in_stage("extract"))
}

/// The output as it is now: drift may have changed the columns that were planned.
fn fitted(plan: &Plan, planned: &Output, kept: &Schema, others: &BTreeMap<String, Schema>) -> Result<Output> {
    if plan.input(&planned.from).is_some_and(|input| input.schema == *kept) {
        return Ok(planned.clone());
    }
    let lookup = |name: &str| others.get(name).cloned();
    let schema = engine::plan_schema(&extract::unread_columns::steps(plan, planned, kept), kept, &lookup)
        .map_err(|error| stage::changed(error, &planned.name))?;
    Ok(Output { schema, ..planned.clone() })
}
