//! One task that streams: source → steps → checks → target, with nothing at rest in between.
//!
//! Reader, compute and writer run side by side and wait for each other through channels of a few batches, so memory is a
//! few batches too. The rows of a flow end with a word, not with silence: whatever stops it in the middle (an error, a
//! panic, a cancelled call) reaches the target as an error, and nothing becomes visible.

use super::flow::{Flow, Flowed, Item};
use super::{World, named, source_breaker, stage, target_breaker, window};
use crate::connectors::{Connection, Rows};
use crate::engine::{self, frame::Frame};
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Opened, Slice, quarantine};
use crate::load::{self, Receipt};
use crate::plan::{Output, Plan};
use crate::resilience::clock::Stopwatch;
use crate::schema::Schema;
use futures::{FutureExt, StreamExt, stream as streams};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

/// Batches that wait between two of reader, compute and writer.
const WAITING: usize = 2;

/// The datasets that joins and checks look into, whole.
pub(super) type Others = BTreeMap<String, Frame>;

/// Moves one output in one task. Rows that the target refuses need a second look at the rows: then the output is moved
/// in stages after all.
pub async fn run(world: &World, plan: &Plan, output: &str, run: &str) -> Result<Receipt> {
    let watch = Stopwatch::start();
    let planned = named(plan.output(output), "output", output, plan)?;
    stage::begin(world, plan, run).await?;
    let folder = world.folder(plan, run);
    let moved = moved(world, plan, planned, run, &folder).await;
    let (flowed, receipt) = match moved {
        Ok(Some(moved)) => moved,
        Ok(None) => return super::whole::staged(world, plan, output, run).await,
        Err(error) => return Err(if error.stage().is_none() { error.in_stage("move") } else { error }),
    };
    stage::remember_checks(world, plan, run, output, &flowed.checks).await?;
    let stats = flowed.stats(format!("{output}.move"), &receipt, watch);
    stage::remember_step(world, plan, run, &stats).await?;
    window::done(world, plan, planned, run).await?;
    stage::remember_load(world, plan, run, output, &receipt).await?;
    Ok(receipt)
}

/// Nothing when the target refused rows.
async fn moved(
    world: &World,
    plan: &Plan,
    planned: &Output,
    run: &str,
    folder: &Path,
) -> Result<Option<(Flowed, Receipt)>> {
    let others = others(world, plan, planned, folder).await?;
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let slice = window::slice(world, plan, planned, input, run).await?;
    let (flow, Reader { rows: read, task: _reading }) =
        flow(world, plan, planned, &others, folder, slice.clone()).await?;
    let planned = flow.output().clone();
    window::still_mine(world, plan, &planned, run).await?;
    let (give, rows) = channel(WAITING);
    let rows = Rows::flowing(until_the_end(rows).boxed());
    let refused = rows.asked_again();
    let connection = Connection::open_target(&plan.target, &world.context)?;
    let loading = connection.load(load::request(plan, &planned, run), rows);
    let loading = world.guarded(target_breaker(&plan.target), loading);
    let (flowed, loaded) = futures::join!(flow.run(read, give), loading);
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(_) if refused.load(Ordering::Relaxed) => return Ok(None),
        Err(error) if error.place().table.is_some() || error.stage().is_some() => return Err(error),
        Err(error) => return Err(error.in_table(&planned.dataset)),
    };
    let flowed = match flowed? {
        Some(flowed) => flowed,
        // An earlier attempt loaded it: what it counted is written down, unless that was on another machine.
        None if loaded.already => match Flowed::noted(folder, &planned.name)? {
            Some(flowed) => flowed,
            None => counted_again(world, plan, &planned, &others, folder, slice).await?,
        },
        None => return Err(Error::internal("the target did not wait for the end of the rows")),
    };
    let receipt = flowed.receipt(&planned, run, loaded)?;
    Ok(Some((flowed, receipt)))
}

