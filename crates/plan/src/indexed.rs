//! The indexes and the counters of a source's table that a table takes over when it is asked to.

use super::case::{Case, is_short, nulled, words};
use windvane_core::schema::declared::{Facts, Index, Made, Part};
use windvane_core::schema::sql::Dialect;
use windvane_core::schema::{DataType, Field};
use windvane_core::spec::target::Mode;

/// So much of a long text MySQL indexes: 191 letters of four bytes fit its oldest limit.
const MYSQL_LETTERS: &str = "(191)";
/// What it holds of a row in one index: bytes, and columns.
const MYSQL_BYTES: u32 = 3_072;
const MYSQL_PARTS: usize = 16;
/// How parts of an index are sorted, where every server understands it.
const ORDERS: [&str; 4] = ["", " DESC", " DESC NULLS LAST", " NULLS FIRST"];

pub(super) fn indexes(case: &Case<'_>, columns: &[Facts], words: Dialect, left_out: &mut Vec<String>) -> Vec<Index> {
    let all = &case.found.indexes;
    if case.keep.indexes != Some(true) {
        if case.keep.indexes.is_none() && !all.is_empty() {
            let names: Vec<&str> = all.iter().map(|index| index.name.as_str()).collect();
            left_out.push(format!("the indexes ({}): they come with `keep: {{indexes: true}}`", names.join(", ")));
        }
        return Vec::new();
    }
    let mut taken = Vec::new();
    for index in all {
        match take(case, index, columns, words) {
            Ok(mut new) => {
                if let Some(why) = new.unique.then(|| repeats(case, index)).flatten() {
                    left_out.push(format!("UNIQUE of the index '{}', which is there without it: {why}", new.name));
                    new.unique = false;
                }
                taken.push(new);
            }
            Err(why) => left_out.push(format!("the index '{}': {why}", index.name)),
        }
    }
    taken
}

/// Why rows that come could have the same values.
fn repeats(case: &Case<'_>, index: &Index) -> Option<String> {
    match case.mode {
        Mode::Replace => {}
        Mode::Append => return Some("runs that append may bring a row again".to_owned()),
        Mode::Merge => return Some("a row that the source has no more may still be there".to_owned()),
        Mode::History => return Some("a history has several versions of a row".to_owned()),
    }
    if !case.lineage.single {
        return Some("the steps make several rows of one, or one of several".to_owned());
    }
    let mut columns = index.parts.iter().filter_map(|part| part.column.as_ref()).chain(&index.names);
    let blank = |column: &&String| found(case, column).is_some_and(|field| field.data_type == DataType::Text);
    if words(case.target) == Some(Dialect::Mysql)
        && case.found.words != Dialect::Mysql
        && let Some(column) = columns.clone().find(blank)
    {
        return Some(format!("MySQL compares '{column}' without the blanks at its end"));
    }
    let made_null = columns.find(|column| found(case, column).is_some_and(|field| nulled(case, column, field)));
    made_null.map(|column| format!("the steps may make '{column}' null"))
}

/// The column that is loaded as the source's is.
fn found<'a>(case: &Case<'a>, column: &str) -> Option<&'a Field> {
    let mut pairs = case.lineage.columns.iter().zip(&case.schema.fields);
    pairs
        .find(|(origin, _)| origin.as_ref().is_some_and(|origin| origin.column == column && origin.same))
        .map(|pair| pair.1)
}

