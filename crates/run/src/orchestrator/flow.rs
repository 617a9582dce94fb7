//! The middle of a fused move: rows come in, go through steps and checks, and go out; the others are counted.

use super::channel::Item;
use super::flowed::Flowed;
use super::reading::Reading;
use super::run_context::RunContext;
use crate::extract::folder::Folder;
use crate::extract::quarantine;
use crate::extract::staged::Joined;
use crate::load::before::Before;
use crate::validate::{self, Sum, Tests};
use std::task::Poll;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender};
use windvane_connectors::Rejected;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Allow, Limits};
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::Schema;
use windvane_core::spec::RowPolicy;
use windvane_core::spec::check::Check;
use windvane_engine::frame::Frame;
use windvane_engine::spill::{self, Budget};
use windvane_engine::step::parallel::in_order;
use windvane_engine::step::pipe::{Pipe, Ready};
use windvane_engine::step::{Outcome, Program};
use windvane_plan::{Output, Plan};

/// What comes from the reader.
pub(super) enum Read {
    Rows((Frame, Vec<Rejected>)),
    End,
}

/// A flow that has not begun.
pub(super) struct Flow {
    output: Output,
    checks: Vec<Check>,
    pipe: Pipe,
    rest: Rest,
    refused: [quarantine::Writer; 2],
    folder: Folder,
    rows_in: u64,
    limits: Limits,
    allow: Allow,
    before: Before,
    /// Rows of the datasets that it joins to or looks into.
    joined: Joined,
}

/// How a flow ended.
pub(super) enum Ended {
    Done(Box<Flowed>),
    /// An error went to the writer, or nobody wanted the rows to the end.
    Stopped,
    /// A row was refused and cannot be shown whole: the writer got an error, the rows must flow again with all columns.
    Narrow,
}

/// What stands behind the pipe.
struct Rest {
    tests: Tests,
    sum: Sum,
    refusing: Refusing,
    refused: quarantine::Writer,
    schema: Schema,
    filtered: u64,
    added: u64,
    out: Option<Sender<Result<Item>>>,
    progress: Progress,
}

/// Why the rows do not flow to their end.
enum Gone {
    Failed(Error),
    Unwanted,
    Narrow,
}

impl From<Error> for Gone {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Flow {
    pub(super) fn new(
        plan: &Plan,
        output: Output,
        reading: &Reading,
        folder: &Folder,
        run_context: &RunContext,
    ) -> Result<Self> {
        let lookup = |name: &str| reading.schemas.get(name).cloned();
        let program = Program::new(&reading.steps, &reading.kept, &lookup)?;
        let checks: Vec<Check> = output.checks.iter().map(|planned| planned.check.clone()).collect();
        let mut tests = Tests::new(&output.checks, &output.schema, &lookup)?.fit_for(&plan.target);
        tests.learn(|name| Ok(reading.others.get(name).into_iter().flatten().cloned().map(Ok)))?;
        let budget = Budget::new(run_context.memory(), folder.file(&output.name, spill::ENDING));
        let rows = |frames: &Vec<Frame>| frames.iter().map(|frame| frame.len() as u64).sum();
        let joined = reading.others.iter().map(|(name, frames)| (name.clone(), rows(frames))).collect();
        let refused = |stage: &'static str, name: &str| {
            let path = folder.file(name, &format!("{stage}.quarantine.jsonl"));
            quarantine::Writer::create(folder, &path, stage, name)
        };
        Ok(Self {
            pipe: Pipe::within(program, &reading.others, &budget)?,
            refused: [refused("extract", &output.from), refused("transform", &output.name)],
            rest: Rest {
                tests,
                sum: Sum::new(plan.verify),
                refusing: Refusing { policy: plan.errors.rows, whole: reading.whole },
                refused: refused("validate", &output.name),
                schema: output.schema.clone(),
                filtered: 0,
                added: 0,
                out: None,
                progress: run_context.context.progress.clone(),
            },
            limits: Limits::of(&output.guard),
            allow: run_context.context.allow.clone(),
            before: Before::default(),
            joined,
            output,
            checks,
            folder: folder.clone(),
            rows_in: 0,
        })
    }

    /// With what the target holds before.
    pub(super) fn after(self, before: Before) -> Self {
        Self { before, ..self }
    }

    /// The output as the source's columns make it now.
    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    pub(super) fn joined(&self) -> &Joined {
        &self.joined
    }

