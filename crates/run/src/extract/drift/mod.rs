//! What a changed source does to a run: judged before a row is read, against the plan (or, without a plan file, against what
//! the last run that was well has read; see `recall`).
//!
//! Columns are matched by name, also where a name is only written otherwise. What is new follows the policy; a type that
//! holds more follows it too. What breaks (a column that is gone or of another kind of type, another key) stops the run
//! under every policy: an absent column never becomes nulls over values. A plan that fits is proposed beside the old one.

mod format;
mod names;
pub mod outgrown;
mod propose;
pub mod recall;
pub mod silent;
mod told;

pub use format::{Seen, look, look_whole};

use propose::Change;
use std::collections::BTreeMap;
use windvane_connectors::shown::Shown;
use windvane_connectors::{Connection, Context, Found, FoundKind, TextFormat};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::guard::{Finding, Guard, Limits};
use windvane_core::schema::diff::reshaped;
use windvane_core::schema::widen::{holds, widened};
use windvane_core::schema::{DataType, Field, Schema, alike, epoch};
use windvane_core::spec::drift::{Drift, Policy};
use windvane_core::spec::source::Source;
use windvane_core::spec::step::Step;
use windvane_engine::step;
use windvane_plan::{Input, Output, Plan, own_text};

/// What to read, given what the source has now.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The columns by the source's names.
    pub read: Schema,
    /// The same columns by the plan's names.
    pub named: Schema,
    /// Columns that are read only to find rows that hold a value in them: those rows go to quarantine.
    pub refused: Vec<String>,
    pub format: Option<TextFormat>,
    /// Members of JSON that a look at the source has not shown.
    pub unseen: Vec<Field>,
    /// All that the look at the source has shown.
    pub shown: Shown,
    /// What is read at all: of a plan's type, or of the source's where it may not be kept.
    pub changed: bool,
}

impl Judged {
    /// The columns of the rows that may go on.
    pub fn kept(&self) -> Schema {
        Schema::new(self.named.fields.iter().filter(|field| !self.refused.contains(&field.name)).cloned().collect())
    }

    /// What the source calls a column of the plan.
    pub fn at_source(&self, name: &str) -> String {
        let at = self.named.fields.iter().position(|field| field.name == name);
        at.and_then(|at| self.read.fields.get(at)).map_or_else(|| name.to_owned(), |field| field.name.clone())
    }

    /// Watches the members that were not seen.
    pub fn silent(&self, case: Case<'_>) -> Option<silent::Silent> {
        let place = |field: &Field| self.kept().fields.iter().position(|kept| kept.name == field.name);
        let columns = self.unseen.iter().filter_map(|field| Some((place(field)?, field.clone()))).collect();
        silent::Silent::of(case, columns)
    }

    fn push(&mut self, known: Field, at_source: &str) {
        self.read.fields.push(Field { name: at_source.to_owned(), ..known.clone() });
        self.named.fields.push(known);
    }
}

/// For whom the source is judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub plan: &'a Plan,
    pub output: &'a Output,
    pub input: &'a Input,
    pub context: &'a Context,
}