/// The index by the names and in the words of the target, or why it has none.
fn take(case: &Case<'_>, index: &Index, columns: &[Facts], words: Dialect) -> Result<Index, String> {
    if let Some(why) = &index.bound {
        return Err(why.clone());
    }
    let one_kind = case.found.words == words;
    let simple = index.method.is_none() && index.rest.is_none() && index.parts.iter().all(|part| part.column.is_some());
    if !simple && !one_kind {
        return Err("it is more than columns, in words that only its own kind of server knows".to_owned());
    }
    let lost = |column: &str| format!("'{column}' is not loaded as it is");
    let mut parts = Vec::new();
    for part in &index.parts {
        let Some(column) = &part.column else {
            parts.push(part.clone());
            continue;
        };
        let field = found(case, column).ok_or_else(|| lost(column))?;
        let known = columns.iter().find(|facts| facts.name == field.name);
        let native = known.and_then(|facts| facts.native.as_deref());
        if one_kind && native.is_none() && !(simple && ORDERS.contains(&part.words.as_str())) {
            return Err(format!("'{column}' has another type at the target"));
        }
        parts.push(Part {
            column: Some(field.name.clone()),
            words: how(part, index, (field, native), one_kind, words)?,
        });
    }
    for column in &index.names {
        let field = found(case, column).ok_or_else(|| lost(column))?;
        if field.name != *column {
            return Err(format!("its words name '{column}', which is '{}' at the target", field.name));
        }
    }
    if words == Dialect::Mysql && !one_kind {
        let bytes: u32 = parts.iter().map(|part| bytes(part, columns)).sum();
        if bytes > MYSQL_BYTES || parts.len() > MYSQL_PARTS {
            return Err(format!("MySQL's indexes hold {MYSQL_BYTES} bytes and {MYSQL_PARTS} columns"));
        }
    }
    // Of MySQL they are a table's own, elsewhere one name is one index of the schema.
    let name = match (case.found.words, words) {
        (Dialect::Mysql, Dialect::Postgres | Dialect::Sqlite) => format!("{}_{}", case.table, index.name),
        (Dialect::Mysql, Dialect::Mysql) | (Dialect::Postgres | Dialect::Sqlite, _) => index.name.clone(),
    };
    Ok(Index { name, parts, bound: None, ..index.clone() })
}

/// At most so many of a row.
fn bytes(part: &Part, columns: &[Facts]) -> u32 {
    let known = columns.iter().find(|facts| Some(&facts.name) == part.column.as_ref());
    match known.and_then(|facts| facts.letters) {
        Some(letters) => letters.saturating_mul(4),
        None if part.words.starts_with(MYSQL_LETTERS) => 764,
        None => 30,
    }
}

/// What stands behind a column of an index.
fn how(
    part: &Part,
    index: &Index,
    (field, native): (&Field, Option<&str>),
    one_kind: bool,
    words: Dialect,
) -> Result<String, String> {
    let name = &field.name;
    let order = if part.words.ends_with(" DESC") { " DESC" } else { "" };
    let begins = part.words.starts_with('(');
    if !one_kind {
        if begins && index.unique {
            return Err(format!("it is unique by the beginning of '{name}' alone"));
        }
        if !begins && !ORDERS.contains(&part.words.as_str()) {
            return Err(format!("it compares '{name}' in words that only its own kind of server knows"));
        }
    }
    let plain = if one_kind { part.words.clone() } else { order.to_owned() };
    if words != Dialect::Mysql || index.method.is_some() {
        return Ok(plain);
    }
    if field.data_type == DataType::Json {
        return Err(format!("MySQL does not index '{name}'"));
    }
    let long = matches!(field.data_type, DataType::Text | DataType::Binary) && !native.is_some_and(is_short);
    if !long || one_kind && begins {
        return Ok(plain);
    }
    if index.unique {
        return Err(format!("MySQL's indexes do not hold '{name}' whole"));
    }
    Ok(format!("{MYSQL_LETTERS}{order}"))
}

/// Makes the target count on where the source counts, or says why it does not.
pub(super) fn counters(case: &Case<'_>, columns: &mut [Facts], key: &[String], left_out: &mut Vec<String>) {
    let Some(words) = words(case.target) else { return };
    for known in case.found.columns.iter().filter(|known| known.made == Some(Made::Counted)) {
        let Some(field) = found(case, &known.name) else { continue };
        let name = &field.name;
        let mut leave = |why: &str| left_out.push(format!("the counter of '{name}': {why}"));
        match case.keep.counters {
            Some(true) => {}
            Some(false) => continue,
            None => {
                leave("its values are loaded, new ones are not made up without `keep: {counters: true}`");
                continue;
            }
        }
        let whole = matches!(field.data_type, DataType::Int16 | DataType::Int32 | DataType::Int64);
        let facts = columns.iter_mut().find(|facts| facts.name == *name);
        let native = facts.as_ref().is_some_and(|facts| facts.native.is_some());
        let fits = match words {
            Dialect::Postgres => whole,
            Dialect::Mysql => whole || native && case.found.words == words,
            Dialect::Sqlite => false,
        };
        match facts {
            _ if words == Dialect::Sqlite => leave("SQLite counts an INTEGER PRIMARY KEY, and no other column"),
            Some(_) | None if !fits || field.nullable => leave("its type at the target cannot be counted"),
            Some(_) | None if words == Dialect::Mysql && key.first() != Some(name) => {
                leave("MySQL counts the first column of the primary key only");
            }
            Some(facts) => {
                (facts.made, facts.required, facts.default) = (Some(Made::Counted), true, None);
            }
            None => leave("nothing is known of the column"),
        }
    }
}
