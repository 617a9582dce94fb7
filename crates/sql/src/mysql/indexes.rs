//! The indexes of tables beside their primary keys.

use super::session::Session;
use super::table::{TableName, quote};
use std::collections::HashMap;
use windvane_core::error::Result;
use windvane_core::schema::declared::{Index, Part};

const INDEXES: &str = "\
SELECT CAST(TABLE_NAME AS CHAR), CAST(INDEX_NAME AS CHAR), CAST(NON_UNIQUE AS CHAR), CAST(INDEX_TYPE AS CHAR),
       CAST(COLUMN_NAME AS CHAR), CAST(SUB_PART AS CHAR), CAST(COLLATION AS CHAR)
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND INDEX_NAME <> 'PRIMARY'
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
const WORDS: &str = "FULLTEXT";

type Row = (String, String, String, String, Option<String>, Option<String>, Option<String>);

pub(super) async fn look(session: &mut Session, database: &str) -> Result<HashMap<TableName, Vec<Index>>> {
    let rows: Vec<Row> = session.all(INDEXES, &[database]).await?;
    let mut all: HashMap<TableName, Vec<Index>> = HashMap::new();
    for (table, name, repeats, kind, column, letters, order) in rows {
        let known = all.entry(TableName { database: database.to_owned(), table }).or_default();
        if known.last().is_none_or(|last| last.name != name) {
            known.push(Index {
                name,
                unique: repeats == "0",
                method: Some(WORDS.to_owned()).filter(|words| *words == kind),
                parts: Vec::new(),
                rest: None,
                names: Vec::new(),
                bound: (kind != WORDS && kind != "BTREE").then(|| format!("it is of the kind {kind}")),
            });
        }
        let Some(index) = known.last_mut() else { continue };
        if column.is_none() {
            index.bound = Some("it has an expression".to_owned());
        }
        let letters = letters.map(|letters| format!("({letters})")).unwrap_or_default();
        let order = if order.as_deref() == Some("D") { " DESC" } else { "" };
        index.parts.push(Part { column, words: format!("{letters}{order}") });
    }
    Ok(all)
}

/// As it stands among the columns of a new table.
pub(super) fn clause(index: &Index) -> String {
    let kind = if index.unique { "UNIQUE" } else { index.method.as_deref().unwrap_or_default() };
    format!("{kind} KEY {}{}", quote(&index.name), index.body(quote))
}
