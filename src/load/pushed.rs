//! A load whose steps the target does itself: the staged inputs go there raw, and what the target makes of them comes
//! back through the checks before it becomes visible.
//!
//! What is in the target afterwards was looked at by a [`Judge`] in the same transaction. Counts and checks are noted in the target's ledger, beside the rows they speak of.

use super::{Receipt, request};
use crate::connectors::pushed::{Judge, Probe, Pushed, Raw};
use crate::connectors::{Connection, Context, Expected, RefusedRow, Rejected, Rows};
use crate::engine::frame::Frame;
use crate::engine::pushdown::{self, Query, ROW};
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Staged, quarantine, staging};
use crate::plan::{Output, Plan};
use crate::resilience::progress::Progress;
use crate::schema::checksum::Checksum;
use crate::schema::{DataType, Field, Schema};
use crate::spec::check::Check;
use crate::spec::step::Step;
use crate::spec::{ErrorPolicy, RowPolicy};
use crate::validate::{self, CheckResult, Sum, Tests};
use arrow::array::{BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Loads what the steps make of the staged inputs, which are given by name.
pub async fn run(
    plan: &Plan,
    output: &Output,
    inputs: &BTreeMap<String, Staged>,
    run: &str,
    context: &Context,
    folder: &Path,
) -> Result<(Receipt, Vec<CheckResult>)> {
    let staged = |name: &str| {
        inputs.get(name).ok_or_else(|| Error::internal(format!("the extracted input '{name}' was not handed on")))
    };
    let primary = staged(&output.from)?;
    let steps: Vec<Step> = output.steps.iter().map(|planned| planned.step.clone()).collect();
    let query = query(plan, output, inputs, &steps)?;
    let joined: BTreeSet<String> = steps.iter().flat_map(crate::engine::step::reads).collect();
    let mut names = vec![&output.from];
    names.extend(joined.iter().filter(|name| **name != output.from));
    let raw = names.into_iter().map(|name| raw(name, staged(name)?, &context.progress)).collect::<Result<_>>()?;
    let jury = tokio::task::block_in_place(|| Jury::new(plan, output, inputs, primary, folder, &context.progress))?;
    let probe = |probe: pushdown::Probe| {
        let pushdown::Probe { place, column, ends, alone } = probe;
        Probe { place, column, ends, alone }
    };
    let pushed = Pushed {
        raw,
        query: query.placed(),
        added: query.added(),
        probes: query.probes().into_iter().map(probe).collect(),
        judge: Box::new(jury),
    };
    let connection = Connection::open_target(&plan.target, context)?;
    let done = connection.load_pushed(request(plan, output, run), pushed).await;
    let done =
        done.map_err(|error| if error.place().table.is_some() { error } else { error.in_table(&output.dataset) })?;
    let loaded = done.loaded;
    let note: Note = serde_json::from_value(done.note)
        .map_err(|error| Error::internal("the ledger's note of the load cannot be read").caused_by(&error))?;
    if note.rows_in != primary.rows_in {
        let (then, now) = (note.rows_in, primary.rows_in);
        let message = format!(
            "run '{run}' has loaded already, and its source has changed since: the load was made of {then} rows, {now} come now"
        );
        return Err(Error::new(Kind::Conflict, message)
            .in_table(&output.dataset)
            .hint("Nothing was changed. Start a new run for the new rows"));
    }
    let receipt = Receipt {
        output: output.name.clone(),
        dataset: output.dataset.clone(),
        run: run.to_owned(),
        load_id: loaded.load_id,
        rows_in: note.rows_in,
        added: note.added,
        loaded: loaded.rows,
        filtered: note.filtered,
        quarantined: note.quarantined,
        quarantine: note.quarantine,
        bytes: loaded.bytes,
        checksum_source: note.checksum.filter(|_| loaded.checksum.is_some()),
        checksum_target: loaded.checksum,
        changes: loaded.changes,
        already: loaded.already,
    };
    if receipt.rows_in + receipt.added != receipt.loaded + receipt.filtered + receipt.quarantined {
        return Err(Error::internal(format!("the load does not account for every row: {receipt:?}")));
    }
    Ok((receipt, note.checks))
}

/// The query over what is staged. While the source is as it was planned, it is the one that was reviewed.
fn query(plan: &Plan, output: &Output, inputs: &BTreeMap<String, Staged>, steps: &[Step]) -> Result<Query> {
    let now = |name: &str| inputs.get(name).map(|staged| staged.schema.clone());
    let from = now(&output.from).unwrap_or_default();
    let query = pushdown::staged(steps, &output.from, &from, &now).map_err(|error| error.in_table(&output.name))?;
    let as_planned =
        inputs.iter().all(|(name, staged)| plan.input(name).is_some_and(|input| input.schema == staged.schema));
    if as_planned && output.strategy.sql.as_ref().is_some_and(|sql| *sql != query.placed()) {
        return Err(Error::new(Kind::Conflict, "the plan's SQL is not what this version makes of its steps")
            .in_table(&output.name)
            .hint("Run `windvane plan SPEC` and review the difference"));
    }
    Ok(query)
}

/// A staged dataset on its way to the target, each row with its number.
fn raw(name: &str, staged: &Staged, progress: &Progress) -> Result<Raw> {
    let mut schema = staged.schema.clone();
    schema.fields.push(Field { nullable: false, ..Field::new(ROW, DataType::Int64) });
    let (at_rest, progress) = (staged.clone(), progress.clone());
    let rows = Rows::at_rest(move || {
        let progress = progress.clone();
        let rows = staging::frames(&at_rest)?.map(move |frame| {
            let rows = staging::with_numbers(&frame?)?;
            progress.read(rows.num_rows());
            Ok(rows)
        });
        Ok(futures::stream::iter(rows).boxed())
    });
    Ok(Raw { dataset: name.to_owned(), name: pushdown::raw(name)?, schema, rows })
}

/// What the ledger keeps of a load, so that a second attempt need not do it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    rows_in: u64,
    added: u64,
    filtered: u64,
    quarantined: u64,
    quarantine: Vec<String>,
    checksum: Option<String>,
    checks: Vec<CheckResult>,
}

