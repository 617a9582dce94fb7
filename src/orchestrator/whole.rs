//! A whole run in one process: every stage of every output, each behind those that it joins to.

use super::held::Refusals;
use super::{World, fused, pushed, stage};
use crate::connectors::{Connection, FoundKind};
use crate::error::{Error, Kind, Result};
use crate::extract::{self, quarantine};
use crate::load::Receipt;
use crate::plan::{Input, Output, Plan, order};
use crate::record::{Failure, Run};
use crate::schema::digest;
use crate::spec::Strategy;
use crate::spec::guard::Guards;
use crate::spec::source::{FilesSource, Source};
use crate::spec::target::Mode;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Runs a plan. The same run never loads twice. An output that fails does not stop the others: the record of the run says
/// which failed, and why.
pub async fn run(world: &World, plan: &Plan, run: &str) -> Result<Run> {
    let mut world = world.clone();
    world.hold(plan, run).await?;
    let done = begun(&mut world, plan, run).await;
    world.let_go(plan, run).await?;
    done
}

async fn begun(world: &mut World, plan: &Plan, run: &str) -> Result<Run> {
    world.begin(plan, run).await?;
    if world.turn.uncounted {
        world.turn.attempt = world.done_before(plan, run).await + 1;
    }
    let world = &*world;
    let (mut receipts, mut failed, mut refusals) = (Vec::new(), Vec::new(), Refusals::of(plan));
    for (output, waits) in order::ordered(plan) {
        let error = match moved(world, plan, output, run, refusals.hold(output, &waits)).await {
            Ok(receipt) => {
                receipts.push(receipt);
                continue;
            }
            Err(error) => error,
        };
        stage::give_up(world, plan, &output.name, run).await;
        failed.push(Failure::of(&output.name, &error));
        refusals.add(&output.name, &error);
        if error.kind() == Kind::Cancelled {
            // Nobody waits for the others.
            break;
        }
    }
    stage::recorded(world, plan, run, receipts, failed).await
}

/// One output, on the way that the plan chose. One that is held is loaded by an earlier try only.
async fn moved(world: &World, plan: &Plan, output: &Output, run: &str, held: Option<Error>) -> Result<Receipt> {
    super::decided(plan, &output.name)?;
    if let Some(receipt) = stage::retried(world, plan, output, run).await? {
        return Ok(receipt);
    }
    if let Some(held) = held {
        return Err(held);
    }
    match output.strategy.strategy {
        Strategy::Staged => staged(world, plan, &output.name, run).await,
        Strategy::Pushdown => {
            let inputs = stage::extract(world, plan, &output.name, run).await?;
            pushed::load(world, plan, &output.name, run, &inputs).await
        }
        Strategy::Fused => fused::run(world, plan, &output.name, run).await,
    }
}

/// Every stage of one output.
pub(super) async fn staged(world: &World, plan: &Plan, output: &str, run: &str) -> Result<Receipt> {
    let inputs = stage::extract(world, plan, output, run).await?;
    let transformed = stage::transform(world, plan, output, run, &inputs).await?;
    let verdict = stage::validate(world, plan, output, run, &inputs, &transformed).await?;
    stage::load(world, plan, output, run, &verdict).await
}

/// Moves the rows of a quarantine file instead of the source's: appended, once for the same file content.
pub async fn replay(world: &World, plan: &Plan, file: &Path) -> Result<Run> {
    let rows = quarantine::sources(file)?;
    let name = owner(file)?;
    let inputs = plan.inputs.iter().filter(|input| input.name == name).count();
    let output = plan
        .outputs
        .iter()
        .find(|output| output.name == name)
        .or_else(|| plan.outputs.iter().find(|output| inputs > 0 && output.from == name))
        .ok_or_else(|| {
            Error::missing(format!("the plan has nothing called '{name}', from which the rows came"))
                .in_file(file.display().to_string())
        })?;
    let bytes = serde_json::to_vec(&rows).map_err(|error| Error::internal(error.to_string()))?;
    let run = format!("replay-{}", digest(&bytes, 16));
    let path = written(world.folder(plan, &run).path(), &rows)?;
    let mut replayed = plan.clone();
    replayed.refused.clear();
    replayed.outputs.retain(|other| other.name == output.name);
    for output in &mut replayed.outputs {
        output.mode = Mode::Append;
        output.incremental = None;
        // A person has looked at these rows.
        output.guard = Guards::off();
    }
    let from = output.from.clone();
    let source = Source::Jsonl(FilesSource { path: path.display().to_string(), ..FilesSource::default() });
    let mut world = world.clone();
    world.context.roots.extend((!world.context.roots.is_empty()).then(|| world.staging.path.clone()));
    // The connector knows how it calls the file; asking it keeps one rule of locators.
    let found = Connection::open_source(&source, &world.context)?.datasets().await?;
    let found = found.into_iter().next().map(|(_, found)| found);
    // Mended rows are read as planned, whatever columns they have: nothing drifts.
    let fingerprint = found.as_ref().map(|found| found.shape().fingerprint()).unwrap_or_default();
    let locator = found.map(|found| found.locator).unwrap_or_default();
    replayed.sources.insert("replay".to_owned(), source);
    for input in replayed.inputs.iter_mut().filter(|input| input.name == from) {
        let (source, locator) = ("replay".to_owned(), locator.clone());
        let fingerprint = fingerprint.clone();
        *input = Input { source, locator, kind: FoundKind::Jsonl, format: None, fingerprint, ..input.clone() };
    }
    self::run(&world, &replayed, &run).await
}

/// The input or output that the lines speak of.
fn owner(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::missing("the quarantine file cannot be read").in_file(file.display().to_string()).caused_by(&error)
    })?;
    let first: serde_json::Value =
        text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    first["output"].as_str().map(str::to_owned).ok_or_else(|| {
        Error::data("not a quarantine file: its first line names no output").in_file(file.display().to_string())
    })
}

fn written(folder: &Path, rows: &[serde_json::Map<String, serde_json::Value>]) -> Result<PathBuf> {
    let path = extract::file(folder, "replay", "jsonl");
    let failed = |error: std::io::Error| Error::internal("the replay cannot be staged").caused_by(&error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    for row in rows {
        writeln!(file, "{}", serde_json::Value::Object(row.clone())).map_err(failed)?;
    }
    Ok(path)
}
