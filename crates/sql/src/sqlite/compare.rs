//! How a table compares the columns of a key: by its bytes, or by a collation that takes several texts for one.

use super::failure::translate;
use super::table::sql;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use windvane_connect::LoadRequest;
use windvane_core::error::Result;
use windvane_core::schema::sql::quote;

const EXACT: &str = "BINARY";

/// A column of the key.
pub(super) struct Compared {
    pub(super) column: String,
    pub(super) collation: String,
}

impl Compared {
    /// The column as it is compared.
    pub(super) fn of(&self, table: &str) -> String {
        format!("{table}{} COLLATE {}", quote(&self.column), quote(&self.collation))
    }

    /// Whether equal means alike to the last byte.
    pub(super) fn is_exact(&self) -> bool {
        self.collation.eq_ignore_ascii_case(EXACT)
    }
}

/// The columns of the key. A unique index of just these decides where it compares otherwise than the column would.
pub(super) async fn compared(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Vec<Compared>> {
    let unique = unique(file, request).await?;
    let mut all = Vec::new();
    for column in &request.key {
        let by_index = unique.iter().find(|(name, collation)| name == column && !collation.eq_ignore_ascii_case(EXACT));
        let collation = match by_index {
            Some((_, collation)) => collation.clone(),
            None => collation(file, &request.dataset, column).await?,
        };
        all.push(Compared { column: column.clone(), collation });
    }
    Ok(all)
}

/// The column's own collation: no statement tells it, but the program of a comparison names it.
async fn collation(file: &mut SqliteConnection, dataset: &str, column: &str) -> Result<String> {
    let statement = format!("EXPLAIN SELECT 1 FROM {} WHERE +{} = 'x'", sql(dataset), quote(column));
    for step in rows(file, statement).await? {
        let (code, named): (String, Option<String>) = (step.get("opcode"), step.get("p4"));
        if matches!(code.as_str(), "Eq" | "Ne")
            && let Some((collation, _)) = named.as_deref().and_then(|named| named.rsplit_once('-'))
        {
            return Ok(collation.to_owned());
        }
    }
    Ok(EXACT.to_owned())
}

/// The columns of unique indexes over exactly the key, and how each compares.
async fn unique(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Vec<(String, String)>> {
    let mut known = Vec::new();
    for index in rows(file, format!("PRAGMA main.index_list({})", quote(&request.dataset))).await? {
        let (name, is_unique, partial): (String, i64, i64) =
            (index.get("name"), index.get("unique"), index.get("partial"));
        if is_unique == 0 || partial != 0 {
            continue;
        }
        let parts = rows(file, format!("PRAGMA main.index_xinfo({})", quote(&name))).await?;
        let parts = parts.into_iter().filter(|part| part.get::<i64, _>("key") == 1);
        let columns: Vec<(Option<String>, String)> = parts.map(|part| (part.get("name"), part.get("coll"))).collect();
        let of_key = |column: &Option<String>| column.as_ref().is_some_and(|column| request.key.contains(column));
        if columns.len() == request.key.len() && columns.iter().all(|(column, _)| of_key(column)) {
            known.extend(columns.into_iter().filter_map(|(column, collation)| Some((column?, collation))));
        }
    }
    Ok(known)
}

async fn rows(file: &mut SqliteConnection, statement: String) -> Result<Vec<SqliteRow>> {
    sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch_all(file).await.map_err(|error| translate(&error))
}
