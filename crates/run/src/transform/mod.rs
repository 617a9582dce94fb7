//! Staged -> Staged: the steps of the plan, done to rows at rest.
//!
//! Only the columns that the steps need are read. One thread reads, some do the steps that need one row at a time, and
//! one does the others and writes; memory is a few frames and what the pipe holds, which spills into the same folder.
//! When a row is refused, the work begins again with all columns, so that quarantine shows whole rows.
//!
//! Deliberately absent: what a step means (`engine`), checks (`validate`), sources and targets.
//!
//! Invariants: rows in + added = rows + filtered + quarantined, counted since the source; the file appears whole or not at all;
//! the same input and plan give the same rows in the same order.

use crate::extract::folder::Folder;
use crate::extract::staged::joined;
use crate::extract::{Staged, quarantine, staging};
use std::collections::BTreeMap;
use std::sync::mpsc::TryRecvError;
use std::task::Poll;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::Schema;
use windvane_core::spec::RowPolicy;
use windvane_engine::frame::Frame;
use windvane_engine::spill::{self, Budget};
use windvane_engine::step::parallel::in_order;
use windvane_engine::step::{self, Frames, Give, Needed, Others, Outcome, Program, pipe::Pipe};
use windvane_plan::{Output, Plan, plain};

/// Frames that wait between the reader and the steps.
const FRAMES: usize = 4;

/// Writes `<folder>/<output>.transformed.parquet` from the staged inputs, which are given by name.
/// The steps hold so many bytes of memory.
pub fn run(
    plan: &Plan,
    output: &Output,
    staged: &BTreeMap<String, Staged>,
    folder: &Folder,
    memory: usize,
    progress: &Progress,
) -> Result<Staged> {
    let budget = Budget::new(memory, folder.file(&output.name, spill::ENDING));
    transformed(plan, output, staged, folder, &budget, progress).map_err(|error| {
        let error = if error.place().table.is_none() { error.in_table(&output.name) } else { error };
        error.in_stage("transform")
    })
}

fn transformed(
    plan: &Plan,
    output: &Output,
    staged: &BTreeMap<String, Staged>,
    folder: &Folder,
    budget: &Budget,
    progress: &Progress,
) -> Result<Staged> {
    let input = staged.get(&output.from).ok_or_else(|| not_staged(&output.from))?;
    let steps = plain(&output.steps);
    let lookup = |name: &str| staged.get(name).map(|other| other.schema.clone());
    let needed = step::needed(&steps, &input.schema, &lookup)?;
    if needed.input.fields.len() < input.schema.fields.len()
        && let Some(done) = attempt(plan, output, staged, folder, &needed, budget, progress)?
    {
        return Ok(done);
    }
    let whole = Needed { steps, input: input.schema.clone(), others: needed.others };
    let done = attempt(plan, output, staged, folder, &whole, budget, progress)?;
    done.ok_or_else(|| Error::internal("a transform with all columns was given up"))
}

