//! The columns that a source has beside those that were planned.

use super::case::Case;
use super::inferred_types;
use super::judged::Judged;
use super::names::{self, Matched};
use super::needs::needs;
use std::collections::BTreeMap;
use windvane_agents::mapper::Mapping;
use windvane_connectors::{Found, FoundKind};
use windvane_core::faults;
use windvane_core::schema::diff::reshaped;
use windvane_core::schema::widen::{holds, widened};
use windvane_core::schema::{DataType, Field, epoch, name_match};
use windvane_core::spec::drift::Policy;
use windvane_plan::own_text;

/// What has been compared so far.
pub(super) struct Comparison<'a> {
    case: Case<'a>,
    found: &'a Found,
    /// Types that first casts ask the source for.
    asked: BTreeMap<String, DataType>,
    pub(super) judged: Judged,
    /// What people should know.
    pub(super) notes: Vec<String>,
    /// What stops the run.
    pub(super) breaking: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(case: Case<'a>, found: &'a Found, mut judged: Judged, breaking: Vec<String>) -> Self {
        judged.read.fields.clear();
        judged.named.fields.clear();
        let asked = own_text::asked(case.plan, case.input);
        Self { case, found, asked, judged, notes: Vec::new(), breaking }
    }

    /// A planned column, and what the source has of it.
    pub(super) fn column(&mut self, field: &Field, here: Option<&Field>) {
        let Some(here) = here else { return self.judged.push(field.clone(), &field.name) };
        if here.name != field.name {
            self.notes.push(format!("column '{}' is written '{}' at the source now", field.name, here.name));
        }
        if here.is_void() {
            return self.judged.push(field.clone(), &here.name);
        }
        // Read as a first cast or the server's own text wants it: its type is none of ours, and is what it was.
        let declared_alike = field.native_type.is_some() && epoch::declared(field) == epoch::declared(here);
        let as_asked = field.data_type == DataType::Text || self.asked.get(&field.name) == Some(&field.data_type);
        let as_it_was = declared_alike && (as_asked || inferred_types::is_default(self.case, field, here));
        let mut known = field.clone();
        known.native_type = epoch::kept(field, here).filter(|_| declared_alike).or(known.native_type);
        let is_text = self.found.kind.is_text();
        if !is_text && here.data_type != field.data_type && !as_it_was {
            // What a source says of its values, without declaring it.
            let told = declared_alike && inferred_types::by_values(self.case, here);
            if told && let Some(wider) = inferred_types::wider(self.case, field, here.data_type) {
                if wider != field.data_type {
                    self.notes.push(format!("column '{}' was {} and needs {wider}", field.name, field.data_type));
                }
                known.data_type = self.evolved(field, wider);
                return self.judged.push(known, &here.name);
            }
            known.data_type = self.retyped(field, here);
        }
        if let Some((before, now)) = reshaped(field, here) {
            self.breaking.push(format!("column '{}' was {before} and is {now}", field.name));
        }
        if !is_text && here.nullable && !field.nullable {
            self.notes.push(format!("column '{}' may be null now", field.name));
        }
        self.judged.push(known, &here.name);
    }

    /// The type in which a column is read that has another one at the source now.
    fn retyped(&mut self, field: &Field, here: &Field) -> DataType {
        let words = format!("column '{}' was {} and is {}", field.name, field.data_type, here.data_type);
        if holds(field.data_type, here.data_type) && told_by_content(self.found, here.data_type) {
            // Narrower than planned, as the values of this file are: each still fits.
            self.notes.push(words);
        } else if let Some(wider) = widened(field.data_type, here.data_type) {
            self.notes.push(words);
            return self.evolved(field, wider);
        } else if !faults::planted("retyped_unseen") {
            self.breaking.push(words);
        }
        field.data_type
    }

    fn evolved(&self, field: &Field, wider: DataType) -> DataType {
        let Case { plan, output, .. } = self.case;
        if plan.drift_of(output).types == Policy::Evolve { wider } else { field.data_type }
    }

    /// Columns that are gone and needed; given back are those that are likely there under another name.
    pub(super) fn gone(&mut self, matched: &Matched<'_>) -> Vec<Mapping> {
        let Case { plan, output, input, .. } = self.case;
        let mut gone = matched.gone();
        let mut renamed = names::renamed(&gone, &matched.added);
        if faults::planted("renames_unseen") {
            renamed.clear();
        }
        // Of JSON, a member that some rows lack is null there: only the end of the rows tells that all do.
        let is_member = |field: &&Field| {
            self.found.kind == FoundKind::Jsonl && !renamed.iter().any(|mapping| mapping.target == field.name)
        };
        gone.retain(|field| needs(plan, output, input, &field.name));
        let (members, used): (Vec<&Field>, Vec<&Field>) = gone.into_iter().partition(is_member);
        self.judged.unseen = members.into_iter().cloned().collect();
        for field in used.iter().filter(|_| !faults::planted("gone_unseen")) {
            let likely = renamed.iter().find(|mapping| mapping.target == field.name);
            let perhaps = likely.map_or_else(String::new, |mapping| {
                format!(", and '{}' is new, which is likely the same ({:.2})", mapping.source, mapping.confidence)
            });
            self.breaking.push(format!("column '{}' ({}) is gone{perhaps}", field.name, field.data_type));
        }
        renamed.retain(|one| used.iter().any(|field| field.name == one.target));
        renamed
    }

    pub(super) fn key(&mut self) {
        if key_changed(self.case, self.found) {
            let list = |key: &[String]| if key.is_empty() { "none".to_owned() } else { key.join(", ") };
            self.breaking.push(format!(
                "the primary key was ({}) and is ({})",
                list(&self.case.input.primary_key),
                list(&self.found.primary_key)
            ));
        }
    }

    /// A column that the plan does not know.
    pub(super) fn fresh(&mut self, field: &Field) {
        let fresh = added(field, self.found);
        self.notes.push(format!("column '{}' ({}) is new", field.name, fresh.data_type));
        let Case { plan, output, .. } = self.case;
        match plan.drift_of(output).columns {
            Policy::Evolve if faults::planted("drops_new_columns") => {}
            Policy::Evolve => self.judged.push(fresh, &field.name),
            Policy::Quarantine => {
                self.judged.refused.push(field.name.clone());
                self.judged.push(fresh, &field.name);
            }
            Policy::Freeze | Policy::Fail => {}
        }
    }
}

/// Whether a type says no more than which values a file holds: writers of Parquet call a column of floats whole numbers when no
/// value is missing. A narrower type of a table, or one that holds less, was somebody's decision.
fn told_by_content(found: &Found, now: DataType) -> bool {
    found.kind == FoundKind::Parquet && matches!(now, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// Whether rows are told apart by the source's own key, and it is another one now.
pub(super) fn key_changed(case: Case<'_>, found: &Found) -> bool {
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
    names.iter().map(|name| name_match::normalized(name)).collect()
}

/// A new column. A type that was inferred from a part of the source may not hold for the rest.
pub(super) fn added(field: &Field, found: &Found) -> Field {
    let sampled = found.kind.is_text() && !found.rows_exact;
    let data_type = if sampled { DataType::Text } else { field.data_type };
    Field { data_type, nullable: true, ..field.clone() }
}
