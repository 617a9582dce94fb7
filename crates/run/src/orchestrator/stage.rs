//! One stage of one output: timed, guarded, remembered.

use super::pieces::{self, Piece};
use super::{World, held, named, source_breaker, target_breaker, window};
use crate::extract::folder::Folder;
use crate::extract::{self, Slice, Staged, quarantine, reasons};
use crate::load::{self, Receipt, Turn};
use crate::record::{self, Failure, Run, Status, StepStats};
use crate::transform;
use crate::validate::{self, CheckResult, Verdict};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use windvane_connectors::again::{Facts, Known, Manner, Noted, Remembered};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::guard::{Note, Passed};
use windvane_core::resilience::clock::Stopwatch;
use windvane_core::spec::target::Mode;
use windvane_engine as engine;
use windvane_plan::{Output, Plan};
use windvane_store::ledger::{LedgerRow, Loads};
use windvane_store::runs::RunStatus;

/// The staged inputs of an output, by name.
pub type Inputs = BTreeMap<String, Staged>;

/// How an output's input is split, for tasks that each read one piece.
pub async fn split(world: &World, plan: &Plan, output: &str, run: &str) -> Result<Vec<Piece>> {
    let planned = super::decided(plan, output)?;
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let slice = window::slice(world, plan, planned, input, run).await?;
    pieces::split(world, plan, output, &slice).await
}

/// Reads the inputs of an output into the run's staging folder, piece by piece where the plan says so.
pub async fn extract(world: &World, plan: &Plan, output: &str, run: &str) -> Result<Inputs> {
    let mut read = Vec::new();
    for piece in split(world, plan, output, run).await? {
        let inputs = extract_piece(world, plan, output, run, &piece).await?;
        read.push((piece, inputs));
    }
    pieces::gather(plan, output, read)
}

/// Reads one piece; the first one brings the other inputs too.
pub async fn extract_piece(world: &World, plan: &Plan, output: &str, run: &str, piece: &Piece) -> Result<Inputs> {
    let planned = super::decided(plan, output)?;
    let folder = world.folder(plan, run);
    let mut inputs = Inputs::new();
    let others = planned.reads.iter().filter(|_| piece.index == 0);
    for name in others.chain([&planned.from]) {
        let input = named(plan.input(name), "input", name, plan)?;
        let watch = Stopwatch::start();
        let breaker = plan.sources.get(&input.source).and_then(source_breaker);
        // Each output reads for itself: two mapped tasks must not write one file.
        let own = folder.below(output, "inputs");
        world.context.progress.begin("extract", name, input.rows);
        let (slice, ending) = if *name == planned.from {
            let slice = window::slice(world, plan, planned, input, run).await?;
            (Slice { part: piece.part.clone(), ..slice }, piece.ending())
        } else {
            (Slice::default(), String::new())
        };
        let reading = extract::run((plan, planned), input, &world.context, &own, slice, &ending);
        let staged = world.guarded(breaker, reading).await.map_err(|error| error.in_stage("extract"))?;
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
        remember_step(world, plan, run, &stats).await?;
        remember_passed(world, plan, run).await?;
        inputs.insert(name.clone(), staged);
    }
    Ok(inputs)
}

/// Applies the planned steps to the staged inputs.
pub async fn transform(world: &World, plan: &Plan, output: &str, run: &str, inputs: &Inputs) -> Result<Staged> {
    let watch = Stopwatch::start();
    let planned = current(plan, output, inputs)?;
    let primary = primary(&planned, inputs)?;
    let folder = world.folder(plan, run);
    world.context.progress.begin("transform", output, Some(primary.rows));
    let staged = tokio::task::block_in_place(|| {
        let staged = transform::run(plan, &planned, inputs, &folder, world.memory(), &world.context.progress)?;
        quarantine::attach_sources(&folder, &own_files(&folder, output, &["transform"])?, primary)?;
        Ok(staged)
    });
    let staged: Staged = staged.map_err(|error: Error| error.in_stage("transform"))?;
    remember_step(world, plan, run, &difference(format!("{output}.transform"), primary, &staged, watch)).await?;
    Ok(staged)
}

