//! The checks over rows that the target made: what passes, what goes to quarantine, and the counts.

use super::before::Before;
use crate::extract::folder::Folder;
use crate::extract::{Staged, quarantine, staging};
use crate::validate::{self, CheckResult, Sum, Tests};
use arrow::array::{BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use windvane_connectors::Context;
use windvane_connectors::pushdown::RowValidator;
use windvane_connectors::{Expected, Loaded, RefusedRow, Rejected};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Allow, Limits};
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::Schema;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::RowPolicy;
use windvane_core::spec::check::Check;
use windvane_engine::frame::Frame;
use windvane_plan::{Output, Plan};

/// What the ledger keeps of a load, so that a second attempt need not do it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) rows_in: u64,
    pub(super) added: u64,
    pub(super) filtered: u64,
    pub(super) quarantined: u64,
    pub(super) quarantine: Vec<String>,
    pub(super) checksum: Option<String>,
    pub(super) checks: Vec<CheckResult>,
    /// Of the inputs, where a second try must know whether they are the same.
    #[serde(default)]
    pub(super) source: Option<String>,
}

/// The checks of the output, and where the rows go that do not pass.
pub(super) struct OutputValidator {
    checks: Vec<Check>,
    tests: Tests,
    sum: Sum,
    policy: RowPolicy,
    output: Output,
    before: Before,
    limits: Limits,
    allow: Allow,
    schema: Schema,
    folder: Folder,
    primary: Staged,
    open: [Option<quarantine::Writer>; 2],
    /// Of both, once they are closed.
    files: Vec<String>,
    refused: u64,
    /// Rows that the query made.
    made: u64,
    added: u64,
    unfit: u64,
    /// Rows that gave way to others of their key.
    superseded: u64,
    /// Rows that passed and that the target refuses.
    gone: Checksum,
    progress: Progress,
    source: Option<String>,
}

const VALIDATE: usize = 0;
const LOAD: usize = 1;

impl OutputValidator {
    pub(super) fn new(
        plan: &Plan,
        output: &Output,
        inputs: &BTreeMap<String, Staged>,
        primary: &Staged,
        folder: &Folder,
        context: &Context,
        before: Before,
    ) -> Result<Self> {
        let checks: Vec<Check> = output.checks.iter().map(|planned| planned.check.clone()).collect();
        let lookup = |name: &str| inputs.get(name).map(|staged| staged.schema.clone());
        let mut tests = Tests::new(&output.checks, &output.schema, &lookup)?.fit_for(&plan.target);
        tests.learn(|name| {
            let other =
                inputs.get(name).ok_or_else(|| Error::missing(format!("the dataset '{name}' is not staged")))?;
            staging::frames(folder, other)
        })?;
        let refused = |stage: &'static str| {
            let path = folder.file(&output.name, &format!("{stage}.quarantine.jsonl"));
            Some(quarantine::Writer::create(folder, &path, stage, &output.name))
        };
        Ok(Self {
            checks,
            tests,
            sum: Sum::new(plan.verify),
            policy: plan.errors.rows,
            output: output.clone(),
            before,
            limits: Limits::of(&output.guard),
            allow: context.allow.clone(),
            schema: output.schema.clone(),
            folder: folder.clone(),
            primary: primary.clone(),
            open: [refused("validate"), refused("load")],
            files: Vec::new(),
            refused: 0,
            made: 0,
            added: 0,
            unfit: 0,
            superseded: 0,
            gone: Checksum::default(),
            progress: context.progress.clone(),
            source: None,
        })
    }

    /// With what tells the inputs from others.
    pub(super) fn over(self, source: Option<String>) -> Self {
        Self { source, ..self }
    }

    fn push(&mut self, stage: usize, row: &Rejected) -> Result<()> {
        self.open[stage].as_mut().map_or(Ok(()), |writer| writer.push(row))
    }

    /// Gives the rows that a stage refused their file, with the source rows that they came from.
    fn close(&mut self, stage: usize) -> Result<()> {
        let closed = self.open[stage].take().map(quarantine::Writer::finish).transpose()?.flatten();
        if let Some((file, rows)) = closed {
            quarantine::attach_sources(&self.folder, std::slice::from_ref(&file), &self.primary)?;
            self.refused += rows;
            self.files.push(file);
        }
        Ok(())
    }

    fn within_budget(&self, quarantined: u64) -> Result<()> {
        let came = self.primary.rows_in + self.added;
        self.allow.judge(&self.output.name, guard::quarantined(&self.limits, quarantined, came, &self.files))
    }

    fn frame(&self, rows: &RecordBatch, numbers: &Int64Array) -> Result<Frame> {
        Frame::new(self.schema.clone(), rows.columns().to_vec(), numbers.clone())
    }
}