/// The checks of the output, and where the rows go that do not pass.
struct Jury {
    checks: Vec<Check>,
    tests: Tests,
    sum: Sum,
    policy: ErrorPolicy,
    schema: Schema,
    primary: Staged,
    refused: [Option<quarantine::Writer>; 2],
    /// Rows that the query made.
    made: u64,
    added: u64,
    unfit: u64,
    /// Rows that passed and that the target refuses.
    gone: Checksum,
    progress: Progress,
}

const VALIDATE: usize = 0;
const LOAD: usize = 1;

impl Jury {
    fn new(
        plan: &Plan,
        output: &Output,
        inputs: &BTreeMap<String, Staged>,
        primary: &Staged,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Self> {
        let checks: Vec<Check> = output.checks.iter().map(|planned| planned.check.clone()).collect();
        let lookup = |name: &str| inputs.get(name).map(|staged| staged.schema.clone());
        let mut tests = Tests::new(&checks, &output.schema, &lookup)?;
        tests.learn(|name| {
            let other =
                inputs.get(name).ok_or_else(|| Error::missing(format!("the dataset '{name}' is not staged")))?;
            staging::frames(other)
        })?;
        let refused = |stage: &'static str| {
            let path = extract::file(folder, &output.name, &format!("{stage}.quarantine.jsonl"));
            Some(quarantine::Writer::create(&path, stage, &output.name))
        };
        Ok(Self {
            checks,
            tests,
            sum: Sum::new(plan.verify),
            policy: plan.errors.clone(),
            schema: output.schema.clone(),
            primary: primary.clone(),
            refused: [refused("validate"), refused("load")],
            made: 0,
            added: 0,
            unfit: 0,
            gone: Checksum::default(),
            progress: progress.clone(),
        })
    }

    fn push(&mut self, stage: usize, row: &Rejected) -> Result<()> {
        self.refused[stage].as_mut().map_or(Ok(()), |writer| writer.push(row))
    }

