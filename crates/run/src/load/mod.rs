//! Staged + Verdict -> Receipt: rows reach their target, exactly once.
//!
//! Doors: [`run`]; [`pushed`], where the target does the steps and the checks are done inside its transaction.
//!
//! Deliberately absent: a way to load rows that no [`Verdict`] speaks for, or that no check has seen.
//!
//! Invariants: a load is identified by (pipeline, output, run, partition); a second try of it adds no row; a receipt is only given when the rows and the checksum read back from the target are those of the
//! verdict and `rows_in + added = loaded + filtered + quarantined`; rows that the target refuses count against
//! the guard `quarantined` as those that were quarantined before.

pub mod aside;
pub mod before;
pub mod joined;
mod jury;
pub mod pushed;
mod refused;

use crate::extract::folder::Folder;
use crate::extract::{Staged, staging};
use crate::validate::{self, CheckResult, Verdict};
use before::Before;
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write;
use windvane_connectors::again::replays::Replays;
use windvane_connectors::again::{Counts, Facts, Remembered, Window};
use windvane_connectors::allowance::Allowance;
use windvane_connectors::tell::Tell;
use windvane_connectors::{
    Changes, Connection, Context, Duplicates, Expected, Link, LoadRequest, Loaded, Promise, Promised, Rows,
};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Finding, Guard, Limits};
use windvane_core::schema::digest;
use windvane_core::spec::drift::Policy;
use windvane_core::spec::target::{Absent, Mode, Target};
use windvane_plan::{Input, Output, Plan, fitted, parsed};

/// Proof of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    pub output: String,
    /// Table or folder name at the target.
    pub dataset: String,
    pub run: String,
    pub load_id: String,
    pub rows_in: u64,
    /// Rows that steps made beside those that they got: `rows_in + added = loaded + filtered + quarantined`.
    #[serde(default)]
    pub added: u64,
    pub loaded: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of the quarantined rows.
    pub quarantine: Vec<String>,
    pub bytes: u64,
    /// Of the validated rows; nothing where they were too many to be read back (see `verify`).
    #[serde(default)]
    pub checksum_source: Option<String>,
    /// Of the rows as read back from the target.
    #[serde(default)]
    pub checksum_target: Option<String>,
    /// What a merge or a history did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// What people should know although it stopped nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// True when an earlier attempt of this run had loaded them already.
    pub already: bool,
    /// Which doing of the run loaded them; a store that was lost may know of less.
    #[serde(default)]
    pub attempt: u32,
}

/// Which doing of which run a load belongs to.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    pub run: String,
    /// From 1; 0 asks for whatever was done.
    pub attempt: u32,
    pub window: Option<Window>,
    pub remembered: Remembered,
    pub replays: Option<Replays>,
}

/// Identifies a load: the same words always give the same id. The plan is none of them: what a plan observed changes
/// between two tries of a run.
pub fn load_id(pipeline: &str, run: &str, output: &str, partition: &str) -> String {
    let mut identity = String::new();
    for word in [pipeline, run, output, partition] {
        // Lengths first, so that no two different lists of words read alike.
        let _ = write!(identity, "{}:{word};", word.len());
    }
    digest(identity.as_bytes(), 32)
}

