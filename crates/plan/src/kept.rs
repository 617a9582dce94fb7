//! What a table that is made at the target takes over from the source's table: facts beside the columns' types.
//!
//! A property is kept as long as no row that comes can break it: of columns that steps have computed nothing is, and of a
//! key nothing unless all its columns are loaded as they are. What is not kept is said, with the reason.

use super::case::{Case, is_short, nulled, words};
use super::indexed::{counters, indexes};
use windvane_core::schema::DataType;
use windvane_core::schema::declared::{Declared, Facts, Made};
use windvane_core::schema::sql::Dialect;
use windvane_core::spec::keep::Keeps;
use windvane_core::spec::target::Mode;

/// Longer texts are declared without a length in MySQL: a row of it holds 65,535 bytes, a key 3,072.
const MYSQL_LETTERS: u32 = 768;
const MYSQL_ROW: u32 = 12_000;

pub(super) fn kept(case: &Case<'_>) -> Option<Declared> {
    let words = words(case.target)?;
    let mut left_out = Vec::new();
    let mut room = MYSQL_ROW;
    let mut columns = Vec::new();
    for (field, origin) in case.schema.fields.iter().zip(&case.lineage.columns) {
        let known = origin.as_ref().and_then(|origin| Some((case.found.column(&origin.column)?, origin.same)));
        let Some((known, same)) = known else { continue };
        let facts = Facts::new(&field.name, field.data_type);
        let comment = known.comment.clone().filter(|_| case.keep.comments != Some(false));
        let mut facts = Facts { comment, ..facts };
        if same {
            values(case, known, &mut facts, words, &mut room, field.nullable);
        }
        told(known, &facts, same, case.keep, &mut left_out);
        if !facts.is_empty() {
            columns.push(facts);
        }
    }
    let primary_key = key(case, &columns, words, &mut left_out);
    for name in &primary_key {
        let required = words != Dialect::Sqlite;
        if let Some(column) = columns.iter_mut().find(|column| column.name == *name) {
            column.required |= required;
        } else {
            // Nothing else is known of it.
            let data_type = case.schema.field(name).map_or(DataType::Text, |field| field.data_type);
            columns.push(Facts { required, ..Facts::new(name, data_type) });
        }
    }
    counters(case, &mut columns, &primary_key, &mut left_out);
    let indexes = indexes(case, &columns, words, &mut left_out);
    let comment = case.found.comment.clone().filter(|_| case.keep.comments != Some(false));
    let kept = Declared { columns, primary_key, indexes, comment, left_out, ..Declared::nothing(words) };
    (!kept.is_empty()).then_some(kept)
}

/// What holds of the source's own values.
fn values(case: &Case<'_>, known: &Facts, facts: &mut Facts, words: Dialect, room: &mut u32, nullable: bool) {
    let one_kind = case.found.words == words;
    let keep = case.keep;
    let carried = case.carried.contains(&known.name);
    if carried || keep.types != Some(false) && known.data_type == facts.data_type {
        if one_kind {
            // A number of more digits than a decimal of ours has travels as text too.
            let longer = known.native.as_deref().is_some_and(|native| native.starts_with("numeric"));
            facts.carried = carried || facts.data_type == DataType::Text && longer && words == Dialect::Postgres;
            facts.native.clone_from(&known.native);
        } else if let Some(letters) = known.letters.filter(|letters| fits(*letters, words, room)) {
            facts.native = Some(format!("varchar({letters})"));
        }
        facts.letters = known.letters.filter(|_| facts.native.is_some());
    }
    facts.required = known.required && !nullable && keep.not_null != Some(false);
    if one_kind && keep.defaults != Some(false) && known.made.is_none() {
        // A default of another type is none.
        facts.default = known.default.clone().filter(|_| facts.native.is_some());
    }
}

fn fits(letters: u32, words: Dialect, room: &mut u32) -> bool {
    match words {
        Dialect::Postgres | Dialect::Sqlite => true,
        Dialect::Mysql => match room.checked_sub(letters).filter(|_| letters <= MYSQL_LETTERS) {
            Some(rest) => {
                *room = rest;
                true
            }
            None => false,
        },
    }
}

/// What people would look for and not find.
fn told(known: &Facts, facts: &Facts, same: bool, keep: Keeps, left_out: &mut Vec<String>) {
    let name = &facts.name;
    if !same {
        let mut lost = Vec::new();
        lost.extend((known.required && keep.not_null != Some(false)).then_some("NOT NULL"));
        lost.extend((known.letters.is_some() && keep.types != Some(false)).then_some("the length"));
        lost.extend(
            ((known.default.is_some() || known.bound_default.is_some()) && keep.defaults != Some(false))
                .then_some("the default"),
        );
        if !lost.is_empty() {
            left_out.push(format!("{} of '{name}': steps compute its values", lost.join(", ")));
        }
        return;
    }
    if known.required && !facts.required && keep.not_null != Some(false) {
        left_out.push(format!("NOT NULL of '{name}': the steps may make it null"));
    }
    match known.made {
        Some(Made::Computed) => {
            left_out.push(format!("the expression of '{name}': its values are loaded as they were computed"));
        }
        Some(Made::Counted) | None => {}
    }
    if let Some(default) = known.bound_default.as_ref().filter(|_| keep.defaults != Some(false)) {
        left_out.push(format!("the default of '{name}', {default}: it names what only the source's database has"));
    }
}

/// The source's key by the names at the target, where rows cannot break it.
fn key(case: &Case<'_>, columns: &[Facts], words: Dialect, left_out: &mut Vec<String>) -> Vec<String> {
    let key = &case.found.primary_key;
    if key.is_empty() || case.keep.key == Some(false) {
        return Vec::new();
    }
    let mut leave = |why: String| {
        left_out.push(format!("the primary key ({}): {why}", key.join(", ")));
        Vec::new()
    };
    match case.mode {
        Mode::Replace => {}
        Mode::Append => return leave("runs that append may bring a row again".to_owned()),
        // These have a key of their own.
        Mode::Merge | Mode::History => return Vec::new(),
    }
    if !case.lineage.single {
        return leave("the steps make several rows of one, or one of several".to_owned());
    }
    let mut names = Vec::new();
    for column in key {
        let at = case.lineage.columns.iter().zip(&case.schema.fields).find(|(origin, field)| {
            origin.as_ref().is_some_and(|origin| origin.column == *column && origin.same)
                && !nulled(case, column, field)
        });
        let Some((_, field)) = at else {
            return leave(format!("'{column}' is not loaded as it is"));
        };
        let known = columns.iter().find(|facts| facts.name == field.name);
        let long = matches!(field.data_type, DataType::Text | DataType::Binary | DataType::Json);
        let short = known.is_some_and(|facts| facts.native.as_deref().is_some_and(is_short));
        if words == Dialect::Mysql && long && !short {
            return leave(format!("MySQL's keys do not hold '{column}' whole"));
        }
        names.push(field.name.clone());
    }
    names
}
