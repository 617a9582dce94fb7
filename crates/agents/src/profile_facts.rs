//! What the figures of a dataset show beyond doubt: keys, and texts that are days or times.

use crate::name_similarity::singular;
use crate::proposed_change::Change;
use crate::question::Loaded;
use windvane_core::schema::DataType;
use windvane_core::spec::check::Check;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Parse, Step};
use windvane_know::profile::semantic::{is_identifier_name, words as name_words};
use windvane_know::profile::{ColumnProfile, Profile};

/// A profile of fewer rows proves no habit.
const ENOUGH_ROWS: u64 = 10;

pub(super) type Found = Vec<(Change, f64, Vec<String>)>;

/// Keys are unique and present.
pub(super) fn keys(loaded: &Loaded<'_>, found: &mut Found) {
    let declared = &loaded.dataset.found.primary_key;
    let soften = |confidence: f64| if loaded.joined { confidence.min(0.7) } else { confidence };
    let mut key = declared.clone();
    if !declared.is_empty() {
        let why = vec![format!("The source declares the primary key {}.", declared.join(", "))];
        found.push((Change::Check(Check::Unique(Columns(declared.clone()))), soften(0.98), why.clone()));
        found.push((Change::Check(Check::NotNull(Columns(declared.clone()))), 0.98, why));
    } else if let Some(profile) = loaded.profile.filter(|profile| profile.rows >= ENOUGH_ROWS) {
        let sure = if profile.exact { 0.9 } else { 0.6 };
        if let Some(column) = own_key(loaded, profile) {
            key = vec![column.name.clone()];
            let repeated = profile.rows - column.nulls - column.distinct;
            let why = vec![format!(
                "All {} rows were looked at: {} repeats in {repeated} of them.",
                profile.rows, column.name
            )];
            let unique = repeated == 0 && column.distinct_exact && column.nulls == 0;
            found.push((
                Change::Check(Check::Unique(Columns(key.clone()))),
                soften(if unique { sure } else { 0.7 }),
                why,
            ));
        }
    }
    let Some(profile) = loaded.profile.filter(|profile| profile.exact && profile.rows >= ENOUGH_ROWS) else { return };
    let never_null: Vec<String> = profile
        .columns
        .iter()
        .filter(|column| column.nulls == 0 && is_identifier_name(&column.name) && !declared.contains(&column.name))
        .map(|column| column.name.clone())
        .collect();
    if !never_null.is_empty() {
        let why = vec![format!("None of the {} rows has a null in {}.", profile.rows, never_null.join(", "))];
        let sure = if never_null == key { 0.9 } else { 0.85 };
        found.push((Change::Check(Check::NotNull(Columns(never_null))), sure, why));
    }
}

/// The column that looks like the dataset's own key: named so, and (almost) never repeated.
fn own_key<'a>(loaded: &Loaded<'_>, profile: &'a Profile) -> Option<&'a ColumnProfile> {
    let noun = loaded.noun();
    let own = |column: &ColumnProfile| {
        let parts = name_words(&column.name);
        let about = parts.len() == 1 || parts.iter().any(|word| singular(word) == noun);
        about
            && parts
                .last()
                .is_some_and(|last| ["id", "key", "uuid", "guid", "number", "no", "nr"].contains(&last.as_str()))
            || column.name.to_lowercase() == format!("{noun}id")
    };
    // Two repetitions in a hundred are a mistake in a key, not a sign that it is none.
    let nearly = |column: &ColumnProfile| {
        let present = profile.rows.saturating_sub(column.nulls);
        present > 0
            && column.distinct_exact
            && column.distinct * 100 >= present * 98
            && column.nulls * 100 <= profile.rows * 2
    };
    profile.columns.iter().find(|column| own(column) && nearly(column))
}

/// Text that is dates in another format becomes dates.
pub(super) fn dates(loaded: &Loaded<'_>, profile: &Profile, readings: &[Parse], untouched: bool, found: &mut Found) {
    for column in &profile.columns {
        if column.data_type != DataType::Text || loaded.mentions(&column.name) {
            continue;
        }
        let told = |parse: &&Parse| parse.formats != column.date_formats || column.semantic_confidence < 1.0;
        let known = readings.iter().find(|parse| parse.columns.contains(&column.name));
        if let Some(parse) = known.filter(told) {
            let why =
                vec![format!("Loaded as {} before; its values read as {}.", parse.to, parse.formats.join(" or "))];
            found.push((Change::Step(Step::Parse(parse.clone())), 0.95, why));
            continue;
        }
        if column.date_formats.is_empty() {
            continue;
        }
        let to = match column.semantic_type.as_deref() {
            Some("date_text") => DataType::Date,
            Some("timestamp_text") => DataType::Timestamp,
            Some("time_text") => DataType::Time,
            _ => continue,
        };
        let share = column.semantic_confidence;
        // A value that no format fits would send its row to quarantine, and nobody asked for that.
        let sure = if share >= 1.0 && !untouched { 0.9 } else { 0.75 };
        let why = vec![format!(
            "{:.1} % of the different values read as {}; no other order of day and month fits.",
            share * 100.0,
            column.date_formats.join(" or ")
        )];
        let parse = Parse { columns: vec![column.name.clone()], to, formats: column.date_formats.clone() };
        found.push((Change::Step(Step::Parse(parse)), if profile.exact { sure } else { sure - 0.05 }, why));
    }
}