    /// Lets all rows flow. An error goes to the writer, who has to undo what it wrote.
    pub(super) async fn run(mut self, mut rows: Receiver<Result<Read>>, out: Sender<Result<Item>>) -> Result<Ended> {
        self.rest.out = Some(out.clone());
        let name = self.output.name.clone();
        let work = tokio::task::spawn_blocking(move || self.all(&mut rows));
        let done = work.await.map_err(|failure| Error::internal("the flow broke").caused_by(&failure))?;
        match done {
            Ok(flowed) => {
                let ended = out.send(Ok(Item::End(Box::new(flowed.promised())))).await.is_ok();
                Ok(if ended { Ended::Done(Box::new(flowed)) } else { Ended::Stopped })
            }
            Err(Gone::Unwanted) => Ok(Ended::Stopped),
            Err(Gone::Narrow) => {
                // Nobody is left to tell when this fails.
                drop(out.send(Err(Error::internal("a refused row is read again with all columns"))).await);
                Ok(Ended::Narrow)
            }
            Err(Gone::Failed(error)) => {
                let error = if error.place().table.is_none() { error.in_table(&name) } else { error };
                // Nobody is left to tell when this fails.
                drop(out.send(Err(error)).await);
                Ok(Ended::Stopped)
            }
        }
    }

    fn all(mut self, rows: &mut Receiver<Result<Read>>) -> std::result::Result<Flowed, Gone> {
        let Some(front) = self.pipe.front() else { return Err(Error::internal("a flow without steps").into()) };
        let next = |wait| {
            let read = if wait { rows.blocking_recv().ok_or(TryRecvError::Disconnected) } else { rows.try_recv() };
            Poll::Ready(match read {
                Ok(Ok(Read::Rows(rows))) => Some(Ok(rows)),
                Ok(Ok(Read::End)) => None,
                Ok(Err(error)) => Some(Err(error.into())),
                Err(TryRecvError::Empty) => return Poll::Pending,
                Err(TryRecvError::Disconnected) => {
                    Some(Err(Error::internal("the source stopped in the middle").into()))
                }
            })
        };
        let work = |(frame, rejected): (Frame, Vec<Rejected>)| (front.run(frame.clone()), frame, rejected);
        in_order(front.threads(), next, work, |(ready, frame, rejected)| self.one(ready, &frame, &rejected))?;
        self.end()
    }

    fn one(&mut self, ready: Result<Ready>, source: &Frame, rejected: &[Rejected]) -> std::result::Result<(), Gone> {
        self.rest.progress.wanted()?;
        self.rows_in += (source.len() + rejected.len()) as u64;
        self.rest.progress.read(source.len() + rejected.len());
        rejected.iter().try_for_each(|row| self.refused[0].push(row))?;
        let mut outcome = Outcome::default();
        let mut gone = None;
        let rest = &mut self.rest;
        let mut give = |frame: Frame| rest.take(&frame, Some(source), &mut gone);
        let pushed = ready.and_then(|ready| self.pipe.take(ready, &mut outcome, &mut give));
        if let Some(gone) = gone {
            return Err(gone);
        }
        pushed.map_err(|error| error.in_stage("transform"))?;
        self.rest.left(&outcome, &mut self.refused[1], Some(source))?;
        self.not_too_many()
    }

    /// A share is known at the end only; more rows than a number that is given need not wait for it.
    fn not_too_many(&self) -> std::result::Result<(), Gone> {
        let Some(most) = self.limits.most else { return Ok(()) };
        let [extracted, transformed] = &self.refused;
        let refused = extracted.count() + transformed.count() + self.rest.refused.count();
        if refused <= most {
            return Ok(());
        }
        let seen = guard::quarantined(&self.limits, refused, self.rows_in + self.rest.added, &[]);
        Ok(self.allow.judge(&self.output.name, seen).map_err(|error| error.in_stage("validate"))?)
    }