    fn quarantined(&self) -> u64 {
        self.refused.iter().flatten().map(quarantine::Writer::count).sum()
    }

    fn frame(&self, rows: &RecordBatch, numbers: &Int64Array) -> Result<Frame> {
        Frame::new(self.schema.clone(), rows.columns().to_vec(), numbers.clone())
    }
}

impl Judge for Jury {
    fn unfit(&mut self, rows: &[RefusedRow]) -> Result<()> {
        let by_place: BTreeMap<u64, &RefusedRow> = rows.iter().map(|row| (row.at, row)).collect();
        let mut at = 0;
        for frame in staging::frames(&self.primary)? {
            let frame = frame?;
            for (place, row) in by_place.range(at..at + frame.len() as u64) {
                let place = usize::try_from(place - at).unwrap_or(usize::MAX);
                let rejected = frame.reject(place, row.column.as_deref(), row.reason.clone());
                if self.policy.rows == RowPolicy::Fail {
                    return Err(validate::first_failure(&rejected));
                }
                self.push(LOAD, &rejected)?;
            }
            at += frame.len() as u64;
        }
        self.unfit = rows.len() as u64;
        Ok(())
    }

    fn look(&mut self, rows: &RecordBatch, numbers: &Int64Array) -> Result<BooleanArray> {
        self.progress.wanted()?;
        let frame = self.frame(rows, numbers)?;
        let (passed, rejected) = self.tests.look(&frame).map_err(|error| error.in_stage("validate"))?;
        for row in &rejected {
            if self.policy.rows == RowPolicy::Fail {
                return Err(validate::first_failure(row).in_stage("validate"));
            }
            self.push(VALIDATE, row)?;
        }
        self.sum.add(&frame.filter(&passed)?)?;
        self.made += frame.len() as u64;
        Ok(passed)
    }

    fn end(&mut self, added: u64) -> Result<Expected> {
        let rows = self.sum.rows;
        self.added = added;
        let files = self.refused.iter().flatten().map(quarantine::Writer::path).collect::<Vec<_>>();
        let (quarantined, all) = (self.primary.quarantined + self.quarantined(), self.primary.rows_in + added);
        let judged = |error: Error| error.in_stage("validate");
        validate::within_budget(&self.policy, quarantined, all, &files).map_err(judged)?;
        validate::counted(&self.checks, rows).map_err(judged)?;
        Ok(Expected { rows, checksum: self.sum.finish() })
    }

    fn refused(&mut self, rows: &RecordBatch, numbers: &Int64Array, why: &[RefusedRow]) -> Result<()> {
        let frame = self.frame(rows, numbers)?;
        if frame.len() != why.len() {
            return Err(Error::internal("the target refused rows that it was not given"));
        }
        for (at, row) in why.iter().enumerate() {
            self.push(LOAD, &frame.reject(at, row.column.as_deref(), row.reason.clone()))?;
        }
        self.gone.update(&frame.rows)
    }

    fn note(&mut self) -> Result<Value> {
        let quarantined = self.primary.quarantined + self.quarantined();
        let mut files = Vec::new();
        for writer in self.refused.iter_mut().filter_map(Option::take) {
            files.extend(writer.finish()?.map(|(path, _)| path.display().to_string()));
        }
        quarantine::attach_sources(&files, &self.primary)?;
        let came = self.primary.rows - self.unfit + self.added;
        let filtered = came
            .checked_sub(self.made)
            .ok_or_else(|| Error::internal(format!("{came} rows became {} at the target", self.made)))?;
        let note = Note {
            rows_in: self.primary.rows_in,
            added: self.primary.added + self.added,
            filtered: self.primary.filtered + filtered,
            quarantined,
            quarantine: self.primary.quarantine.iter().chain(&files).cloned().collect(),
            checksum: self.sum.without(&self.gone),
            checks: self.tests.results(&self.checks, self.sum.rows),
        };
        serde_json::to_value(note).map_err(|error| Error::internal("counts are JSON").caused_by(&error))
    }
}
