//! Staged -> Staged: the steps of the plan, done to rows at rest.
//!
//! Frames flow through the engine's pipe; memory is what the pipe holds.
//!
//! Deliberately absent: what a step means (`engine`), checks (`validate`), sources and targets.
//!
//! Invariants: rows in + added = rows + filtered + quarantined, counted since the source; the file appears whole or not at all;
//! the same input and plan give the same rows in the same order.

use crate::engine::frame::Frame;
use crate::engine::step::{Outcome, Program, pipe::Give, pipe::Pipe};
use crate::error::{Error, Result};
use crate::extract::{self, Staged, quarantine, staging};
use crate::plan::{Output, Plan};
use crate::resilience::progress::Progress;
use crate::schema::Schema;
use crate::spec::RowPolicy;
use crate::spec::step::Step;
use std::collections::BTreeMap;
use std::path::Path;

/// Writes `<folder>/<output>.transformed.parquet` from the staged inputs, which are given by name.
pub fn run(
    plan: &Plan,
    output: &Output,
    staged: &BTreeMap<String, Staged>,
    folder: &Path,
    progress: &Progress,
) -> Result<Staged> {
    transformed(plan, output, staged, folder, progress).map_err(|error| {
        let error = if error.place().table.is_none() { error.in_table(&output.name) } else { error };
        error.in_stage("transform")
    })
}

fn transformed(
    plan: &Plan,
    output: &Output,
    staged: &BTreeMap<String, Staged>,
    folder: &Path,
    progress: &Progress,
) -> Result<Staged> {
    let input = staged.get(&output.from).ok_or_else(|| not_staged(&output.from))?;
    let steps: Vec<Step> = output.steps.iter().map(|planned| planned.step.clone()).collect();
    let lookup = |name: &str| staged.get(name).map(|other| other.schema.clone());
    let program = Program::new(&steps, &input.schema, &lookup)?;
    fits(program.schema(), &output.schema)?;
    let mut pipe = Pipe::new(program, &others(&steps, staged)?)?;
    let path = extract::file(folder, &output.name, "transformed.parquet");
    let refused = extract::file(folder, &output.name, "transform.quarantine.jsonl");
    let mut sink = Sink {
        writer: staging::Writer::create(&path, staging::numbered(&output.schema))?,
        quarantine: quarantine::Writer::create(&refused, "transform", &output.name),
        policy: plan.errors.rows,
        schema: &output.schema,
        progress,
        added: 0,
        filtered: 0,
    };
    for frame in staging::frames(input)? {
        progress.wanted()?;
        let frame = frame?;
        progress.read(frame.len());
        sink.pass(|outcome, give| pipe.push(frame, outcome, give))?;
    }
    sink.pass(|outcome, give| pipe.finish(outcome, give))?;
    let quarantined = sink.quarantine.count();
    let kept = sink.quarantine.finish()?;
    let (rows, bytes) = sink.writer.finish()?;
    let mut files = input.quarantine.clone();
    files.extend(kept.map(|(path, _)| path.display().to_string()));
    let done = Staged {
        dataset: output.name.clone(),
        uri: path.display().to_string(),
        rest: Vec::new(),
        schema: output.schema.clone(),
        rows,
        bytes,
        rows_in: input.rows_in,
        added: input.added + sink.added,
        filtered: input.filtered + sink.filtered,
        quarantined: input.quarantined + quarantined,
        quarantine: files,
    };
    if !done.balances() {
        return Err(Error::internal(format!(
            "transform does not account for every row: {} came in, {} were added, {} are left, {} were filtered, {} quarantined",
            done.rows_in, done.added, done.rows, done.filtered, done.quarantined
        )));
    }
    Ok(done)
}

/// Where rows and refusals go.
struct Sink<'a> {
    writer: staging::Writer,
    quarantine: quarantine::Writer,
    policy: RowPolicy,
    schema: &'a Schema,
    progress: &'a Progress,
    added: u64,
    filtered: u64,
}

impl Sink<'_> {
    fn left(&mut self, outcome: &Outcome) -> Result<()> {
        self.added += outcome.added;
        self.filtered += outcome.filtered;
        for row in &outcome.rejected {
            if self.policy == RowPolicy::Fail {
                return Err(Error::data(format!("a row cannot be transformed: {}", row.reason)).in_row(row.row).hint(
                    "Correct the row at the source, or let such rows go to quarantine: errors: {rows: quarantine}",
                ));
            }
            self.quarantine.push(row)?;
        }
        Ok(())
    }

    /// Takes what some work on the pipe gives and refuses.
    fn pass(&mut self, work: impl FnOnce(&mut Outcome, &mut Give<'_>) -> Result<()>) -> Result<()> {
        let mut outcome = Outcome::default();
        work(&mut outcome, &mut |frame| self.write(&frame))?;
        self.left(&outcome)
    }

    fn write(&mut self, frame: &Frame) -> Result<()> {
        self.progress.wanted()?;
        let named = Frame::new(self.schema.clone(), frame.rows.columns().to_vec(), frame.numbers.clone())?;
        self.writer.write(&staging::with_numbers(&named)?)
    }
}

/// The datasets that joins read, whole.
fn others(steps: &[Step], staged: &BTreeMap<String, Staged>) -> Result<BTreeMap<String, Frame>> {
    let mut others = BTreeMap::new();
    for name in steps.iter().flat_map(crate::engine::step::reads) {
        let other = staged.get(&name).ok_or_else(|| not_staged(&name))?;
        let frames = staging::frames(other)?.collect::<Result<Vec<_>>>()?;
        others.insert(name, Frame::concat(&other.schema, &frames)?);
    }
    Ok(others)
}

fn not_staged(name: &str) -> Error {
    Error::missing(format!("the dataset '{name}' is not staged")).hint("Extract it before this stage")
}

/// The steps must still give the planned columns; anything else would be loaded under the wrong names.
fn fits(made: &Schema, planned: &Schema) -> Result<()> {
    let columns = |schema: &Schema| {
        let all = schema.fields.iter().map(|field| format!("{} {}", field.name, field.data_type));
        all.collect::<Vec<_>>().join(", ")
    };
    if columns(made) == columns(planned) {
        return Ok(());
    }
    Err(Error::new(
        crate::error::Kind::Conflict,
        format!("the steps give the columns ({}) and the plan says ({})", columns(made), columns(planned)),
    )
    .hint("The source changed or the plan was edited: run `windvane plan` again"))
}