/// Loads what the verdict passed.
pub async fn run(
    plan: &Plan,
    output: &Output,
    verdict: &Verdict,
    turn: &Turn,
    context: &Context,
    folder: &Folder,
) -> Result<Receipt> {
    let staged = &verdict.staged;
    if !staged.balances() {
        return Err(unbalanced(output, staged));
    }
    let connection = Connection::open_target(&plan.target, context)?;
    let before = Before::look(plan, output, turn, context, (&verdict.empty, &staged.joined)).await?;
    before.judge(output, &context.allow, staged.rows, &verdict.empty)?;
    let (limits, came) = (Limits::of(&output.guard), staged.rows_in + staged.added);
    let allowance = if context.allow.lets(Guard::Quarantined) {
        Allowance::of(u64::MAX)
    } else {
        Allowance::of(limits.budget(came).saturating_sub(staged.quarantined))
    };
    let allowance = allowance.leaving(before.least(output, &context.allow));
    let counts = counts(staged);
    let mut request = LoadRequest {
        allowance: allowance.clone(),
        dataset: output.dataset.clone(),
        schema: staged.schema.clone(),
        expected: Promise::Known(Box::new(Promised {
            expected: Expected { rows: staged.rows, checksum: verdict.checksum.clone() },
            counts: Some(counts),
        })),
        ..before.request(plan, output, turn)
    };
    request.facts.columns = staged.schema.clone();
    let (shelf, at_rest, progress) = (folder.clone(), staged.clone(), context.progress.clone());
    let rows = move || {
        let (shelf, at_rest, progress) = (shelf.clone(), at_rest.clone(), progress.clone());
        Rows::at_rest(move || {
            let progress = progress.clone();
            let rows = staging::frames(&shelf, &at_rest)?.map(move |frame| {
                let rows = frame?.rows;
                progress.read(rows.num_rows());
                Ok(rows)
            });
            Ok(futures::stream::iter(rows).boxed())
        })
    };
    let explained = |error: Error| {
        let error = match (allowance.exceeded(), allowance.short()) {
            (Some(refused), _) => too_many(&limits, staged, refused, &error),
            (None, Some(left)) => before.too_few(output, staged.rows, left).unwrap_or(error),
            (None, None) => error,
        };
        if error.place().table.is_some() { error } else { error.in_table(&output.dataset) }
    };
    let mut loaded = connection.load(request.clone(), rows()).await.map_err(explained)?;
    let mut kept = refused::settle(verdict, &loaded.refused, &output.name, folder)?;
    let differs = |loaded: &Loaded, kept: &refused::Kept| {
        loaded.rows != kept.rows || differ(loaded.checksum.as_ref(), kept.checksum.as_ref())
    };
    let unproved = loaded.checksum.is_none() || kept.checksum.is_none();
    let again = swaps(&plan.target, &request) && is_later(turn, &loaded);
    if loaded.already && (differs(&loaded, &kept) || again && unproved) {
        let earlier = loaded.earlier.as_deref().cloned().unwrap_or_default();
        if let Some(receipt) = retried(output, turn, &loaded, &earlier) {
            return Ok(receipt);
        }
        if !swaps(&plan.target, &request) {
            return Err(other_rows(output, &kept, &loaded, &turn.run));
        }
        let again = LoadRequest { swap: true, ..request };
        loaded = connection.load(again, rows()).await.map_err(explained)?;
        kept = refused::settle(verdict, &loaded.refused, &output.name, folder)?;
    }
    if differs(&loaded, &kept) {
        return Err(other_rows(output, &kept, &loaded, &turn.run));
    }
    let (superseded, attempt) = (loaded.superseded(), attempt(&loaded, turn));
    let quarantined = staged.quarantined + loaded.refused.len() as u64 - superseded;
    context.allow.judge(&output.name, guard::quarantined(&limits, quarantined, came, &[]))?;
    if !loaded.already && context.allow.lets(Guard::Rows) {
        // Let pass: what is left is in the record.
        before.judge(output, &context.allow, loaded.rows, &[])?;
    }
    let quarantine: Vec<String> = staged.quarantine.iter().chain(&kept.quarantine).cloned().collect();
    Ok(Receipt {
        output: output.name.clone(),
        dataset: output.dataset.clone(),
        run: turn.run.clone(),
        load_id: loaded.load_id,
        rows_in: staged.rows_in,
        added: staged.added,
        loaded: loaded.rows,
        filtered: counts.filtered + superseded,
        quarantined,
        quarantine,
        bytes: loaded.bytes,
        // What was only counted at the target has nothing to be compared with.
        checksum_source: kept.checksum.filter(|_| loaded.checksum.is_some()),
        checksum_target: loaded.checksum,
        changes: loaded.changes,
        warnings: warnings(output, &verdict.checks, quarantined, &loaded.notes),
        already: loaded.already,
        attempt,
    })
}

/// What people should know of a load that was well; `notes` are those of the target.
pub fn warnings(output: &Output, checks: &[CheckResult], quarantined: u64, notes: &[String]) -> Vec<String> {
    let spared = (output.absent == Absent::Delete && quarantined > 0).then(|| {
        format!(
            "no row of '{}' was deleted: {quarantined} rows are in quarantine, and a row that could not be read is not absent",
            output.dataset
        )
    });
    validate::warnings(checks).into_iter().chain(spared).chain(notes.iter().cloned()).collect()
}

