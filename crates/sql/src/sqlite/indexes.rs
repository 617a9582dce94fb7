//! The indexes of a table, and the statements that make them elsewhere.

use super::failure::translate;
use super::table::{NativeColumn, sql};
use sqlx::sqlite::SqliteConnection;
use windvane_core::error::Result;
use windvane_core::schema::declared::{Index, Part};
use windvane_core::schema::sql::quote;

const INDEXES: &str = "\
SELECT l.name, l.\"unique\", l.partial, m.sql FROM pragma_index_list(?) AS l
LEFT JOIN main.sqlite_master AS m ON m.type = 'index' AND m.name = l.name
WHERE l.origin <> 'pk' ORDER BY l.name";
const PARTS: &str = "SELECT cid, name, \"desc\", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno";
/// Names that begin so are SQLite's own.
const OWN: &str = "sqlite_";

pub(super) async fn look(file: &mut SqliteConnection, table: &str, native: &[NativeColumn]) -> Result<Vec<Index>> {
    let all: Vec<(String, i64, i64, Option<String>)> =
        sqlx::query_as(INDEXES).bind(table).fetch_all(&mut *file).await.map_err(|error| translate(&error))?;
    let mut indexes = Vec::with_capacity(all.len());
    for (name, unique, partial, statement) in all {
        let parts: Vec<(i64, Option<String>, i64, Option<String>)> =
            sqlx::query_as(PARTS).bind(&name).fetch_all(&mut *file).await.map_err(|error| translate(&error))?;
        let plain = partial == 0 && parts.iter().all(|part| part.1.is_some());
        let part = |(_, column, descends, comparison): (i64, Option<String>, i64, Option<String>)| {
            let comparison = comparison.filter(|comparison| comparison != "BINARY");
            let comparison = comparison.map(|comparison| format!(" COLLATE {}", quote(&comparison)));
            let order = if descends == 0 { "" } else { " DESC" };
            Part { column, words: format!("{}{order}", comparison.unwrap_or_default()) }
        };
        let parts: Vec<Part> = parts.into_iter().map(part).collect();
        let named: Vec<&str> = parts.iter().filter_map(|part| part.column.as_deref()).collect();
        let rest = statement.as_deref().filter(|_| !plain).and_then(body).map(str::to_owned);
        let bound = !plain && rest.is_none();
        indexes.push(Index {
            name: if name.starts_with(OWN) { format!("{table}_{}_key", named.join("_")) } else { name },
            unique: unique != 0,
            method: None,
            // Which columns the words name, only SQLite knows: it may be any.
            names: if plain { Vec::new() } else { native.iter().map(|column| column.name.clone()).collect() },
            parts: if plain { parts } else { Vec::new() },
            rest,
            bound: bound.then(|| "its words hold a comment".to_owned()),
        });
    }
    Ok(indexes)
}

/// What stands behind the table's name: brackets that are part of a name stand in quotes.
fn body(statement: &str) -> Option<&str> {
    if statement.contains("--") || statement.contains("/*") {
        return None;
    }
    let mut closes = None;
    for (at, letter) in statement.char_indices() {
        match (closes, letter) {
            (Some(end), letter) if letter == end => closes = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => closes = Some(letter),
            (None, '[') => closes = Some(']'),
            (None, '(') => return statement.get(at..),
            (None, _) => {}
        }
    }
    None
}

/// Makes them; a name that the file has already is followed by a number.
pub(super) async fn statements(file: &mut SqliteConnection, table: &str, indexes: &[Index]) -> Result<Vec<String>> {
    let taken: Vec<String> = sqlx::query_scalar("SELECT lower(name) FROM main.sqlite_master")
        .fetch_all(file)
        .await
        .map_err(|error| translate(&error))?;
    let mut taken: std::collections::HashSet<String> = taken.into_iter().collect();
    let mut all = Vec::with_capacity(indexes.len());
    for index in indexes {
        let mut name = index.name.clone();
        let mut number = 1;
        while !taken.insert(name.to_ascii_lowercase()) {
            number += 1;
            name = format!("{}_{number}", index.name);
        }
        let unique = if index.unique { "UNIQUE " } else { "" };
        all.push(format!("CREATE {unique}INDEX {} ON {}{}", sql(&name), quote(table), index.body(quote)));
    }
    Ok(all)
}
