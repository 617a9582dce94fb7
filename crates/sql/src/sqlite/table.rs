//! Tables and views of a file, and their columns.

use super::failure::translate;
use sqlx::sqlite::SqliteConnection;
use windvane_core::error::Result;
use windvane_core::schema::sql::quote;

/// Where loads are written down; see `load`.
pub(super) const LEDGER: &str = "windvane_loads";

/// A table or view.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) is_view: bool,
}

#[derive(Debug, Clone)]
pub(super) struct NativeColumn {
    pub(super) name: String,
    /// As declared; empty without.
    pub(super) declared: String,
    pub(super) required: bool,
    /// The place in the primary key from 1; 0: not in it.
    pub(super) key: i64,
    pub(super) generated: bool,
    /// An expression.
    pub(super) default: Option<String>,
}

/// SQLite compares names without regard to the case of ASCII letters.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Every table and view but SQLite's own, by name.
pub(super) async fn all(file: &mut SqliteConnection) -> Result<Vec<Relation>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY name",
    )
    .fetch_all(file)
    .await
    .map_err(|error| translate(&error))?;
    Ok(rows.into_iter().map(|(name, kind)| Relation { name, is_view: kind == "view" }).collect())
}

pub(super) async fn columns(file: &mut SqliteConnection, table: &str) -> Result<Vec<NativeColumn>, sqlx::Error> {
    let rows: Vec<(String, String, i64, i64, i64, Option<String>)> = sqlx::query_as(
        "SELECT name, type, \"notnull\", pk, hidden, dflt_value FROM pragma_table_xinfo(?) WHERE hidden <> 1",
    )
    .bind(table)
    .fetch_all(file)
    .await?;
    let column = |(name, declared, required, key, hidden, default)| NativeColumn {
        name,
        declared,
        required: required != 0,
        key,
        generated: hidden != 0,
        default,
    };
    Ok(rows.into_iter().map(column).collect())
}

/// The column that is the row's number itself, if one is declared so.
pub(super) fn row_number_column(columns: &[NativeColumn]) -> Option<&NativeColumn> {
    let mut keys = columns.iter().filter(|column| column.key > 0);
    let key = keys.next().filter(|key| same(&key.declared, "integer"))?;
    keys.next().is_none().then_some(key)
}

/// `"main"."table"`.
pub(super) fn sql(table: &str) -> String {
    format!("main.{}", quote(table))
}