impl RowValidator for OutputValidator {
    fn unfit(&mut self, rows: &[RefusedRow]) -> Result<()> {
        let by_place: BTreeMap<u64, &RefusedRow> = rows.iter().map(|row| (row.at, row)).collect();
        let mut at = 0;
        for frame in staging::frames(&self.folder, &self.primary)? {
            let frame = frame?;
            for (place, row) in by_place.range(at..at + frame.len() as u64) {
                let place = usize::try_from(place - at).unwrap_or(usize::MAX);
                let rejected = frame.reject(place, row.column.as_deref(), row.reason.clone());
                if self.policy == RowPolicy::Fail {
                    return Err(Error::data(rejected.reason)
                        .in_row(rejected.row)
                        .hint("Correct the row at the source, or let such rows go to quarantine"));
                }
                self.push(LOAD, &rejected)?;
            }
            at += frame.len() as u64;
        }
        self.unfit = rows.len() as u64;
        Ok(())
    }

    fn wants(&mut self, rows: u64) -> bool {
        let checked = self.checks.iter().any(|check| !matches!(check, Check::Rows(_)));
        if checked || self.sum.wants(rows) {
            return true;
        }
        self.sum.counted(rows);
        self.made = rows;
        false
    }

    fn look(&mut self, rows: &RecordBatch, numbers: &Int64Array) -> Result<BooleanArray> {
        self.progress.wanted()?;
        let frame = self.frame(rows, numbers)?;
        let (passed, rejected) = self.tests.look(&frame).map_err(|error| error.in_stage("validate"))?;
        for row in &rejected {
            if self.policy == RowPolicy::Fail {
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
        self.close(VALIDATE)?;
        let judged = |error: Error| error.in_stage("validate");
        self.within_budget(self.quarantined()).map_err(judged)?;
        validate::counted(&self.checks, rows).map_err(judged)?;
        let empty = self.sum.empty(&self.schema);
        self.before.judge(&self.output, &self.allow, rows, &empty).map_err(|error| error.in_stage("load"))?;
        Ok(Expected { rows, checksum: self.sum.finish() })
    }

    fn quarantined(&self) -> u64 {
        self.primary.quarantined + self.unfit + self.refused
    }

    fn refused(&mut self, rows: &RecordBatch, numbers: &Int64Array, why: &[RefusedRow]) -> Result<()> {
        let frame = self.frame(rows, numbers)?;
        if frame.len() != why.len() {
            return Err(Error::internal("the target refused rows that it was not given"));
        }
        for (at, row) in why.iter().enumerate() {
            if row.superseded {
                self.superseded += 1;
                continue;
            }
            self.push(LOAD, &frame.reject(at, row.column.as_deref(), row.reason.clone()))?;
        }
        self.gone.update(&frame.rows)
    }

    fn note(&mut self, loaded: &Loaded) -> Result<Value> {
        self.close(LOAD)?;
        // With those that the table itself refused.
        self.within_budget(self.primary.quarantined + self.refused)?;
        if loaded.rows < self.sum.rows {
            // Without those that gave way to others of their key.
            self.before.judge(&self.output, &self.allow, loaded.rows, &[]).map_err(|error| error.in_stage("load"))?;
        }
        let came = self.primary.rows - self.unfit + self.added;
        let filtered = came
            .checked_sub(self.made)
            .ok_or_else(|| Error::internal(format!("{came} rows became {} at the target", self.made)))?;
        let note = Note {
            rows_in: self.primary.rows_in,
            added: self.primary.added + self.added,
            filtered: self.primary.filtered
                + filtered
                + self.superseded
                + u64::from(faults::planted("miscounts_receipt")),
            quarantined: self.primary.quarantined + self.refused,
            quarantine: self.primary.quarantine.iter().chain(&self.files).cloned().collect(),
            checksum: self.sum.without(&self.gone),
            checks: self.tests.results(&self.checks, self.sum.rows),
            source: self.source.clone(),
        };
        let differs = note.checksum.as_ref().zip(loaded.checksum.as_ref()).is_some_and(|(one, other)| one != other);
        if note.rows_in + note.added != loaded.rows + note.filtered + note.quarantined || differs {
            return Err(Error::internal(format!(
                "{} rows came in and {} were added, but {} at the target + {} filtered + {} quarantined come out{}: \
                 nothing was loaded",
                note.rows_in,
                note.added,
                loaded.rows,
                note.filtered,
                note.quarantined,
                if differs { ", and they are other rows" } else { "" }
            )));
        }
        serde_json::to_value(note).map_err(|error| Error::internal("counts are JSON").caused_by(&error))
    }
}
