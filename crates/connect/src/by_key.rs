//! Loads by key: what they need, and rows that no key tells apart.

use crate::{LoadRequest, RefusedRow};
use std::collections::HashSet;
use std::fmt::Display;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Field};
use windvane_core::spec::target::{Mode, OnDuplicate};

pub const FROM: &str = "valid_from";
pub const TO: &str = "valid_to";
pub const CURRENT: &str = "is_current";

/// The columns of a history behind ours.
pub fn versions() -> [Field; 3] {
    [
        Field::new(FROM, DataType::TimestampTz),
        Field::new(TO, DataType::TimestampTz),
        Field::new(CURRENT, DataType::Boolean),
    ]
}

pub fn no_history(table: impl Display, lacking: &Field) -> Error {
    Error::new(Kind::Conflict, format!("'{table}' is no history: it lacks the column '{}'", lacking.name))
        .hint("Choose another name for the output, or add valid_from, valid_to and is_current to the table")
}

/// `same`: whether the database takes two names for one.
pub fn check(request: &LoadRequest, same: impl Fn(&str, &str) -> bool) -> Result<()> {
    if !request.mode.by_key() {
        return Ok(());
    }
    if request.key.is_empty() {
        return Err(Error::spec("a load by key needs to know the key").hint("Name the columns of `key` in the output"));
    }
    for key in &request.key {
        if request.schema.field(key).is_none() {
            return Err(Error::spec(format!("the key column '{key}' is not among the columns"))
                .hint("Name columns of the output in `key`"));
        }
    }
    let own = request.schema.names().find(|name| [FROM, TO, CURRENT].iter().any(|own| same(own, name)));
    match own.filter(|_| request.mode == Mode::History) {
        Some(own) => Err(Error::spec(format!("'{own}' is a column of every history")).hint("Rename yours in a step")),
        None => Ok(()),
    }
}

/// Rows that no key tells apart: without one (by the key's columns), or with the key of another row that is taken.
pub fn unusable(request: &LoadRequest, without: Vec<Vec<u64>>, again: Vec<u64>) -> Result<Vec<RefusedRow>> {
    let key = &request.key;
    let mut refused = Vec::new();
    let mut seen = HashSet::new();
    for (column, places) in key.iter().zip(without) {
        // Of several nulls in one key, the first is told.
        refused.extend(places.into_iter().filter(|at| seen.insert(*at)).map(|at| RefusedRow {
            at,
            column: Some(column.clone()),
            reason: format!("the key column '{column}' is null"),
            superseded: false,
        }));
    }
    if let (OnDuplicate::Fail, Some(first)) = (request.duplicates.choice, again.first()) {
        return Err(twice(&key.join(", ")).in_row(first + 1));
    }
    let column = key.first().filter(|_| key.len() == 1);
    let (reason, superseded) = given_way(request.duplicates.choice, &key.join(", "));
    refused.extend(again.into_iter().map(|at| RefusedRow {
        at,
        column: column.cloned(),
        reason: reason.clone(),
        superseded,
    }));
    Ok(refused)
}

/// Why a row is not taken whose key (`shown`) another row has, and whether that is as it was wanted.
pub fn given_way(choice: OnDuplicate, shown: &str) -> (String, bool) {
    match choice {
        OnDuplicate::Last => (format!("a later row of the load has the same key ({shown})"), true),
        OnDuplicate::First => (format!("an earlier row of the load has the same key ({shown})"), true),
        OnDuplicate::Quarantine | OnDuplicate::Fail => {
            (format!("an earlier row of the load has the same key ({shown})"), false)
        }
    }
}

/// The error where no key may come twice.
pub fn twice(shown: &str) -> Error {
    Error::data(format!("an earlier row of the load has the same key ({shown}): nothing was loaded"))
        .hint("Deduplicate the rows in a step, or say which one is taken: datasets.<name>.on_duplicate: first or last")
}

/// In which order the rows of one key stand, so that the first one is the one that is taken: SQL of servers for which
/// nulls are smaller than all values. `sorted` puts the values of a column in their order; `at` is the row's place in the load.
pub fn order(request: &LoadRequest, sorted: impl Fn(&Field) -> Vec<SortKey>, at: &str) -> String {
    let column = request.duplicates.column.as_ref().and_then(|column| request.schema.field(column));
    let keys = |last: bool| {
        let keys = column.map(&sorted).unwrap_or_default().into_iter().chain([SortKey::rising(at.to_owned())]);
        let keys = keys.map(|SortKey { sql, falls }| if falls == last { sql } else { format!("{sql} DESC") });
        keys.collect::<Vec<_>>().join(", ")
    };
    match request.duplicates.choice {
        OnDuplicate::Last => keys(true),
        OnDuplicate::First => keys(false),
        OnDuplicate::Quarantine | OnDuplicate::Fail => at.to_owned(),
    }
}

/// What rises with the values of a column, or falls while they rise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    sql: String,
    falls: bool,
}

impl SortKey {
    pub fn rising(sql: String) -> Self {
        Self { sql, falls: false }
    }

    pub fn falling(sql: String) -> Self {
        Self { sql, falls: true }
    }
}
