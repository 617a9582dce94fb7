//! Staged + Verdict -> Receipt: rows reach their target, exactly once.
//!
//! Doors: [`run`]; [`pushdown`], where the target does the steps and the checks are done inside its transaction.
//!
//! Deliberately absent: a way to load rows that no [`Verdict`] speaks for, or that no check has seen.
//!
//! Invariants: a load is identified by (pipeline, output, run, partition); a second try of it adds no row; a receipt is only given when the rows and the checksum read back from the target are those of the
//! verdict and `rows_in + added = loaded + filtered + quarantined`; rows that the target refuses count against
//! the guard `quarantined` as those that were quarantined before.

pub mod before;
pub mod joined;
mod load_attempt;
mod load_errors;
pub mod pushdown;
pub mod quarantine_table;
mod receipt;
mod refused;
mod row_validator;

pub use load_attempt::{LoadAttempt, attempt, is_later, load_id, request, swaps};
pub use load_errors::changed_since;
pub use receipt::{Receipt, retried, warnings};

use crate::extract::folder::Folder;
use crate::extract::{Staged, staging};
use crate::validate::Verdict;
use before::Before;
use futures::StreamExt;
use load_errors::{differ, other_rows, too_many, unbalanced};
use refused::{Kept, settle};
use windvane_connectors::error_budget::ErrorBudget;
use windvane_connectors::rerun::Counts;
use windvane_connectors::{Connection, Context, Expectation, Expected, ExpectedLoad, LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Guard, Limits};
use windvane_core::resilience::progress::Progress;
use windvane_plan::{Output, Plan};

/// Loads what the verdict passed.
pub async fn run(
    plan: &Plan,
    output: &Output,
    verdict: &Verdict,
    load_attempt: &LoadAttempt,
    context: &Context,
    folder: &Folder,
) -> Result<Receipt> {
    let staged = &verdict.staged;
    if !staged.balances() {
        return Err(unbalanced(output, staged));
    }
    let connection = Connection::open_target(&plan.target, context)?;
    let before = Before::look(plan, output, load_attempt, context, (&verdict.empty, &staged.joined)).await?;
    before.judge(output, &context.allow, staged.rows, &verdict.empty)?;
    let (limits, came) = (Limits::of(&output.guard), staged.rows_in + staged.added);
    let spare = limits.budget(came).saturating_sub(staged.quarantined);
    let error_budget = ErrorBudget::of(if context.allow.lets(Guard::Quarantined) { u64::MAX } else { spare });
    let error_budget = error_budget.leaving(before.least(output, &context.allow));
    let counts = counts(staged);
    let mut request = LoadRequest {
        error_budget: error_budget.clone(),
        dataset: output.dataset.clone(),
        schema: staged.schema.clone(),
        expected: Expectation::Known(Box::new(ExpectedLoad {
            expected: Expected { rows: staged.rows, checksum: verdict.checksum.clone() },
            counts: Some(counts),
        })),
        ..before.request(plan, output, load_attempt)
    };
    request.facts.columns = staged.schema.clone();
    let rows = || at_rest(folder, staged, &context.progress);
    let explained = |error: Error| {
        let error = match (error_budget.exceeded(), error_budget.short()) {
            (Some(refused), _) => too_many(&limits, staged, refused, &error),
            (None, Some(left)) => before.too_few(output, staged.rows, left).unwrap_or(error),
            (None, None) => error,
        };
        if error.place().table.is_some() { error } else { error.in_table(&output.dataset) }
    };
    let mut loaded = connection.load(request.clone(), rows()).await.map_err(explained)?;
    let mut kept = settle(verdict, &loaded.refused, &output.name, folder)?;
    let differs = |loaded: &Loaded, kept: &Kept| {
        loaded.rows != kept.rows || differ(loaded.checksum.as_ref(), kept.checksum.as_ref())
    };
    let unproved = loaded.checksum.is_none() || kept.checksum.is_none();
    let again = swaps(&plan.target, &request) && is_later(load_attempt, &loaded);
    if loaded.already && (differs(&loaded, &kept) || again && unproved) {
        let earlier = loaded.earlier.as_deref().cloned().unwrap_or_default();
        if let Some(receipt) = retried(output, load_attempt, &loaded, &earlier) {
            return Ok(receipt);
        }
        if !swaps(&plan.target, &request) {
            return Err(other_rows(output, &kept, &loaded, &load_attempt.run));
        }
        let again = LoadRequest { swap: true, ..request };
        loaded = connection.load(again, rows()).await.map_err(explained)?;
        kept = settle(verdict, &loaded.refused, &output.name, folder)?;
    }
    if differs(&loaded, &kept) {
        return Err(other_rows(output, &kept, &loaded, &load_attempt.run));
    }
    let (superseded, attempt) = (loaded.superseded(), attempt(&loaded, load_attempt));
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
        run: load_attempt.run.clone(),
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

/// The staged rows, as often as the target asks for them.
fn at_rest(folder: &Folder, staged: &Staged, progress: &Progress) -> Rows {
    let (folder, staged, progress) = (folder.clone(), staged.clone(), progress.clone());
    Rows::at_rest(move || {
        let progress = progress.clone();
        let rows = staging::frames(&folder, &staged)?.map(move |frame| {
            let rows = frame?.rows;
            progress.read(rows.num_rows());
            Ok(rows)
        });
        Ok(futures::stream::iter(rows).boxed())
    })
}

/// Names where a plan's rows go. Nothing where that cannot be told: a note that does not say may be of any place.
pub fn place(plan: &Plan, context: &Context) -> String {
    Connection::open_target(&plan.target, context).map(|target| target.place()).unwrap_or_default()
}

/// What the target's ledger says of the load of an output in a run, if it is done: the rows that are offered refuse to
/// flow.
pub async fn done(
    plan: &Plan,
    output: &Output,
    load_attempt: &LoadAttempt,
    context: &Context,
) -> Result<Option<Loaded>> {
    const ONLY_ASKING: &str = "the load was only asked about";
    let nothing = futures::stream::once(async { Err(Error::internal(ONLY_ASKING)) });
    let connection = Connection::open_target(&plan.target, context)?;
    match connection.load(request(plan, output, load_attempt), Rows::flowing(nothing.boxed())).await {
        Ok(loaded) => Ok(Some(loaded).filter(|loaded| loaded.already)),
        Err(error) if error.message() == ONLY_ASKING => Ok(None),
        Err(error) => Err(error),
    }
}

fn counts(staged: &Staged) -> Counts {
    let Staged { rows_in, added, filtered, quarantined, .. } = *staged;
    Counts { rows_in, added, filtered: filtered + u64::from(faults::planted("miscounts_receipt")), quarantined }
}
