//! What a changed source does to a run: judged before a row is read, against the plan (or, without a plan file, against what
//! the last run that was well has read; see `baseline`).
//!
//! Columns are matched by name, also where a name is only written otherwise. What is new follows the policy; a type that
//! holds more follows it too. What breaks (a column that is gone or of another kind of type, another key) stops the run
//! under every policy: an absent column never becomes nulls over values. A plan that fits is proposed beside the old one.

pub mod baseline;
mod case;
mod compare;
mod format;
mod guarded;
mod inferred_types;
mod judged;
mod names;
mod needs;
pub mod outgrown;
mod propose;
pub mod vanished_members;

pub use case::Case;
pub use format::{Seen, look, look_whole};
pub use judged::Judged;
pub(super) use needs::needs;

use compare::{Comparison, key_changed};
use guarded::{blank, lacking, members, none_left, strange};
use propose::Change;
use windvane_connectors::sampled_columns::SampledColumns;
use windvane_connectors::{Context, FoundKind};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::drift::{Drift, Policy};
use windvane_core::spec::source::Source;
use windvane_plan::Input;

/// Judges the source as it is now.
pub async fn judge(case: Case<'_>, seen: Seen) -> Result<Judged> {
    let Case { plan, output, input, context } = case;
    let mut judged = Judged::planned(input);
    let found = match seen.strange {
        None => seen.found,
        Some((what, now)) => {
            strange(case, format!("the file is not written as planned: {what}"))?;
            judged.format.clone_from(&now.format);
            now
        }
    };
    blank(case, &found).await?;
    let sampled = found.kind == FoundKind::Jsonl && context.full_scans.found(&input.source, &input.locator).is_none();
    judged.shown = SampledColumns::new(found.fields.names().chain(input.schema.names()), sampled);
    members(case, &found).await?;
    let lacking = lacking(case, &found);
    let same = found.shape().fingerprint() == input.fingerprint && !key_changed(case, &found);
    if same && lacking.is_empty() {
        return Ok(judged);
    }
    let matched = names::matched(&input.schema, &found.fields);
    // A dataset of JSON without rows has no columns, and is none the worse.
    let empty = found.fields.fields.is_empty() && found.rows.is_none_or(|rows| rows == 0);
    if matched.gone().len() == input.schema.fields.len() && !(empty && input.kind != FoundKind::Csv) {
        return none_left(case, judged, &found);
    }
    let mut comparison = Comparison::new(case, &found, judged, lacking);
    for (field, here) in &matched.pairs {
        comparison.column(field, *here);
    }
    let renamed = comparison.gone(&matched);
    comparison.key();
    for field in &matched.added {
        comparison.fresh(field);
    }
    let Comparison { mut judged, mut notes, mut breaking, .. } = comparison;
    let Drift { columns, types } = plan.drift_of(output);
    if columns == Policy::Fail || types == Policy::Fail {
        breaking.append(&mut notes);
    }
    if !breaking.is_empty() {
        return Err(stopped(case, Change::of(input, &found, &renamed), &breaking).await);
    }
    for note in &notes {
        context.notes.add(&input.name, note);
    }
    judged.changed = judged.named != input.schema || judged.read != judged.named;
    Ok(judged)
}

/// A reader has met a column behind the rows that were looked at: all are looked at, and judged with what else they have.
/// Pieces of one input are read apart, and must have the same columns.
pub async fn unsampled(case: Case<'_>, whole: bool) -> Result<()> {
    let Case { plan, input, context, .. } = case;
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    look_whole(source, input, context).await?;
    if whole {
        return Ok(());
    }
    let found = look(source, input, context).await?.found;
    let added = names::matched(&input.schema, &found.fields).added;
    let words: Vec<String> = added
        .iter()
        .map(|field| format!("column '{}' is new, and was seen only while pieces of the input were read", field.name))
        .collect();
    Err(stopped(case, Change::of(input, &found, &[]), &words).await)
}

/// What the source calls a known column now; its known name, where it is gone.
pub async fn name_now(source: &Source, input: &Input, column: &str, context: &Context) -> Result<String> {
    let seen = look(source, input, context).await?;
    let matched = names::matched(&input.schema, &seen.found.fields);
    let mut pairs = matched.pairs.iter().filter(|(field, _)| field.name == column);
    Ok(pairs.find_map(|(_, here)| here.map(|here| here.name.clone())).unwrap_or_else(|| column.to_owned()))
}

/// The error of a source that a run cannot go on with, with the plan that would fit it and whatever else has drifted.
async fn stopped(case: Case<'_>, change: Change, breaking: &[String]) -> Error {
    let Case { plan, input, context, .. } = case;
    let error =
        Error::new(Kind::Conflict, format!("the source has changed: {}", breaking.join("; "))).in_table(&input.name);
    let mut changes = vec![change];
    changes.extend(propose::others(case).await);
    match propose::write(plan, &changes, context) {
        Some(proposal) => error.hint(format!(
            "Nothing was loaded. A plan that fits is proposed in {}: {}. Review it (`windvane diff`), and put it in the place of \
             the plan file beside the spec (or make one with `windvane plan SPEC`); or mend the source",
            proposal.place,
            proposal.changes.join("; ")
        )),
        None => error.hint(
            "Nothing was loaded. Mend the source; or change the spec, run `windvane plan SPEC`, review the new plan with \
             `windvane diff`, and commit it",
        ),
    }
}
