//! What the guards say of a source that is not as planned: another format, no rows, none of the columns, columns that some
//! files lack.

use super::case::Case;
use super::format::{self, look, look_whole};
use super::judged::Judged;
use super::needs::needs;
use std::collections::BTreeMap;
use windvane_connectors::{Connection, Found, FoundKind};
use windvane_core::error::{Error, Result};
use windvane_core::guard::{Finding, Guard, Limits};

/// A file that is not as planned: refused unless the run lets it pass.
pub(super) fn strange(case: Case<'_>, saw: String) -> Result<()> {
    if !Limits::of(&case.output.guard).format {
        case.context.notes.add(&case.input.name, &saw);
        return Ok(());
    }
    let way = "Nothing was loaded. Look at what the source delivers; `windvane plan SPEC` plans for what is there now";
    case.context.allow.judge(&case.output.name, Some(Finding::new(Guard::Format, saw, way)))
}

/// A window without rows is legal, so no guard counts them: that the source has none at all is said, and a file without a
/// single word of JSON is not the planned one without rows.
pub(super) async fn blank(case: Case<'_>, found: &Found) -> Result<()> {
    let Case { plan, output, input, context } = case;
    let none = found.rows == Some(0) && found.rows_exact && found.kind.is_text();
    if output.incremental.is_none() || output.from != input.name || !none {
        return Ok(());
    }
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    let words = found.kind == FoundKind::Csv
        || !Connection::open_source(source, context)?.blank(&input.locator, input.kind).await?;
    if !words {
        return strange(case, "the file is not written as planned: it is empty, it has no rows".to_owned());
    }
    context.notes.add(&input.name, "the source has no rows at all");
    Ok(())
}

/// Of what was known nothing is there.
pub(super) fn none_left(case: Case<'_>, mut judged: Judged, found: &Found) -> Result<Judged> {
    let Case { input, output, context, .. } = case;
    let now: Vec<&str> = found.fields.names().take(10).collect();
    let is_row = input.kind == FoundKind::Csv && format::header_is_a_row(&input.schema, &found.fields);
    let nameless = judged.format.as_ref().is_some_and(|format| format.header_rows == 0);
    if is_row || nameless && found.fields.fields.len() == input.schema.fields.len() {
        if is_row && !nameless {
            strange(
                case,
                format!(
                    "the file is not written as planned: its header is missing, the first line holds values: {}",
                    now.join(", ")
                ),
            )?;
        }
        // Let pass: the columns stand in the planned order.
        if let Some(format) = &mut judged.format {
            format.header_rows = 0;
        }
        for (at, field) in judged.read.fields.iter_mut().enumerate() {
            field.name = format!("column_{}", at + 1);
        }
        judged.changed = true;
        return Ok(judged);
    }
    if found.fields.fields.is_empty() && input.kind == FoundKind::Csv {
        // The empty file has been judged.
        return Ok(judged);
    }
    let has = if now.is_empty() { "its objects are empty".to_owned() } else { format!("it has: {}", now.join(", ")) };
    let saw = format!("the source has none of the {} known columns; {has}", input.schema.fields.len());
    if Limits::of(&output.guard).lost_columns {
        let way =
            "Nothing was loaded. Look at what the source delivers; `windvane plan SPEC` plans for what is there now";
        context.allow.judge(&output.name, Some(Finding::new(Guard::LostColumns, saw, way)))?;
    } else {
        context.notes.add(&input.name, &saw);
    }
    Ok(judged)
}

/// Members of JSON may be absent. One that every file had and that a whole file has lost is no optional one: its rows would
/// put nulls in the place of values.
pub(super) async fn members(case: Case<'_>, found: &Found) -> Result<()> {
    let Case { plan, output, input, context } = case;
    let passes = output.mode.adds() || output.incremental.is_some() || output.guard.emptied_columns == Some(false);
    if found.kind != FoundKind::Jsonl || passes || lost(case, found).is_empty() {
        return Ok(());
    }
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    if context.full_scans.found(&input.source, &input.locator).is_none() {
        look_whole(source, input, context).await?;
    }
    let words = lost(case, &look(source, input, context).await?.found);
    let way = "Nothing was loaded. Look whether the file gives it under another name; `windvane plan SPEC` plans for what is there now";
    let finding = (!words.is_empty()).then(|| {
        Finding::new(Guard::EmptiedColumns, format!("{}, and its rows would get nulls", words.join("; ")), way)
    });
    context.allow.judge(&output.name, finding)
}

/// Columns that a file has lost, where others still have them: its rows would get nulls.
pub(super) fn lacking(case: Case<'_>, found: &Found) -> Vec<String> {
    if found.kind == FoundKind::Jsonl { Vec::new() } else { lost(case, found) }
}

fn lost(case: Case<'_>, found: &Found) -> Vec<String> {
    let Case { plan, output, input, .. } = case;
    let lost = |(name, _): &(&String, &String)| {
        input.schema.field(name).is_some() && !input.partial.contains(name) && needs(plan, output, input, name)
    };
    let mut files: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for (name, file) in found.partial.iter().filter(lost) {
        files.entry(file).or_default().push(name);
    }
    files.iter().map(|(file, names)| format!("the file '{file}' lacks '{}'", names.join("', '"))).collect()
}
