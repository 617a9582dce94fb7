//! A load whose steps the target does itself: the staged inputs go there raw, and what the target makes of them comes
//! back through the checks before it becomes visible.
//!
//! What is in the target afterwards was looked at by a [`OutputValidator`] in the same transaction. Counts and checks are noted in the
//! target's ledger, beside the rows they speak of.

use super::before::Before;
use super::load_attempt::{LoadAttempt, attempt as attempt_of, is_later, swaps};
use super::load_errors::changed_since;
use super::receipt::{Receipt, warnings};
use super::row_validator::{Note, OutputValidator};
use crate::extract::folder::Folder;
use crate::extract::{Staged, staged, staging};
use crate::validate::CheckResult;
use futures::StreamExt;
use std::collections::BTreeMap;
use windvane_connectors::error_budget::ErrorBudget;
use windvane_connectors::pushdown::{PushdownLoad, PushdownRequest, Raw};
use windvane_connectors::{CONTENT_ROWS, Connection, Context, LoadRequest, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::progress::Progress;
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::Strategy;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::{Mode, Verify};
use windvane_engine::pushdown::{self, ROW};
use windvane_plan::{Output, Plan, plain};

/// Loads what the steps make of the staged inputs, which are given by name.
pub async fn run(
    plan: &Plan,
    output: &Output,
    inputs: &BTreeMap<String, Staged>,
    load_attempt: &LoadAttempt,
    context: &Context,
    folder: &Folder,
) -> Result<(Receipt, Vec<CheckResult>)> {
    let staged = |name: &str| {
        inputs.get(name).ok_or_else(|| Error::internal(format!("the extracted input '{name}' was not handed on")))
    };
    let primary = staged(&output.from)?;
    if output.strategy.strategy != Strategy::Pushdown {
        return Err(Error::spec("the plan does not do the steps of this output at the target")
            .in_table(&output.name)
            .hint("Transform and validate what was extracted, and load the verdict"));
    }
    let steps = plain(&output.steps);
    let made = made(plan, output, inputs, &steps)?;
    let mut raw = Vec::new();
    // The one that the rows come from is first.
    let others = made.columns.iter().filter(|(name, _)| **name != output.from);
    for (name, columns) in made.columns.get_key_value(&output.from).into_iter().chain(others) {
        raw.push(staged_raw(name, (folder, staged(name)?), columns, &context.progress)?);
    }
    let columns: Vec<String> = output.schema.names().map(str::to_owned).collect();
    let joined = staged::joined(output, inputs);
    let before = Before::look(plan, output, load_attempt, context, (&columns, &joined)).await?;
    let request = before.request(plan, output, load_attempt);
    // What is only added is compared with what an earlier try added, not done again.
    let compares = output.mode == Mode::Append && plan.verify != Verify::Rows;
    let source = if compares { tokio::task::block_in_place(|| content(folder, inputs))? } else { None };
    let validator =
        tokio::task::block_in_place(|| OutputValidator::new(plan, output, inputs, primary, folder, context, before))?;
    let validator = validator.over(source.clone());
    let query = &made.query;
    let (added, probes) = (query.added(), query.probes());
    let pushed = PushdownRequest { raw, query: query.placed(), added, probes, validator: Box::new(validator) };
    let connection = Connection::open_target(&plan.target, context)?;
    // The validator counts them, with those that it refuses itself.
    let request = LoadRequest { error_budget: ErrorBudget::of(u64::MAX), ..request };
    let request = LoadRequest { swap: swaps(&plan.target, &request), ..request };
    let done = connection.load_pushed(request, pushed).await;
    let done =
        done.map_err(|error| if error.place().table.is_some() { error } else { error.in_table(&output.dataset) })?;
    receipt(output, primary, (load_attempt, source.as_ref()), done)
}

/// The receipt, when what the ledger noted is of the rows that are here.
fn receipt(
    output: &Output,
    primary: &Staged,
    (load_attempt, source): (&LoadAttempt, Option<&String>),
    done: PushdownLoad,
) -> Result<(Receipt, Vec<CheckResult>)> {
    let PushdownLoad { loaded, note } = done;
    let attempt = attempt_of(&loaded, load_attempt);
    let note: Note = serde_json::from_value(note)
        .map_err(|error| Error::internal("the ledger's note of the load cannot be read").caused_by(&error))?;
    let differs =
        note.rows_in != primary.rows_in || note.source.as_ref().zip(source).is_some_and(|(then, now)| then != now);
    // A retry finds the load done, whatever the source has become since.
    if is_later(load_attempt, &loaded) && differs {
        return Err(changed_since(&output.dataset, &load_attempt.run, note.rows_in, primary.rows_in));
    }
    let receipt = Receipt {
        output: output.name.clone(),
        dataset: output.dataset.clone(),
        run: load_attempt.run.clone(),
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
        warnings: warnings(output, &note.checks, note.quarantined, &loaded.notes),
        already: loaded.already,
        attempt,
    };
    if receipt.rows_in + receipt.added != receipt.loaded + receipt.filtered + receipt.quarantined {
        return Err(Error::internal(format!("the load does not account for every row: {receipt:?}")));
    }
    Ok((receipt, note.checks))
}

/// Tells what the inputs hold, unless they are too many rows to be read for that.
fn content(folder: &Folder, inputs: &BTreeMap<String, Staged>) -> Result<Option<String>> {
    if inputs.values().map(|staged| staged.rows).sum::<u64>() > CONTENT_ROWS {
        return Ok(None);
    }
    let mut all = Vec::new();
    for (name, staged) in inputs {
        let mut sum = Checksum::default();
        for frame in staging::frames(folder, staged)? {
            sum.update(&frame?.rows)?;
        }
        all.push(format!("{name} {}", sum.finish()));
    }
    Ok(Some(all.join(", ")))
}

/// The query over what is staged. While the source is as it was planned, it is the one that was reviewed.
fn made(plan: &Plan, output: &Output, inputs: &BTreeMap<String, Staged>, steps: &[Step]) -> Result<pushdown::Staged> {
    let now = |name: &str| inputs.get(name).map(|staged| staged.schema.clone());
    let from = now(&output.from).unwrap_or_default();
    let made = pushdown::staged(steps, &output.from, &from, &now).map_err(|error| error.in_table(&output.name))?;
    let as_planned =
        inputs.iter().all(|(name, staged)| plan.input(name).is_some_and(|input| input.schema == staged.schema));
    if as_planned && output.strategy.sql.as_ref().is_some_and(|sql| *sql != made.query.placed()) {
        return Err(Error::new(Kind::Conflict, "the plan's SQL is not what this version makes of its steps")
            .in_table(&output.name)
            .hint("Run `windvane plan SPEC` and review the difference"));
    }
    Ok(made)
}

/// Columns of a staged dataset on their way to the target, each row with its number.
fn staged_raw(name: &str, (folder, staged): (&Folder, &Staged), columns: &Schema, progress: &Progress) -> Result<Raw> {
    let mut schema = columns.clone();
    schema.fields.push(Field { nullable: false, ..Field::new(ROW, DataType::Int64) });
    let (folder, at_rest, columns, progress) = (folder.clone(), staged.clone(), columns.clone(), progress.clone());
    let rows = Rows::at_rest(move || {
        let progress = progress.clone();
        let rows = staging::frames_of(&folder, &at_rest, &columns)?.map(move |frame| {
            let rows = staging::with_numbers(&frame?)?;
            progress.read(rows.num_rows());
            Ok(rows)
        });
        Ok(futures::stream::iter(rows).boxed())
    });
    Ok(Raw { dataset: name.to_owned(), name: pushdown::raw(name)?, schema, rows })
}