/// Judges the transformed rows.
pub async fn validate(
    world: &World,
    plan: &Plan,
    output: &str,
    run: &str,
    inputs: &Inputs,
    staged: &Staged,
) -> Result<Verdict> {
    let watch = Stopwatch::start();
    let planned = current(plan, output, inputs)?;
    let primary = primary(&planned, inputs)?;
    let folder = world.folder(plan, run);
    world.context.progress.begin("validate", output, Some(staged.rows));
    let verdict: Result<Verdict> = tokio::task::block_in_place(|| {
        let verdict =
            validate::run(plan, &planned, staged, inputs, &folder, &world.context.progress, &world.context.allow)?;
        quarantine::attach_sources(&folder, &own_files(&folder, output, &["validate"])?, primary)?;
        Ok(verdict)
    });
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(error) => {
            let own = own_files(&folder, output, &["validate"])?;
            let files: Vec<String> = staged.quarantine.iter().cloned().chain(own).collect();
            return Err(put_aside(world, plan, &planned, run, &files, error.in_stage("validate")).await);
        }
    };
    remember_step(world, plan, run, &difference(format!("{output}.validate"), staged, &verdict.staged, watch)).await?;
    remember_passed(world, plan, run).await?;
    remember_checks(world, plan, run, output, &verdict.checks).await?;
    Ok(verdict)
}

pub(super) async fn remember_checks(
    world: &World,
    plan: &Plan,
    run: &str,
    output: &str,
    checks: &[CheckResult],
) -> Result<()> {
    let document = json!({"output": output, "checks": checks});
    let entry = World::entry(plan, run);
    world.remember("checks", async |store| store.put_event(&entry, "checks", &document).await).await
}

/// Which load this is.
pub(super) async fn turn(world: &World, plan: &Plan, planned: &Output, run: &str) -> Result<Turn> {
    let window = window::known(world, plan, planned, run).await?;
    let (load_id, mut remembered) = (load::load_id(&plan.pipeline, run, &planned.name, ""), Remembered::default());
    let target = load::place(plan, &world.context);
    let (pipeline, output, dataset) = (&*plan.pipeline, &*planned.name, &*planned.dataset);
    let of = Loads { pipeline, output, dataset, target: &target };
    let by_interval = planned.mode == Mode::Append && window.as_ref().is_some_and(|window| window.interval);
    world
        .remember("question for earlier loads", async |store| {
            let known = store.load(&load_id, &target).await?.filter(|load| load.dataset == dataset);
            remembered.rows = known.map(|load| load.rows);
            let last = store.last_load(&of).await?;
            remembered.last = last.map(|LedgerRow { run, rows, loaded_at: at, .. }| Noted { run, rows, at });
            if by_interval {
                remembered.others = store.windowed_loads(&of).await?.into_iter().map(known_load).collect();
            }
            Ok(())
        })
        .await?;
    let replays = world.replay.as_ref().map(|replay| replay.of(plan, planned));
    Ok(Turn { run: run.to_owned(), attempt: world.turn.attempt, window, remembered, replays })
}

/// As the target's own ledger would tell it.
fn known_load(LedgerRow { load_id, run, pipeline, output, rows, window, .. }: LedgerRow) -> Known {
    let window = window.and_then(|window| serde_json::from_value(window).ok());
    Known { load_id, rows, facts: Facts { pipeline, output, run, window, ..Facts::default() }, manner: Manner::Added }
}

/// The receipt of an output that an earlier try of this attempt has loaded before it was stopped: what the target's ledger
/// says is enough, the source is not read again.
pub(super) async fn retried(world: &World, plan: &Plan, planned: &Output, run: &str) -> Result<Option<Receipt>> {
    if !world.turn.retried {
        return Ok(None);
    }
    let turn = turn(world, plan, planned, run).await?;
    let asking = load::done(plan, planned, &turn, &world.context);
    let Some(loaded) = world.guarded(target_breaker(&plan.target), asking).await? else { return Ok(None) };
    let receipt = loaded.earlier.as_deref().and_then(|earlier| load::retried(planned, &turn, &loaded, earlier));
    match receipt {
        Some(receipt) => found(world, plan, planned, run, receipt).await.map(Some),
        None => Ok(None),
    }
}

/// What is still to be done for a load that an earlier try did: it may have been stopped right after the commit.
pub(super) async fn found(
    world: &World,
    plan: &Plan,
    planned: &Output,
    run: &str,
    mut receipt: Receipt,
) -> Result<Receipt> {
    receipt.quarantine = left_files(&world.folder(plan, run), planned)?;
    keep_aside(world, plan, planned, run, &receipt.quarantine).await?;
    window::done(world, plan, planned, run).await?;
    remember_load(world, plan, run, &planned.name, &receipt).await?;
    Ok(receipt)
}

