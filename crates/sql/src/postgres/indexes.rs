//! The indexes of tables, by their parts, and the statements that make them elsewhere.
//!
//! Nothing is taken out of the server's own statement: what it says of each part is put together anew, so that the table
//! and the schema are those of the target.

use super::failure::translate;
use super::table::TableName;
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use windvane_core::error::Result;
use windvane_core::schema::declared::{Index, Part};
use windvane_core::schema::sql::quote;

/// Of each index: name, unique, method, columns of its parts (empty: an expression), expressions, what stands behind each,
/// what stands behind all, the columns that it names, why it cannot go elsewhere.
const INDEXES: &str = "\
SELECT i.indrelid::int8, c.relname::text, i.indisunique, am.amname::text, part.columns, part.words, part.how,
       concat_ws(' ',
         CASE WHEN i.indnatts > i.indnkeyatts THEN 'INCLUDE (' || included.words || ')' END,
         CASE WHEN to_jsonb(i) ->> 'indnullsnotdistinct' = 'true' THEN 'NULLS NOT DISTINCT' END,
         'WITH (' || array_to_string(c.reloptions, ', ') || ')',
         'WHERE ' || pg_get_expr(i.indpred, i.indrelid)),
       ARRAY(SELECT a.attname::text FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
               AND d.refobjid = i.indrelid AND d.refobjsubid > 0) || included.columns,
       CASE WHEN i.indisexclusion THEN 'it is an exclusion constraint'
            WHEN NOT i.indisvalid THEN 'it is not valid at the source'
            WHEN part.options THEN 'its operator class has options'
            WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                         AND d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass))
              OR EXISTS (SELECT FROM pg_depend d JOIN pg_collation l ON d.refclassid = 'pg_collation'::regclass AND l.oid = d.refobjid
                         WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                           AND l.collnamespace <> 'pg_catalog'::regnamespace)
            THEN 'it names functions, types or collations that only the source''s database has' END
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
CROSS JOIN LATERAL (
  SELECT array_agg(coalesce(a.attname::text, '') ORDER BY k) AS columns,
         array_agg(pg_get_indexdef(i.indexrelid, k, false) ORDER BY k) AS words,
         bool_or(coalesce(own.attoptions IS NOT NULL, false)) AS options,
         array_agg(concat(
           CASE WHEN l.oid IS NOT NULL AND (a.attnum IS NULL OR a.attcollation <> l.oid)
                THEN ' COLLATE ' || quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END,
           CASE WHEN NOT o.opcdefault THEN ' ' || quote_ident(n.nspname) || '.' || quote_ident(o.opcname) END,
           CASE WHEN pg_indexam_has_property(am.oid, 'can_order') THEN
             CASE i.indoption[k - 1] WHEN 1 THEN ' DESC NULLS LAST' WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC' END END
         ) ORDER BY k) AS how
  FROM generate_series(1, i.indnkeyatts) AS k
  JOIN pg_opclass o ON o.oid = i.indclass[k - 1] JOIN pg_namespace n ON n.oid = o.opcnamespace
  JOIN pg_attribute own ON own.attrelid = i.indexrelid AND own.attnum = k
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND a.attnum <> 0
  LEFT JOIN pg_collation l ON l.oid = i.indcollation[k - 1] LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace) part
CROSS JOIN LATERAL (
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k) AS words,
         coalesce(array_agg(a.attname::text ORDER BY k), '{}') AS columns
  FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS k
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]) included
WHERE i.indrelid = ANY ($1::int8[]::oid[]) AND NOT i.indisprimary
ORDER BY i.indrelid, c.relname";
/// What the server builds when no method is named.
const USUAL: &str = "btree";

type Row = (i64, String, bool, String, Vec<String>, Vec<String>, Vec<String>, String, Vec<String>, Option<String>);

/// By table.
pub(super) struct Indexes(HashMap<i64, Vec<Index>>);

impl Indexes {
    pub(super) async fn look(session: &mut PgConnection, relations: &[i64]) -> Result<Self> {
        let rows: Vec<Row> = sqlx::query_as(INDEXES)
            .bind(relations)
            .persistent(false)
            .fetch_all(session)
            .await
            .map_err(|error| translate(&error))?;
        let mut all: HashMap<i64, Vec<Index>> = HashMap::new();
        for (table, name, unique, method, columns, words, how, rest, names, bound) in rows {
            let part = |((column, words), how): ((String, String), String)| {
                if column.is_empty() {
                    Part { column: None, words: format!("({words}){how}") }
                } else {
                    Part { column: Some(column), words: how }
                }
            };
            all.entry(table).or_default().push(Index {
                name,
                unique,
                method: Some(method).filter(|method| method != USUAL),
                parts: columns.into_iter().zip(words).zip(how).map(part).collect(),
                rest: Some(rest).filter(|rest| !rest.is_empty()),
                names,
                bound,
            });
        }
        Ok(Self(all))
    }

    pub(super) fn of(&self, table: i64) -> Vec<Index> {
        self.0.get(&table).cloned().unwrap_or_default()
    }
}

/// The statement that makes it. Where another relation of the schema has its name, the server finds one.
pub(super) async fn statement(session: &mut PgConnection, table: &TableName, index: &Index) -> Result<String> {
    const TAKEN: &str = "\
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relname = $2)";
    let taken: bool = sqlx::query_scalar(TAKEN)
        .bind(&table.schema)
        .bind(&index.name)
        .persistent(false)
        .fetch_one(session)
        .await
        .map_err(|error| translate(&error))?;
    let unique = if index.unique { "UNIQUE " } else { "" };
    let name = if taken { String::new() } else { format!("{} ", quote(&index.name)) };
    let method = index.method.as_ref().map(|method| format!(" USING {}", quote(method))).unwrap_or_default();
    Ok(format!("CREATE {unique}INDEX {name}ON {}{method}{}", table.sql(), index.body(quote)))
}