/// The rows until the flow says that it is done; silence is an error.
fn until_the_end(
    rows: Receiver<Result<Item>>,
) -> impl futures::Stream<Item = Result<arrow::record_batch::RecordBatch>> + Send + 'static {
    streams::unfold(Some(rows), |rows| async move {
        let mut rows = rows?;
        match rows.recv().await {
            Some(Ok(Item::Rows(batch))) => Some((Ok(batch), Some(rows))),
            Some(Ok(Item::End)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(Error::internal("the flow of rows stopped in the middle")), None)),
        }
    })
}

async fn flow(
    world: &World,
    plan: &Plan,
    planned: &Output,
    others: &Others,
    folder: &Path,
    slice: Slice,
) -> Result<(Flow, Reader)> {
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let breaker = plan.sources.get(&input.source).and_then(source_breaker);
    let opening = extract::open(plan, input, &world.context, slice);
    let opened = world.guarded(breaker, opening).await.map_err(|error| error.in_stage("extract"))?;
    let planned = fitted(plan, planned, &opened.kept, others)?;
    world.context.progress.begin("move", &planned.name, input.rows);
    let flow = Flow::new(plan, planned, &opened.kept, others, folder, world.context.progress.clone())?;
    Ok((flow, read(opened)))
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
        let (reading, gone) = (reading.fuse(), gone.closed().fuse());
        futures::pin_mut!(reading, gone);
        futures::select! { () = reading => {}, () = gone => {} }
    });
    Reader { rows, task }
}

/// The counts of a load that is done, by letting the same rows flow once more to nowhere.
async fn counted_again(
    world: &World,
    plan: &Plan,
    planned: &Output,
    others: &Others,
    folder: &Path,
    slice: Slice,
) -> Result<Flowed> {
    let (flow, Reader { rows: read, task: _reading }) = flow(world, plan, planned, others, folder, slice).await?;
    let (give, mut rows) = channel(WAITING);
    let drain = async {
        while let Some(item) = rows.recv().await {
            item?;
        }
        Ok::<(), Error>(())
    };
    let (flowed, drained) = futures::join!(flow.run(read, give), drain);
    drained?;
    flowed?.ok_or_else(|| Error::internal("rows that flow to nowhere did not arrive"))
}

/// The joined datasets, read straight into memory.
async fn others(world: &World, plan: &Plan, planned: &Output, folder: &Path) -> Result<Others> {
    let mut others = Others::new();
    for name in &planned.reads {
        let input = named(plan.input(name), "input", name, plan)?;
        let breaker = plan.sources.get(&input.source).and_then(source_breaker);
        let reading = async {
            let mut opened = extract::open(plan, input, &world.context, Slice::default()).await?;
            let path = extract::file(folder, &input.name, "extract.quarantine.jsonl");
            let mut refused = quarantine::Writer::create(&path, "extract", &input.name);
            let mut frames = Vec::new();
            while let Some(rows) = opened.next().await {
                let (frame, rejected) = rows?;
                rejected.iter().try_for_each(|row| refused.push(row))?;
                frames.push(frame);
            }
            refused.finish()?;
            Frame::concat(&opened.kept, &frames)
        };
        let frame = world.guarded(breaker, reading).await.map_err(|error| error.in_stage("extract"))?;
        others.insert(name.clone(), frame);
    }
    Ok(others)
}

/// The output as it is now: drift may have changed the columns that were planned.
fn fitted(plan: &Plan, planned: &Output, kept: &Schema, others: &Others) -> Result<Output> {
    if plan.input(&planned.from).is_some_and(|input| input.schema == *kept) {
        return Ok(planned.clone());
    }
    let steps: Vec<_> = planned.steps.iter().map(|planned| planned.step.clone()).collect();
    let lookup = |name: &str| others.get(name).map(|frame| frame.schema.clone());
    let schema = engine::plan_schema(&steps, kept, &lookup).map_err(|error| stage::changed(error, &planned.name))?;
    Ok(Output { schema, ..planned.clone() })
}

/// The error of a load whose rows are not those that were loaded before.
pub(super) fn other_rows(dataset: &str, run: &str, loaded: u64, flowed: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "run '{run}' has loaded already, and its source has changed since: the target holds {loaded} rows of this \
             load, {flowed} flow now"
        ),
    )
    .in_table(dataset)
    .hint("Nothing was changed. Start a new run for the new rows")
}