    fn end(mut self) -> std::result::Result<Flowed, Gone> {
        let mut outcome = Outcome::default();
        let mut gone = None;
        let rest = &mut self.rest;
        let pipe = self.pipe;
        let finished = pipe.finish(&mut outcome, &mut |frame| rest.take(&frame, None, &mut gone));
        if let Some(gone) = gone {
            return Err(gone);
        }
        finished.map_err(|error| error.in_stage("transform"))?;
        self.rest.left(&outcome, &mut self.refused[1], None)?;
        let [extracted, transformed] = self.refused;
        let mut quarantined = 0;
        let mut files = Vec::new();
        for writer in [extracted, transformed, self.rest.refused] {
            if let Some((file, count)) = writer.finish()? {
                quarantined += count;
                files.push(file);
            }
        }
        let rows = self.rest.sum.rows;
        let judged = |error: Error| error.in_stage("validate");
        let seen = guard::quarantined(&self.limits, quarantined, self.rows_in + self.rest.added, &files);
        self.allow.judge(&self.output.name, seen).map_err(judged)?;
        validate::counted(&self.checks, rows).map_err(judged)?;
        let empty = self.rest.sum.empty(&self.output.schema);
        let loads = |error: Error| error.in_stage("load");
        self.before.judge(&self.output, &self.allow, rows, &empty).map_err(loads)?;
        let flowed = Flowed {
            rows_in: self.rows_in,
            rows,
            filtered: self.rest.filtered,
            added: self.rest.added,
            quarantined,
            quarantine: files,
            checksum: self.rest.sum.finish(),
            checks: self.rest.tests.results(&self.checks, rows),
        };
        if flowed.rows_in + flowed.added != flowed.rows + flowed.filtered + flowed.quarantined {
            return Err(Error::internal(format!("the flow does not account for every row: {flowed:?}")).into());
        }
        // Before the target commits: whoever finds the load done must find this too.
        flowed.note(&self.folder, &self.output.name)?;
        Ok(flowed)
    }
}

/// What becomes of rows that are refused.
#[derive(Clone, Copy)]
struct Refusing {
    policy: RowPolicy,
    /// The rows have all their columns.
    whole: bool,
}

impl Refusing {
    /// Puts them aside with the rows of the source that they came from, where those are at hand; or ends the flow.
    fn put(
        self,
        rows: &[Rejected],
        stage: &'static str,
        refused: &mut quarantine::Writer,
        source: Option<&Frame>,
    ) -> std::result::Result<(), Gone> {
        for row in rows {
            if self.policy == RowPolicy::Fail {
                return Err(validate::first_failure(row).in_stage(stage).into());
            }
            if !self.whole {
                return Err(Gone::Narrow);
            }
            refused.push_from(row, source.and_then(|frame| record_of(frame, row.row)))?;
        }
        Ok(())
    }
}

impl Rest {
    /// Counts what the steps took away and made, and puts aside what they refused.
    fn left(
        &mut self,
        outcome: &Outcome,
        refused: &mut quarantine::Writer,
        source: Option<&Frame>,
    ) -> std::result::Result<(), Gone> {
        self.filtered += outcome.filtered + u64::from(faults::planted("miscounts_filtered"));
        self.added += outcome.added;
        self.refusing.put(&outcome.rejected, "transform", refused, source)
    }

    /// Judges rows and hands on those that pass. A receiver that is gone is told by `gone`, and by an error that stops
    /// the pipe.
    fn take(&mut self, frame: &Frame, source: Option<&Frame>, gone: &mut Option<Gone>) -> Result<()> {
        let done = self.judged(frame, source);
        done.map_err(|why| {
            let stop = Error::internal("the flow was stopped");
            *gone = Some(why);
            stop
        })
    }

    fn judged(&mut self, frame: &Frame, source: Option<&Frame>) -> std::result::Result<(), Gone> {
        self.progress.wanted()?;
        let named = Frame::new(self.schema.clone(), frame.rows.columns().to_vec(), frame.numbers.clone())?;
        let (passed, rejected) = self.tests.judge(&named).map_err(|error| error.in_stage("validate"))?;
        self.refusing.put(&rejected, "validate", &mut self.refused, source)?;
        self.sum.add(&passed)?;
        self.progress.given(passed.len());
        let Some(out) = &self.out else { return Err(Gone::Unwanted) };
        if passed.is_empty() {
            return if out.is_closed() { Err(Gone::Unwanted) } else { Ok(()) };
        }
        out.blocking_send(Ok(Item::Rows(faults::spoilt("flow_", &passed.rows)))).map_err(|_| Gone::Unwanted)
    }
}

/// The row of a frame that has this number in the source. Those of a reader grow, so it is found without reading them all.
fn record_of(frame: &Frame, number: u64) -> Option<serde_json::Map<String, serde_json::Value>> {
    let found = i64::try_from(number).ok().and_then(|number| frame.numbers.values().binary_search(&number).ok());
    let row = found.or_else(|| (0..frame.len()).find(|row| frame.number(*row) == number))?;
    Some(frame.record(row))
}