/// Judges the source as it is now.
#[expect(clippy::too_many_lines, reason = "one judgement after the other, in their order")]
pub async fn judge(case: Case<'_>, seen: Seen) -> Result<Judged> {
    let Case { plan, output, input, context } = case;
    let Drift { columns, types } = plan.drift_of(output);
    let mut judged = Judged {
        read: input.schema.clone(),
        named: input.schema.clone(),
        refused: Vec::new(),
        format: input.format.clone(),
        unseen: Vec::new(),
        shown: Shown::default(),
        changed: false,
    };
    let found = match seen.strange {
        None => seen.found,
        Some((what, now)) => {
            strange(case, format!("the file is not written as planned: {what}"))?;
            judged.format.clone_from(&now.format);
            now
        }
    };
    blank(case, &found).await?;
    let sampled = found.kind == FoundKind::Jsonl && context.looked.found(&input.source, &input.locator).is_none();
    judged.shown = Shown::new(found.fields.names().chain(input.schema.names()), sampled);
    members(case, &found).await?;
    let lacking = lacking(case, &found);
    let same = found.shape().fingerprint() == input.fingerprint && !key_changed(case, &found);
    if same && lacking.is_empty() {
        return Ok(judged);
    }
    let matched = names::matched(&input.schema, &found.fields);
    let mut gone: Vec<&Field> =
        matched.pairs.iter().filter(|(_, found)| found.is_none()).map(|(field, _)| *field).collect();
    // A dataset of JSON without rows has no columns, and is none the worse.
    let empty = found.fields.fields.is_empty() && found.rows.is_none_or(|rows| rows == 0);
    if gone.len() == input.schema.fields.len() && !(empty && input.kind != FoundKind::Csv) {
        return none_left(case, judged, &found);
    }
    judged.read.fields.clear();
    judged.named.fields.clear();
    let mut notes = Vec::new();
    let mut breaking = lacking;
    let asked = own_text::asked(plan, input);
    for (field, here) in &matched.pairs {
        let Some(here) = here else {
            judged.push((*field).clone(), &field.name);
            continue;
        };
        if here.name != field.name {
            notes.push(format!("column '{}' is written '{}' at the source now", field.name, here.name));
        }
        let mut known = (*field).clone();
        if here.is_void() {
            judged.push(known, &here.name);
            continue;
        }
        // Read as a first cast or the server's own text wants it: its type is none of ours, and is what it was.
        let declared_alike = field.native_type.is_some() && epoch::declared(field) == epoch::declared(here);
        let as_asked = field.data_type == DataType::Text || asked.get(&field.name) == Some(&field.data_type);
        let as_it_was = declared_alike && (as_asked || told::is_default(case, field, here));
        known.native_type = epoch::kept(field, here).filter(|_| declared_alike).or(known.native_type);
        if !found.kind.is_text() && here.data_type != field.data_type && !as_it_was {
            // What a source says of its values, without declaring it.
            let told = declared_alike && told::by_values(case, here);
            if told && let Some(wider) = told::wider(case, field, here.data_type) {
                if wider != field.data_type {
                    notes.push(format!("column '{}' was {} and needs {wider}", field.name, field.data_type));
                }
                if types == Policy::Evolve {
                    known.data_type = wider;
                }
                judged.push(known, &here.name);
                continue;
            }
            let words = format!("column '{}' was {} and is {}", field.name, field.data_type, here.data_type);
            if holds(field.data_type, here.data_type) && told_by_content(&found, here.data_type) {
                // Narrower than planned, as the values of this file are: each still fits.
                notes.push(words);
            } else if let Some(wider) = widened(field.data_type, here.data_type) {
                if types == Policy::Evolve {
                    known.data_type = wider;
                }
                notes.push(words);
            } else if !faults::planted("retyped_unseen") {
                breaking.push(words);
            }
        }
        if let Some((before, now)) = reshaped(field, here) {
            breaking.push(format!("column '{}' was {before} and is {now}", field.name));
        }
        if !found.kind.is_text() && here.nullable && !field.nullable {
            notes.push(format!("column '{}' may be null now", field.name));
        }
        judged.push(known, &here.name);
    }
    let mut lost_to_others = names::renamed(&gone, &matched.added);
    if faults::planted("renames_unseen") {
        lost_to_others.clear();
    }
    // Of JSON, a member that some rows lack is null there: only the end of the rows tells that all do.
    let is_member = |field: &&Field| {
        found.kind == FoundKind::Jsonl && !lost_to_others.iter().any(|mapping| mapping.target == field.name)
    };
    gone.retain(|field| needs(plan, output, input, &field.name));
    let (members, used): (Vec<&Field>, Vec<&Field>) = gone.into_iter().partition(is_member);
    judged.unseen = members.into_iter().cloned().collect();
    for field in used.iter().filter(|_| !faults::planted("gone_unseen")) {
        let likely = lost_to_others.iter().find(|mapping| mapping.target == field.name);
        let perhaps = likely.map_or_else(String::new, |mapping| {
            format!(", and '{}' is new, which is likely the same ({:.2})", mapping.source, mapping.confidence)
        });
        breaking.push(format!("column '{}' ({}) is gone{perhaps}", field.name, field.data_type));
    }
    if key_changed(case, &found) {
        let list = |key: &[String]| if key.is_empty() { "none".to_owned() } else { key.join(", ") };
        breaking.push(format!(
            "the primary key was ({}) and is ({})",
            list(&input.primary_key),
            list(&found.primary_key)
        ));
    }
    for field in &matched.added {
        let fresh = added(field, &found);
        notes.push(format!("column '{}' ({}) is new", field.name, fresh.data_type));
        match columns {
            Policy::Evolve if faults::planted("drops_new_columns") => {}
            Policy::Evolve => judged.push(fresh, &field.name),
            Policy::Quarantine => {
                judged.refused.push(field.name.clone());
                judged.push(fresh, &field.name);
            }
            Policy::Freeze | Policy::Fail => {}
        }
    }
    if columns == Policy::Fail || types == Policy::Fail {
        breaking.append(&mut notes);
    }
    if !breaking.is_empty() {
        let renamed: Vec<_> =
            lost_to_others.into_iter().filter(|one| used.iter().any(|field| field.name == one.target)).collect();
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
pub async fn unshown(case: Case<'_>, whole: bool) -> Result<()> {
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

/// A file that is not as planned: refused unless the run lets it pass.
fn strange(case: Case<'_>, saw: String) -> Result<()> {
    if !Limits::of(&case.output.guard).format {
        case.context.notes.add(&case.input.name, &saw);
        return Ok(());
    }
    let way = "Nothing was loaded. Look at what the source delivers; `windvane plan SPEC` plans for what is there now";
    case.context.allow.judge(&case.output.name, Some(Finding::new(Guard::Format, saw, way)))
}

/// A window without rows is legal, so no guard counts them: that the source has none at all is said, and a file without a
/// single word of JSON is not the planned one without rows.
async fn blank(case: Case<'_>, found: &Found) -> Result<()> {
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
fn none_left(case: Case<'_>, mut judged: Judged, found: &Found) -> Result<Judged> {
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

/// Whether a type says no more than which values a file holds: writers of Parquet call a column of floats whole numbers when no
/// value is missing. A narrower type of a table, or one that holds less, was somebody's decision.
fn told_by_content(found: &Found, now: DataType) -> bool {
    found.kind == FoundKind::Parquet && matches!(now, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// Whether the output needs this column of the input.
pub(super) fn needs(plan: &Plan, output: &Output, input: &Input, column: &str) -> bool {
    let steps: Vec<Step> = output.steps.iter().map(|planned| planned.step.clone()).collect();
    let schemas: BTreeMap<&str, &Schema> =
        plan.inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let Some(from) = lookup(&output.from) else { return true };
    let Ok(needed) = step::needed(&steps, &from, &lookup) else { return true };
    if output.from == input.name {
        let watched = output.incremental.as_ref().is_some_and(|incremental| incremental.column == column);
        return watched || needed.input.field(column).is_some();
    }
    let referenced = output.checks.iter().any(|planned| {
        let windvane_core::spec::check::Check::References(check) = &planned.check else { return false };
        check.dataset == input.name && check.key.as_ref().unwrap_or(&check.column) == column
    });
    referenced || needed.others.get(&input.name).is_none_or(|columns| columns.contains(column))
}

/// Members of JSON may be absent. One that every file had and that a whole file has lost is no optional one: its rows would
/// put nulls in the place of values.
async fn members(case: Case<'_>, found: &Found) -> Result<()> {
    let Case { plan, output, input, context } = case;
    let passes = output.mode.adds() || output.incremental.is_some() || output.guard.emptied_columns == Some(false);
    if found.kind != FoundKind::Jsonl || passes || lost(case, found).is_empty() {
        return Ok(());
    }
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    if context.looked.found(&input.source, &input.locator).is_none() {
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
fn lacking(case: Case<'_>, found: &Found) -> Vec<String> {
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

/// Whether rows are told apart by the source's own key, and it is another one now.
fn key_changed(case: Case<'_>, found: &Found) -> bool {
    let Case { output, input, .. } = case;
    output.mode.by_key()
        && !faults::planted("rekeyed_unseen")
        && output.from == input.name
        && !input.primary_key.is_empty()
        && output.key == input.primary_key
        && found.primary_key != input.primary_key
        && names_plain(&found.primary_key) != names_plain(&input.primary_key)
}

fn names_plain(names: &[String]) -> Vec<String> {
    names.iter().map(|name| alike::plain(name)).collect()
}

/// A new column. A type that was inferred from a part of the source may not hold for the rest.
fn added(field: &Field, found: &Found) -> Field {
    let sampled = found.kind.is_text() && !found.rows_exact;
    let data_type = if sampled { DataType::Text } else { field.data_type };
    Field { data_type, nullable: true, ..field.clone() }
}
