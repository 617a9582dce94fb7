//! All checks over a staged dataset in one pass; memory grows only with the keys of `unique` and `references`.

use crate::extract::folder::Folder;
use crate::extract::{Staged, quarantine, staging};
use crate::validate::calendar;
use crate::validate::verdict::{CheckResult, Verdict};
use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use std::collections::BTreeMap;
use windvane_connectors::{CONTENT_ROWS, Rejected};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Allow, Limits};
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::{Schema, checksum::Checksum};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::check::{Check, Rows};
use windvane_core::spec::target::{Target, Verify};
use windvane_engine::check::Test;
use windvane_engine::frame::Frame;
use windvane_plan::{Output, Plan, PlannedCheck};

/// Writes the rows that pass to `<folder>/<output>.validated.parquet`, in the output's schema.
/// `lookups` holds the inputs that `references` checks name.
pub fn run(
    plan: &Plan,
    output: &Output,
    staged: &Staged,
    lookups: &BTreeMap<String, Staged>,
    folder: &Folder,
    progress: &Progress,
    allow: &Allow,
) -> Result<Verdict> {
    judged(plan, output, staged, lookups, folder, progress, allow).map_err(|error| {
        let error = if error.place().table.is_none() { error.in_table(&output.name) } else { error };
        error.in_stage("validate")
    })
}

fn judged(
    plan: &Plan,
    output: &Output,
    staged: &Staged,
    lookups: &BTreeMap<String, Staged>,
    folder: &Folder,
    progress: &Progress,
    allow: &Allow,
) -> Result<Verdict> {
    let checks: Vec<Check> = output.checks.iter().map(|planned| planned.check.clone()).collect();
    let lookup = |name: &str| lookups.get(name).map(|staged| staged.schema.clone());
    let mut tests = Tests::new(&output.checks, &output.schema, &lookup)?.fit_for(&plan.target);
    tests.learn(|name| {
        let other = lookups.get(name).ok_or_else(|| Error::missing(format!("the dataset '{name}' is not staged")))?;
        staging::frames(folder, other)
    })?;
    let path = folder.file(&output.name, "validated.parquet");
    let mut writer = staging::Writer::create(folder, &path, staging::numbered(&output.schema))?;
    let refused = folder.file(&output.name, "validate.quarantine.jsonl");
    let mut quarantine = quarantine::Writer::create(folder, &refused, "validate", &output.name);
    let mut sum = Sum::new(plan.verify);
    for frame in staging::frames(folder, staged)? {
        progress.wanted()?;
        let frame = frame?;
        progress.read(frame.len());
        let (passed, rejected) = tests.judge(&frame)?;
        for row in &rejected {
            if plan.errors.rows == RowPolicy::Fail {
                return Err(first_failure(row));
            }
            quarantine.push(row)?;
        }
        sum.add(&passed)?;
        writer.write(&faults::spoilt("validate_", &staging::with_numbers(&passed)?))?;
    }
    let quarantined = quarantine.count();
    let kept = quarantine.finish()?;
    let mut files = staged.quarantine.clone();
    files.extend(kept.map(|(file, _)| file));
    let total = staged.quarantined + quarantined;
    let seen = guard::quarantined(&Limits::of(&output.guard), total, staged.rows_in + staged.added, &files);
    allow.judge(&output.name, seen)?;
    counted(&checks, sum.rows)?;
    let (uri, rows, bytes) = writer.finish()?;
    let judged = Staged {
        dataset: output.name.clone(),
        uri,
        rest: Vec::new(),
        schema: output.schema.clone(),
        rows,
        bytes,
        rows_in: staged.rows_in,
        added: staged.added,
        filtered: staged.filtered,
        quarantined: total,
        quarantine: files,
        joined: staged.joined.clone(),
        origin: folder.origin(),
    };
    if !judged.balances() {
        return Err(Error::internal(format!(
            "validate does not account for every row: {} came in, {} were added, {} passed, {} were filtered, {} quarantined",
            judged.rows_in, judged.added, judged.rows, judged.filtered, judged.quarantined
        )));
    }
    let empty = sum.empty(&output.schema);
    Ok(Verdict { staged: judged, checksum: sum.finish(), checks: tests.results(&checks, rows), empty })
}