/// Names where a plan's rows go. Nothing where that cannot be told: a note that does not say may be of any place.
pub fn place(plan: &Plan, context: &Context) -> String {
    Connection::open_target(&plan.target, context).map(|target| target.place()).unwrap_or_default()
}

/// The load of an output in a run, whose rows are not known yet.
pub fn request(plan: &Plan, output: &Output, turn: &Turn) -> LoadRequest {
    LoadRequest {
        dataset: output.dataset.clone(),
        schema: output.schema.clone(),
        mode: output.mode,
        key: output.key.clone(),
        declared: output.declared.clone(),
        links: links(plan, output),
        adds: plan.drift_of(output).columns == Policy::Evolve,
        absent: output.absent,
        load_id: load_id(&plan.pipeline, &turn.run, &output.name, ""),
        facts: Facts {
            pipeline: plan.pipeline.clone(),
            output: output.name.clone(),
            run: turn.run.clone(),
            attempt: turn.attempt,
            plan: plan.id.clone(),
            window: turn.window.clone(),
            columns: output.schema.clone(),
            inputs: inputs(plan, output),
            parsed: parsed::by_agents(output).iter().map(|parse| json!(parse)).collect(),
            counts: None,
            load_id: output.load_id.clone(),
            fitted: fitted::columns(output),
            beside: None,
            replays: turn.replays.clone(),
        },
        tell: tell(plan, output, turn),
        remembered: turn.remembered.clone(),
        swap: false,
        widen: false,
        adopt: output.adopt,
        seen: None,
        expected: Promise::Nobody,
        verify: plan.verify,
        refused: plan.errors.rows,
        duplicates: output.on_duplicate.as_ref().map_or_else(Duplicates::default, |planned| Duplicates {
            choice: planned.choice,
            column: planned.column.clone(),
        }),
        // Rows that flow are not there any more when it comes to showing the refused ones.
        allowance: Allowance::none(),
        compression: plan.target.compression(),
        partition_by: plan.target.partition_by().to_vec(),
    }
}

/// What the source looked like, without where it was: the places are the plan's, and the target is others' to read.
fn inputs(plan: &Plan, output: &Output) -> Vec<Value> {
    let read = |input: &&Input| input.name == output.from || output.reads.contains(&input.name);
    let noted = plan
        .inputs
        .iter()
        .filter(read)
        .map(|input| json!(Input { source: String::new(), locator: String::new(), rows: None, ..input.clone() }));
    noted.collect()
}

/// The foreign keys of an output's table and to it.
fn links(plan: &Plan, output: &Output) -> Vec<Link> {
    let mut all = Vec::new();
    for other in &plan.outputs {
        for reference in other.declared.iter().flat_map(|declared| &declared.references) {
            if other.name == output.name || reference.table == output.dataset {
                let awaited = plan.outputs.iter().any(|parent| parent.dataset == reference.table);
                all.push(Link { table: other.dataset.clone(), reference: reference.clone(), awaited });
            }
        }
    }
    all
}

/// What the target's ledger says of the load of an output in a run, if it is done: the rows that are offered refuse to
/// flow.
pub async fn done(plan: &Plan, output: &Output, turn: &Turn, context: &Context) -> Result<Option<Loaded>> {
    const ONLY_ASKING: &str = "the load was only asked about";
    let nothing = futures::stream::once(async { Err(Error::internal(ONLY_ASKING)) });
    let connection = Connection::open_target(&plan.target, context)?;
    match connection.load(request(plan, output, turn), Rows::flowing(nothing.boxed())).await {
        Ok(loaded) => Ok(Some(loaded).filter(|loaded| loaded.already)),
        Err(error) if error.message() == ONLY_ASKING => Ok(None),
        Err(error) => Err(error),
    }
}

