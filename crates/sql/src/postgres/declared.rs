//! What tables declare beside their columns' types, and the statements that make a table with it.

use super::failure::translate;
use super::indexes::Indexes;
use super::table::{NativeColumn, Shape};
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use windvane_core::error::Result;
use windvane_core::schema::declared::{Declared, Facts, Made, letters};
use windvane_core::schema::{Field, Schema, sql, sql::Dialect, sql::quote};

/// Of columns with one: the default, whether all that it names is the server's own, and whether the server counts.
const DEFAULTS: &str = "\
SELECT a.attrelid::int8, a.attname::text, pg_get_expr(d.adbin, d.adrelid),
       NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
                   AND NOT (p.refclassid = 'pg_class'::regclass AND p.refobjid = d.adrelid)),
       a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY ($1::int8[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.atthasdef OR a.attidentity <> '') AND a.attgenerated = ''";
const COMMENTS: &str = "\
SELECT c.oid::int8, obj_description(c.oid, 'pg_class') FROM pg_class c
WHERE c.oid = ANY ($1::int8[]::oid[]) AND obj_description(c.oid, 'pg_class') IS NOT NULL";
/// Whether the server has a type of this name.
const KNOWN: &str = "SELECT to_regtype($1) IS NOT NULL";

type DefaultRow = (i64, String, Option<String>, bool, bool);

#[derive(Debug, Clone, Default)]
struct Filling {
    words: Option<String>,
    /// All that it names is the server's own.
    own: bool,
    counted: bool,
}

/// What cannot be read from a table's columns alone.
pub(super) struct Words {
    defaults: HashMap<(i64, String), Filling>,
    comments: HashMap<i64, String>,
    indexes: Indexes,
}

impl Words {
    pub(super) async fn look(session: &mut PgConnection, relations: &[i64]) -> Result<Self> {
        let defaults: Vec<DefaultRow> = sqlx::query_as(DEFAULTS)
            .bind(relations)
            .persistent(false)
            .fetch_all(&mut *session)
            .await
            .map_err(|error| translate(&error))?;
        let comments: Vec<(i64, String)> = sqlx::query_as(COMMENTS)
            .bind(relations)
            .persistent(false)
            .fetch_all(&mut *session)
            .await
            .map_err(|error| translate(&error))?;
        let one = |(table, column, words, own, counted): DefaultRow| {
            ((table, column), Filling { words: words.filter(|_| !counted), own, counted })
        };
        let indexes = Indexes::look(session, relations).await?;
        let defaults = defaults.into_iter().map(one).collect();
        Ok(Self { defaults, comments: comments.into_iter().collect(), indexes })
    }

    pub(super) fn of(&self, table: i64, native: &[NativeColumn], fields: &Schema, key: &[String]) -> Declared {
        let mut columns = Vec::new();
        for (column, field) in native.iter().zip(&fields.fields) {
            let default = self.defaults.get(&(table, column.name.clone())).cloned().unwrap_or_default();
            // A domain is not taken along: what it stands for is.
            let words = if column.shape == Shape::BuiltIn { &column.resolved } else { &column.declared };
            columns.push(Facts {
                native: Some(words.clone()),
                letters: letters(words),
                required: column.required,
                default: default.words.clone().filter(|_| default.own),
                bound_default: default.words.filter(|_| !default.own),
                comment: column.comment.clone(),
                made: match (default.counted, column.generated) {
                    (true, _) => Some(Made::Counted),
                    (false, true) => Some(Made::Computed),
                    (false, false) => None,
                },
                ..Facts::new(&field.name, field.data_type)
            });
        }
        let comment = self.comments.get(&table).cloned();
        Declared {
            words: Dialect::Postgres,
            columns,
            primary_key: key.to_vec(),
            indexes: self.indexes.of(table),
            references: Vec::new(),
            comment,
            left_out: Vec::new(),
        }
    }
}

/// A column as it is declared, with what it takes over.
pub(super) async fn column(session: &mut PgConnection, field: &Field, kept: Option<&Declared>) -> Result<String> {
    let facts = kept.and_then(|kept| kept.fitting(&field.name, field.data_type));
    let ours = sql::declared(field, Dialect::Postgres);
    let name = quote(&field.name);
    let Some(facts) = facts else { return Ok(format!("{name} {ours}")) };
    let theirs = match &facts.native {
        Some(words) if known(session, words).await? => Some(words.clone()),
        Some(_) | None => None,
    };
    let default = facts.default.as_ref().filter(|_| theirs.is_some());
    let default = default.map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
    let counts = facts.made == Some(Made::Counted);
    let counts = if counts { " GENERATED BY DEFAULT AS IDENTITY" } else { "" };
    let required = if facts.required { " NOT NULL" } else { "" };
    Ok(format!("{name} {}{default}{counts}{required}", theirs.unwrap_or(ours)))
}

/// An enum, a type of an extension: the target may not have it, and takes its text then.
async fn known(session: &mut PgConnection, words: &str) -> Result<bool> {
    let bare = words.split('(').next().unwrap_or(words).trim();
    let bare = if words.ends_with("[]") && !bare.ends_with("[]") { format!("{bare}[]") } else { bare.to_owned() };
    sqlx::query_scalar(KNOWN).bind(bare).persistent(false).fetch_one(session).await.map_err(|error| translate(&error))
}

/// The comments of a new table.
pub(super) fn comments(table: &str, schema: &Schema, kept: &Declared) -> Vec<String> {
    let text = |comment: &String| format!("E'{}'", comment.replace('\\', "\\\\").replace('\'', "''"));
    let of_column = |field: &Field| {
        let comment = kept.column(&field.name)?.comment.as_ref()?;
        Some(format!("COMMENT ON COLUMN {table}.{} IS {}", quote(&field.name), text(comment)))
    };
    let of_table = kept.comment.as_ref().map(|comment| format!("COMMENT ON TABLE {table} IS {}", text(comment)));
    of_table.into_iter().chain(schema.fields.iter().filter_map(of_column)).collect()
}