/// Counts the rows that pass, and sums them as long as the target will be asked for the sum.
pub struct Sum {
    pub rows: u64,
    verify: Verify,
    checksum: Option<Checksum>,
    /// Columns that have a value in some row, by their place; nothing before the first row.
    filled: Vec<bool>,
    /// Rows passed that nobody looked at.
    unseen: bool,
}

impl Sum {
    pub fn new(verify: Verify) -> Self {
        Self {
            rows: 0,
            verify,
            checksum: (verify != Verify::Rows).then(Checksum::default),
            filled: Vec::new(),
            unseen: false,
        }
    }

    pub fn add(&mut self, frame: &Frame) -> Result<()> {
        self.rows += frame.len() as u64;
        if !frame.is_empty() {
            self.filled.resize(frame.rows.num_columns(), false);
            for (filled, column) in self.filled.iter_mut().zip(frame.rows.columns()) {
                *filled = *filled || column.null_count() < column.len();
            }
        }
        if self.verify == Verify::Auto && self.rows > CONTENT_ROWS {
            self.checksum = None;
        }
        self.checksum.as_mut().map_or(Ok(()), |checksum| checksum.update(&frame.rows))
    }

    /// Whether the sum of so many rows would be asked for.
    pub fn wants(&self, rows: u64) -> bool {
        match self.verify {
            Verify::Content => true,
            Verify::Rows => false,
            Verify::Auto => rows <= CONTENT_ROWS,
        }
    }

    /// The columns that have no value in any of the rows; none when there are no rows, or when nobody looked at them.
    pub fn empty(&self, schema: &Schema) -> Vec<String> {
        let seen = schema.names().zip(&self.filled);
        seen.filter(|(_, filled)| !**filled && !self.unseen).map(|(name, _)| name.to_owned()).collect()
    }

    /// So many rows passed that nobody looks at.
    pub fn counted(&mut self, rows: u64) {
        self.rows += rows;
        self.unseen = true;
        self.checksum = None;
    }

    pub fn finish(&self) -> Option<String> {
        self.checksum.as_ref().map(Checksum::finish)
    }

    /// As `finish`, without rows that were taken out again.
    pub fn without(&self, gone: &Checksum) -> Option<String> {
        self.checksum.as_ref().map(|checksum| checksum.without(gone).finish())
    }
}

/// Checks and what they have seen.
pub struct Tests {
    all: Vec<Test>,
    rows: u64,
    failed: Vec<u64>,
    /// Those that only count.
    warns: Vec<bool>,
    /// The target holds no day outside of the calendar.
    bounded: bool,
}

impl Tests {
    pub fn new(checks: &[PlannedCheck], schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let plain: Vec<Check> = checks.iter().map(|planned| planned.check.clone()).collect();
        let all = Self::of(&plain, schema, lookup)?;
        Ok(Self { warns: checks.iter().map(|planned| planned.warns).collect(), ..all })
    }

    /// As the rows must be for this target.
    #[must_use]
    pub fn fit_for(self, target: &Target) -> Self {
        Self { bounded: calendar::is_bounded(target), ..self }
    }

    fn of(checks: &[Check], schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let mut tests = Vec::new();
        for (index, check) in checks.iter().enumerate() {
            tests.push(Test::new(check, schema, lookup).map_err(|error| {
                let inner = error.place().path.clone().map(|path| format!(".{path}")).unwrap_or_default();
                error.at_path(format!("checks[{index}]{inner}"))
            })?);
        }
        let failed = vec![0; tests.len()];
        let warns = vec![false; tests.len()];
        Ok(Self { all: tests, rows: 0, failed, warns, bounded: false })
    }

    pub fn learn<I: Iterator<Item = Result<Frame>>>(&mut self, frames: impl Fn(&str) -> Result<I>) -> Result<()> {
        for test in &mut self.all {
            let Some(dataset) = test.reads().map(|(dataset, _)| dataset.to_owned()) else { continue };
            for frame in frames(&dataset)? {
                test.learn(&frame?)?;
            }
        }
        Ok(())
    }

