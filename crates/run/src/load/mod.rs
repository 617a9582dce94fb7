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
mod receipt;
mod refused;
mod turn;
mod wrong;

pub use receipt::{Receipt, retried, warnings};
pub use turn::{Turn, attempt, is_later, load_id, request, swaps};
pub use wrong::changed_since;

use crate::extract::folder::Folder;
use crate::extract::{Staged, staging};
use crate::validate::Verdict;
use before::Before;
use futures::StreamExt;
use refused::{Kept, settle};
use windvane_connectors::again::Counts;
use windvane_connectors::allowance::Allowance;
use windvane_connectors::{Connection, Context, Expected, LoadRequest, Loaded, Promise, Promised, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::guard::{self, Guard, Limits};
use windvane_core::resilience::progress::Progress;
use windvane_plan::{Output, Plan};
use wrong::{differ, other_rows, too_many, unbalanced};

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
    let spare = limits.budget(came).saturating_sub(staged.quarantined);
    let allowance = Allowance::of(if context.allow.lets(Guard::Quarantined) { u64::MAX } else { spare });
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
    let rows = || at_rest(folder, staged, &context.progress);
    let explained = |error: Error| {
        let error = match (allowance.exceeded(), allowance.short()) {
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
        kept = settle(verdict, &loaded.refused, &output.name, folder)?;
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

fn counts(staged: &Staged) -> Counts {
    let Staged { rows_in, added, filtered, quarantined, .. } = *staged;
    Counts { rows_in, added, filtered: filtered + u64::from(faults::planted("miscounts_receipt")), quarantined }
}