/// The receipt of a load that an earlier try of the same attempt (or a later one, with another store) has done, from what the ledger kept of it: the source
/// may have changed since.
pub fn retried(output: &Output, turn: &Turn, loaded: &Loaded, earlier: &Facts) -> Option<Receipt> {
    let counts = earlier.counts.filter(|_| earlier.attempt >= turn.attempt && loaded.already)?;
    Some(Receipt {
        output: output.name.clone(),
        dataset: output.dataset.clone(),
        run: turn.run.clone(),
        load_id: loaded.load_id.clone(),
        rows_in: counts.rows_in,
        added: counts.added,
        loaded: loaded.rows,
        filtered: counts.filtered + loaded.superseded(),
        quarantined: counts.quarantined + loaded.refused.len() as u64 - loaded.superseded(),
        quarantine: Vec::new(),
        bytes: loaded.bytes,
        checksum_source: loaded.checksum.clone(),
        checksum_target: loaded.checksum.clone(),
        changes: loaded.changes,
        warnings: loaded.notes.clone(),
        already: true,
        attempt: earlier.attempt,
    })
}

/// Which doing of the run the rows of a load are from.
pub fn attempt(loaded: &Loaded, turn: &Turn) -> u32 {
    let earlier = loaded.earlier.as_ref().filter(|_| loaded.already);
    earlier.map_or(turn.attempt, |earlier| earlier.attempt)
}

/// Whether the target can tell the rows of one load from all others, and take them out again.
pub fn swaps(target: &Target, request: &LoadRequest) -> bool {
    target.kind().files || target.kind().tables && request.tell.is_some()
}

/// Whether the run had ended when this load found what it has loaded.
pub fn is_later(turn: &Turn, loaded: &Loaded) -> bool {
    loaded.earlier.as_ref().is_some_and(|earlier| earlier.attempt < turn.attempt)
}

/// How the rows of an appended table are told from those of other loads.
fn tell(plan: &Plan, output: &Output, turn: &Turn) -> Option<Tell> {
    if output.mode != Mode::Append {
        return None;
    }
    if let Some(column) = &output.load_id {
        return Some(Tell::Column(column.clone()));
    }
    let window = turn.window.as_ref()?;
    let column = plan.reaches(output, &window.column)?;
    let field = output.schema.field(&column)?;
    Tell::window(&column, field.data_type, window)
}

fn counts(staged: &Staged) -> Counts {
    let Staged { rows_in, added, filtered, quarantined, .. } = *staged;
    Counts { rows_in, added, filtered: filtered + u64::from(faults::planted("miscounts_receipt")), quarantined }
}

/// Whether two sums are known and not the same.
fn differ(one: Option<&String>, other: Option<&String>) -> bool {
    one.is_some() && one != other
}

fn too_many(limits: &Limits, staged: &Staged, refused: u64, said: &Error) -> Error {
    let seen = guard::quarantined(limits, staged.quarantined + refused, staged.rows_in + staged.added, &[]);
    let told = |mut seen: Finding| {
        seen.way = format!("{}. {}", said.message(), seen.way);
        seen.refused()
    };
    seen.map_or_else(|| said.clone(), told)
}

fn unbalanced(output: &Output, staged: &Staged) -> Error {
    let Staged { rows_in, added, rows, filtered, quarantined, .. } = staged;
    let message = format!(
        "{rows_in} rows came in and {added} were added, but {rows} + {filtered} filtered + {quarantined} quarantined go out"
    );
    Error::internal(message).in_table(&output.name)
}

fn other_rows(output: &Output, kept: &refused::Kept, loaded: &Loaded, run: &str) -> Error {
    let sum = |checksum: &Option<String>| checksum.clone().unwrap_or_else(|| "not summed".to_owned());
    let message = format!(
        "the target holds {} rows ({}) of this load, the run validated {} ({})",
        loaded.rows,
        sum(&loaded.checksum),
        kept.rows,
        sum(&kept.checksum)
    );
    if loaded.already {
        return changed_since(&output.dataset, run, loaded.rows, kept.rows);
    }
    Error::internal(message).in_table(&output.dataset)
}

/// A run that has appended its rows is done again, and the source does not give the same rows any more.
pub fn changed_since(dataset: &str, run: &str, loaded: u64, now: u64) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "run '{run}' has loaded already, and its source has changed since: the target holds {loaded} rows of this \
             load, the source gives {now} now"
        ),
    )
    .in_table(dataset)
    .hint(
        "Nothing was changed: rows that were appended to a table cannot be told from others. Ask for `load_id: true` at \
         the target, by which later runs can be done again, start a new run for the new rows, load with mode `merge` (and \
         a key), or append to files",
    )
}