    /// The rows that pass every check, and the others, each once with all its reasons.
    pub fn judge(&mut self, frame: &Frame) -> Result<(Frame, Vec<Rejected>)> {
        let (passed, rejected) = self.look(frame)?;
        Ok((frame.filter(&passed)?, rejected))
    }

    /// Which rows pass every check, and the others, each once with all its reasons.
    pub fn look(&mut self, frame: &Frame) -> Result<(BooleanArray, Vec<Rejected>)> {
        let mut reasons: BTreeMap<usize, (Option<String>, Vec<String>)> = BTreeMap::new();
        for ((test, failed), warns) in self.all.iter_mut().zip(&mut self.failed).zip(&self.warns) {
            for (row, column, reason) in test.look(frame)? {
                *failed += 1;
                if *warns {
                    continue;
                }
                let entry = reasons.entry(row).or_insert_with(|| (column, Vec::new()));
                entry.1.push(reason);
            }
        }
        for (row, column, reason) in self.bounded.then(|| calendar::beyond(frame)).into_iter().flatten() {
            reasons.entry(row).or_insert_with(|| (column, Vec::new())).1.push(reason);
        }
        self.rows += frame.len() as u64;
        if reasons.is_empty() || faults::planted("passes_refused") {
            return Ok((BooleanArray::new(BooleanBuffer::new_set(frame.len()), None), Vec::new()));
        }
        let passed: BooleanArray = (0..frame.len()).map(|row| Some(!reasons.contains_key(&row))).collect();
        let rejected = reasons.into_iter();
        let rejected = rejected.map(|(row, (column, all))| frame.reject(row, column.as_deref(), all.join("; ")));
        Ok((passed, rejected.collect()))
    }

    /// `rows` counts what is to be loaded.
    pub fn results(&self, checks: &[Check], passed: u64) -> Vec<CheckResult> {
        let all = self.all.iter().zip(&self.failed).zip(&self.warns).zip(checks);
        let all = all.map(|(((test, failed), warns), check)| CheckResult {
            check: test.label.clone(),
            rows: if matches!(check, Check::Rows(_)) { passed } else { self.rows },
            failed: *failed,
            warns: *warns,
        });
        all.collect()
    }
}

/// The checks over frames in memory: what tests, notebooks and dry runs on a sample need.
pub fn judge(
    checks: &[Check],
    frame: &Frame,
    others: &BTreeMap<String, Frame>,
) -> Result<(Frame, Vec<Rejected>, Vec<CheckResult>)> {
    let lookup = |name: &str| others.get(name).map(|other| other.schema.clone());
    let mut tests = Tests::of(checks, &frame.schema, &lookup)?;
    tests.learn(|name| Ok(others.get(name).cloned().map(Ok).into_iter()))?;
    let (passed, rejected) = tests.judge(frame)?;
    counted(checks, passed.len() as u64)?;
    let results = tests.results(checks, passed.len() as u64);
    Ok((passed, rejected, results))
}

pub fn first_failure(row: &Rejected) -> Error {
    Error::data(format!("a row breaks a check: {}", row.reason))
        .in_row(row.row)
        .hint("Correct the row at the source, or let such rows go to quarantine: errors: {rows: quarantine}")
}

pub fn counted(checks: &[Check], rows: u64) -> Result<()> {
    for check in checks {
        let Check::Rows(Rows { min, max }) = check else { continue };
        let wrong = match (min, max) {
            (Some(min), _) if rows < *min => Some(format!("at least {min}")),
            (_, Some(max)) if rows > *max => Some(format!("at most {max}")),
            _ => None,
        };
        if let Some(wanted) = wrong {
            return Err(Error::data(format!(
                "{rows} rows are left to load where the check wants {wanted}; nothing is loaded"
            ))
            .hint("Look at what the source gave and what was filtered, or change the rows check"));
        }
    }
    Ok(())
}