/// Loads what passed, exactly once.
pub async fn load(world: &World, plan: &Plan, output: &str, run: &str, verdict: &Verdict) -> Result<Receipt> {
    let watch = Stopwatch::start();
    let planned = named(plan.output(output), "output", output, plan)?;
    let folder = world.folder(plan, run);
    world.context.progress.begin("load", output, Some(verdict.staged.rows));
    window::still_mine(world, plan, planned, run).await?;
    let turn = turn(world, plan, planned, run).await?;
    let loading = load::run(plan, planned, verdict, &turn, &world.context, &folder);
    let receipt = match world.guarded(target_breaker(&plan.target), loading).await {
        Ok(receipt) => receipt,
        Err(error) => {
            let files = &verdict.staged.quarantine;
            return Err(put_aside(world, plan, planned, run, files, error.in_stage("load")).await);
        }
    };
    keep_aside(world, plan, planned, run, &receipt.quarantine).await?;
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
    remember_step(world, plan, run, &stats).await?;
    remember_passed(world, plan, run).await?;
    window::done(world, plan, planned, run).await?;
    remember_load(world, plan, run, output, &receipt).await?;
    Ok(receipt)
}

/// Quarantined rows into the table that the plan names for them.
pub(super) async fn keep_aside(world: &World, plan: &Plan, output: &Output, run: &str, files: &[String]) -> Result<()> {
    let turn = turn(world, plan, output, run).await?;
    let folder = world.folder(plan, run);
    let keeping = load::aside::keep(plan, output, &turn, &world.context, (&folder, files));
    world.guarded(target_breaker(&plan.target), keeping).await.map_err(|error| error.in_stage("quarantine"))
}

