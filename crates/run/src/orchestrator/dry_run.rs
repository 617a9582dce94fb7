//! The plan on a sample: each step and check by itself, judged by qa, so that a proposal that does not hold is taken
//! back before anybody runs it.

use super::planned::source_breaker;
use super::run_context::RunContext;
use crate::extract::folder::{Folder, Place};
use crate::extract::{self, Slice, Staged, staging};
use crate::validate;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use windvane_agents::qa::{self, DryRun, Part};
use windvane_agents::reflector::Refused;
use windvane_agents::{By, Change, Decision, ProposedChange};
use windvane_core::error::{Kind, Result};
use windvane_engine::frame::Frame;
use windvane_engine::step::{Outcome, Program, Runner};
use windvane_llm::Gateway;
use windvane_plan::{Output, Plan, sentences};

/// Dry runs of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// How many rows of the primary input are tried; what it joins to is read whole, or nothing would match.
const SAMPLE: u64 = 1_000;

/// Tries every output that holds proposals; names the suggestions that must go.
pub(super) async fn judge(
    run_context: &RunContext,
    plan: &Plan,
    suggestions: &[ProposedChange],
    gateway: Option<&Gateway>,
    told: &mut Vec<Decision>,
) -> Result<Vec<Refused>> {
    let mut refused = Vec::new();
    // Two processes may plan the same spec at once, and two threads of one.
    let which = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = run_context.staging.path.join(format!(".dry-{}-{}-{which}", plan.id, std::process::id()));
    // Nobody else needs a sample: it stays on this machine.
    let here = Place { remote: None, ..run_context.staging.clone() };
    let folder = here.folder(path.clone(), &run_context.context.progress);
    for output in plan.outputs.iter().filter(|output| has_proposals(output)) {
        let inputs = match sampled(run_context, plan, output, &folder).await {
            // The run itself will say it, of this output alone.
            Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Data) => continue,
            other => other?,
        };
        let run = tokio::task::block_in_place(|| tried((plan, output), &folder, &inputs, suggestions))?;
        let verdict = qa::ask(&run, gateway, told).await.value;
        for part in verdict.refused {
            let found = suggestions.iter().position(|suggestion| {
                suggestion.decision.accepted
                    && suggestion.output == output.name
                    && is_part(&suggestion.change, output, part.part)
            });
            refused.extend(found.map(|suggestion| Refused { suggestion, reason: part.reason.clone() }));
        }
    }
    // A sample is no record: it goes whatever became of it.
    if let Err(error) = std::fs::remove_dir_all(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("the dry run's folder {} stays: {error}", path.display());
    }
    Ok(refused)
}

fn has_proposals(output: &Output) -> bool {
    let steps = output.steps.iter().map(|planned| planned.by);
    steps.chain(output.checks.iter().map(|planned| planned.by)).any(|by| by != By::Spec)
}

/// Whether the change is the part of this index: steps first, then checks.
fn is_part(change: &Change, output: &Output, part: usize) -> bool {
    match change {
        Change::Step(step) => output.steps.get(part).is_some_and(|planned| planned.step == *step),
        Change::Check(check) => {
            let at = part.checked_sub(output.steps.len());
            at.and_then(|at| output.checks.get(at)).is_some_and(|planned| planned.check == *check)
        }
    }
}

async fn sampled(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    folder: &Folder,
) -> Result<BTreeMap<String, Staged>> {
    let mut inputs = BTreeMap::new();
    for name in output.reads.iter().chain([&output.from]) {
        let Some(input) = plan.input(name) else { continue };
        let limit = (*name == output.from).then_some(SAMPLE);
        let breaker = plan.sources.get(&input.source).and_then(source_breaker);
        let staged = run_context
            .guarded(
                breaker,
                extract::run(
                    (plan, output),
                    input,
                    &run_context.context,
                    folder,
                    Slice { limit, ..Slice::default() },
                    "",
                ),
            )
            .await?;
        inputs.insert(name.clone(), staged);
    }
    Ok(inputs)
}

fn tried(
    (plan, output): (&Plan, &Output),
    folder: &Folder,
    inputs: &BTreeMap<String, Staged>,
    suggestions: &[ProposedChange],
) -> Result<DryRun> {
    let effect = |part: usize| {
        let mine = |one: &&ProposedChange| one.decision.accepted && one.output == output.name;
        suggestions.iter().filter(mine).find(|one| is_part(&one.change, output, part)).and_then(|one| one.effect)
    };
    let mut frames = BTreeMap::new();
    for (name, staged) in inputs {
        let parts = staging::frames(folder, staged)?.collect::<Result<Vec<_>>>()?;
        frames.insert(name.clone(), Frame::concat(&staged.schema, &parts)?);
    }
    let mut run = DryRun { output: output.name.clone(), ..DryRun::default() };
    let Some(mut frame) = frames.get(&output.from).cloned() else { return Ok(run) };
    let steps = extract::unread_columns::steps(plan, output, &frame.schema);
    let lookup = |name: &str| frames.get(name).map(|frame| frame.schema.clone());
    let program = Program::new(&steps, &frame.schema, &lookup)?;
    let runner = Runner::new(program, &frames)?;
    for (at, planned) in output.steps.iter().enumerate() {
        let mut outcome = Outcome::default();
        let rows_in = frame.len() as u64;
        let done = runner.run(runner.program().part(at), frame, &mut outcome);
        let error = done.as_ref().err().map(ToString::to_string);
        let rows_out = done.as_ref().map_or(0, Frame::len) as u64;
        let rejected = outcome.rejected.len() as u64;
        let what = sentences::step(&planned.step);
        run.parts.push(Part {
            what,
            is_check: false,
            by: planned.by,
            rows_in,
            rows_out,
            added: outcome.added,
            filtered: outcome.filtered,
            rejected,
            error: error.clone(),
            effect: effect(at),
        });
        let Ok(next) = done else {
            run.error = error;
            return Ok(run);
        };
        frame = next;
    }
    for (at, planned) in output.checks.iter().enumerate() {
        let judged = validate::judge(std::slice::from_ref(&planned.check), &frame, &frames);
        let rows_in = frame.len() as u64;
        let rejected = judged.as_ref().map_or(0, |(_, rejected, _)| rejected.len()) as u64;
        let error = judged.err().map(|error| error.to_string());
        let what = format!("check that {}", sentences::check(&planned.check));
        let rows_out = rows_in - rejected;
        run.parts.push(Part {
            what,
            is_check: true,
            by: planned.by,
            rows_in,
            rows_out,
            added: 0,
            filtered: 0,
            rejected,
            error,
            effect: effect(output.steps.len() + at),
        });
    }
    Ok(run)
}