/// Nothing when a row is refused and not all columns are there to show it.
fn attempt(
    plan: &Plan,
    output: &Output,
    staged: &BTreeMap<String, Staged>,
    folder: &Folder,
    needed: &Needed,
    budget: &Budget,
    progress: &Progress,
) -> Result<Option<Staged>> {
    let input = staged.get(&output.from).ok_or_else(|| not_staged(&output.from))?;
    let lookup = |name: &str| staged.get(name).map(|other| other.schema.clone());
    let program = Program::new(&needed.steps, &needed.input, &lookup)?;
    fits(program.schema(), &output.schema)?;
    let mut pipe = Pipe::within(program, &Joined(folder, staged), budget)?;
    let path = folder.file(&output.name, "transformed.parquet");
    let refused = folder.file(&output.name, "transform.quarantine.jsonl");
    let mut sink = Sink {
        writer: staging::Writer::create(folder, &path, staging::numbered(&output.schema))?,
        quarantine: quarantine::Writer::create(folder, &refused, "transform", &output.name),
        policy: plan.errors.rows,
        schema: &output.schema,
        progress,
        whole: needed.input.fields.len() == input.schema.fields.len(),
        added: 0,
        filtered: 0,
    };
    let frames = staging::frames_of(folder, input, &needed.input)?;
    let finished = std::thread::scope(|scope| {
        let (give, take) = std::sync::mpsc::sync_channel(FRAMES);
        // A reader that nobody listens to any more ends at its next frame.
        scope.spawn(move || {
            for frame in frames {
                if give.send(frame).is_err() {
                    break;
                }
            }
        });
        let next = |wait| {
            let frame = if wait { take.recv().map_err(|_| TryRecvError::Disconnected) } else { take.try_recv() };
            Poll::Ready(match frame {
                Ok(frame) => Some(frame.map_err(Stop::Failed)),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) => return Poll::Pending,
            })
        };
        let front = pipe.front().ok_or_else(|| Error::internal("a transform without steps"))?;
        let work = |frame: Frame| (frame.len(), front.run(frame));
        in_order(front.threads(), next, work, |(rows, ready)| {
            progress.wanted()?;
            progress.read(rows);
            let ready = ready?;
            sink.pass(|outcome, give| pipe.take(ready, outcome, give))
        })?;
        sink.pass(|outcome, give| pipe.finish(outcome, give))
    });
    match finished {
        Ok(()) => {}
        Err(Stop::Narrow) => return Ok(None),
        Err(Stop::Failed(error)) => return Err(error),
    }
    let quarantined = sink.quarantine.count();
    let kept = sink.quarantine.finish()?;
    let (uri, rows, bytes) = sink.writer.finish()?;
    let mut files = input.quarantine.clone();
    files.extend(kept.map(|(file, _)| file));
    let done = Staged {
        dataset: output.name.clone(),
        uri,
        rest: Vec::new(),
        schema: output.schema.clone(),
        rows,
        bytes,
        rows_in: input.rows_in,
        added: input.added + sink.added,
        filtered: input.filtered + sink.filtered,
        quarantined: input.quarantined + quarantined,
        quarantine: files,
        joined: joined(output, staged),
        origin: folder.origin(),
    };
    if !done.balances() {
        return Err(Error::internal(format!(
            "transform does not account for every row: {} came in, {} were added, {} are left, {} were filtered, {} quarantined",
            done.rows_in, done.added, done.rows, done.filtered, done.quarantined
        )));
    }
    Ok(Some(done))
}

/// Why the steps are not done to the end.
enum Stop {
    Failed(Error),
    /// A refused row cannot be shown whole.
    Narrow,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Where rows and refusals go.
struct Sink<'a> {
    writer: staging::Writer,
    quarantine: quarantine::Writer,
    policy: RowPolicy,
    schema: &'a Schema,
    progress: &'a Progress,
    /// The rows have all their columns.
    whole: bool,
    added: u64,
    filtered: u64,
}

impl Sink<'_> {
    fn left(&mut self, outcome: &Outcome) -> Result<()> {
        self.added += outcome.added;
        self.filtered += outcome.filtered + u64::from(faults::planted("miscounts_filtered"));
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
    fn pass(&mut self, work: impl FnOnce(&mut Outcome, &mut Give<'_>) -> Result<()>) -> std::result::Result<(), Stop> {
        let mut outcome = Outcome::default();
        work(&mut outcome, &mut |frame| self.write(&frame))?;
        if !self.whole && self.policy != RowPolicy::Fail && !outcome.rejected.is_empty() {
            return Err(Stop::Narrow);
        }
        self.left(&outcome)?;
        Ok(())
    }

    fn write(&mut self, frame: &Frame) -> Result<()> {
        self.progress.wanted()?;
        let named = Frame::new(self.schema.clone(), frame.rows.columns().to_vec(), frame.numbers.clone())?;
        self.writer.write(&faults::spoilt("transform_", &staging::with_numbers(&named)?))
    }
}

/// The datasets that joins read.
struct Joined<'a>(&'a Folder, &'a BTreeMap<String, Staged>);

impl Others for Joined<'_> {
    fn frames(&self, name: &str, columns: &[String]) -> Result<Frames<'_>> {
        let other = self.1.get(name).ok_or_else(|| not_staged(name))?;
        let fields = other.schema.fields.iter().filter(|field| columns.contains(&field.name)).cloned().collect();
        Ok(Box::new(staging::frames_of(self.0, other, &Schema::new(fields))?))
    }
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
        windvane_core::error::Kind::Conflict,
        format!("the steps give the columns ({}) and the plan says ({})", columns(made), columns(planned)),
    )
    .hint("The source changed or the plan was edited: run `windvane plan` again"))
}