/// The same when the rows are what a refusal is about: it stays the error, whatever becomes of them.
pub(super) async fn put_aside(
    world: &World,
    plan: &Plan,
    output: &Output,
    run: &str,
    files: &[String],
    error: Error,
) -> Error {
    if !matches!(error.kind(), Kind::Data | Kind::Conflict) {
        return error;
    }
    let folder = world.folder(plan, run);
    let here = files.iter().filter_map(|file| folder.find(file).ok().flatten());
    let here: Vec<String> = here.map(|path| path.display().to_string()).collect();
    let error = error.with_lines(&reasons::lines(&reasons::frequent(&here)));
    match keep_aside(world, plan, output, run, files).await {
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
fn left_files(folder: &Folder, planned: &Output) -> Result<Vec<String>> {
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

/// The store's copy of the ledger.
pub(super) async fn remember_load(
    world: &World,
    plan: &Plan,
    run: &str,
    output: &str,
    receipt: &Receipt,
) -> Result<()> {
    let window = match plan.output(output) {
        Some(planned) => window::known(world, plan, planned, run).await?,
        None => None,
    };
    let row = LedgerRow {
        load_id: receipt.load_id.clone(),
        run: run.to_owned(),
        pipeline: plan.pipeline.clone(),
        output: output.to_owned(),
        dataset: receipt.dataset.clone(),
        rows: receipt.loaded,
        checksum: receipt.checksum_target.clone().unwrap_or_default(),
        target: load::place(plan, &world.context),
        window: window.map(|window| json!(window)),
        loaded_at: String::new(),
    };
    world.remember("ledger", async |store| store.put_ledger(&row).await.map(drop)).await
}

/// A stage of an output failed: what it held for the run is let go.
pub async fn give_up(world: &World, plan: &Plan, output: &str, run: &str) {
    window::release(world, plan, output, run).await;
}

/// Keeps the record of the run and clears its staging; quarantine stays. Rows that do not balance are an error.
pub async fn record(world: &World, plan: &Plan, run: &str, receipts: Vec<Receipt>) -> Result<Run> {
    let loaded: Vec<&str> = receipts.iter().map(|receipt| receipt.output.as_str()).collect();
    let held = held::told(plan, &loaded);
    let document = recorded(world, plan, run, receipts, held.clone()).await?;
    if document.status == Status::Failed {
        let loaded: Vec<&str> = document.outputs.iter().map(|receipt| receipt.output.as_str()).collect();
        let refused = plan.refused.iter().map(|refused| refused.output.as_str());
        let missing: Vec<&str> = plan.outputs.iter().map(|output| output.name.as_str()).chain(refused).collect();
        let missing: Vec<&str> = missing.into_iter().filter(|name| !loaded.contains(name)).collect();
        let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = if missing.is_empty() {
            "the run does not balance".to_owned()
        } else {
            format!("the run has failed: not loaded: {}", missing.join(", "))
        };
        let told = if missing.len() > plan.refused.len() {
            ". Why the others are not stands in the log of their own tasks"
        } else {
            ". When the source is mended, clear the task 'plan' with its downstream"
        };
        // Those have no task of their own that could say it.
        let refused = plan.refused.iter().map(|refused| format!("{}: {}", refused.output, refused.error()));
        let reasons: Vec<String> = refused.chain(held.iter().map(|held| held.message.clone())).collect();
        return Err(Error::new(Kind::Data, message)
            .with_lines(&reasons)
            .hint(format!("Loaded: {}{told}", list(&loaded)))
            .in_stage("record"));
    }
    Ok(document)
}

/// Keeps the record of a run, whatever became of it; clears its staging when all is well.
pub(super) async fn recorded(
    world: &World,
    plan: &Plan,
    run: &str,
    receipts: Vec<Receipt>,
    failed: Vec<Failure>,
) -> Result<Run> {
    let events = match &world.store {
        Some(store) => store.events(&World::entry(plan, run)).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let allow = &world.context.allow;
    let refused = plan.refused.iter().map(|refused| Failure::of(&refused.output, &refused.error()));
    let ended = record::Ended {
        steps: last_steps(&events),
        receipts,
        failed: failed.into_iter().chain(refused).collect(),
        allow: allow.guards(),
        passed: all_passed(&events, allow.passed()),
        degraded: given_up(world),
        drift: all_notes(&events, world.context.notes.all()),
    };
    let attempt = ended.receipts.iter().map(|receipt| receipt.attempt).max().unwrap_or_default();
    let mut document = record::run(plan, run, ended);
    let status = match document.status {
        Status::Success => RunStatus::Succeeded,
        Status::Failed => RunStatus::Failed,
    };
    world.finish(plan, run, (status, attempt), &json!(document)).await?;
    // It may have failed at its last task only.
    for why in given_up(world) {
        if !document.degraded.contains(&why) {
            document.degraded.push(why);
        }
    }
    if document.status == Status::Success {
        let folder = world.folder(plan, run);
        tokio::task::block_in_place(|| folder.clear());
    }
    Ok(document)
}

/// That the run has gone on without its store, and why.
fn given_up(world: &World) -> Vec<String> {
    let why = world.store.as_ref().and_then(|store| store.given_up());
    why.map(|why| format!("the store was given up, and does not know of this run: {why}")).into_iter().collect()
}

/// Keeps what the run's guards have let pass, for the record: tasks of one run may be processes of their own.
pub(super) async fn remember_passed(world: &World, plan: &Plan, run: &str) -> Result<()> {
    for passed in world.context.allow.passed() {
        let document = json!(passed);
        world
            .remember("guards", async |store| store.put_event(&World::entry(plan, run), "passed", &document).await)
            .await?;
    }
    for note in world.context.notes.all() {
        let document = json!(note);
        world
            .remember("drift", async |store| store.put_event(&World::entry(plan, run), "drift", &document).await)
            .await?;
    }
    Ok(())
}

/// Each note once.
fn all_notes(events: &[windvane_store::history::EventRow], mine: Vec<Note>) -> Vec<Note> {
    let told = events.iter().filter(|event| event.kind == "drift");
    let mut all: Vec<Note> = Vec::new();
    for note in told.filter_map(|event| serde_json::from_value(event.document.clone()).ok()).chain(mine) {
        if !all.contains(&note) {
            all.push(note);
        }
    }
    all
}

/// Each guard once a dataset, as it was seen last; what this process saw is newest.
fn all_passed(events: &[windvane_store::history::EventRow], mine: Vec<Passed>) -> Vec<Passed> {
    let told = events.iter().filter(|event| event.kind == "passed");
    let mut all: Vec<Passed> = Vec::new();
    for passed in told.filter_map(|event| serde_json::from_value(event.document.clone()).ok()).chain(mine) {
        all.retain(|known| (known.guard, &known.dataset) != (passed.guard, &passed.dataset));
        all.push(passed);
    }
    all
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
    let steps = extract::lean::steps(plan, &planned, &staged.schema);
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

pub(super) async fn remember_step(world: &World, plan: &Plan, run: &str, stats: &StepStats) -> Result<()> {
    world.remember("step", async |store| store.put_event(&World::entry(plan, run), "step", &json!(stats)).await).await
}

/// The last event of each step: a retried task tells of the same step again.
fn last_steps(events: &[windvane_store::history::EventRow]) -> Vec<StepStats> {
    let mut steps: Vec<StepStats> = Vec::new();
    for event in events.iter().filter(|event| event.kind == "step") {
        let Ok(stats) = serde_json::from_value::<StepStats>(event.document.clone()) else { continue };
        steps.retain(|known| known.step != stats.step);
        steps.push(stats);
    }
    steps
}

/// The most memory this process has held, in bytes; 0 where the system does not tell.
pub(super) fn peak_rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
