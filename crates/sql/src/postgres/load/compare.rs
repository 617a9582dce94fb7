//! How the columns of a key are compared: as the target does it, which may take two values for one (`citext`, collations
//! that are not deterministic, `char` with its blanks).

use super::super::failure::translate;
use super::super::table::TableName;
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use windvane_core::error::Result;

/// How equal values of a column are found.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared {
    /// Where the type's own equality is, when a session may not find it by its name.
    operator: Option<String>,
    /// Of a column, or of a unique index over it, that does not compare by bytes.
    collation: Option<String>,
    /// Whether values that are equal may be spelt differently.
    pub(super) loose: bool,
}

type Row = (String, bool, Option<String>, Option<String>);

/// Of every column: whether it is loose, its operator, and the loosest collation of the unique indexes over it.
const FACTS: &str = "\
SELECT a.attname::text,
       NOT coalesce(l.collisdeterministic, true) OR i.name IS NOT NULL
         OR b.typcategory = 'S' AND b.typnamespace <> 'pg_catalog'::regnamespace,
       o.name,
       coalesce(i.name, CASE WHEN NOT l.collisdeterministic
                             THEN quote_ident(w.nspname) || '.' || quote_ident(l.collname) END)
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
CROSS JOIN LATERAL (
  WITH RECURSIVE up (id, depth) AS (
    SELECT a.atttypid, 0
    UNION ALL SELECT d.typbasetype, up.depth + 1 FROM up JOIN pg_type d ON d.oid = up.id WHERE d.typtype = 'd')
  SELECT id FROM up ORDER BY depth DESC LIMIT 1) real
JOIN pg_type b ON b.oid = real.id
LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace w ON w.oid = l.collnamespace
LEFT JOIN LATERAL (
  SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || r.oprname || ')' AS name
  FROM pg_opclass k JOIN pg_am m ON m.oid = k.opcmethod AND m.amname = 'btree'
  JOIN pg_amop p ON p.amopfamily = k.opcfamily AND p.amopstrategy = 3
    AND p.amoplefttype = k.opcintype AND p.amoprighttype = k.opcintype
  JOIN pg_operator r ON r.oid = p.amopopr JOIN pg_namespace n ON n.oid = r.oprnamespace
  WHERE k.opcdefault AND k.opcintype = b.oid AND n.nspname <> 'pg_catalog' LIMIT 1) o ON true
LEFT JOIN LATERAL (
  SELECT quote_ident(n.nspname) || '.' || quote_ident(y.collname) AS name
  FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey::int2[], x.indcollation::oid[]) AS part (number, compared)
  JOIN pg_collation y ON y.oid = part.compared JOIN pg_namespace n ON n.oid = y.collnamespace
  WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND part.number = a.attnum
    AND NOT y.collisdeterministic AND y.oid <> a.attcollation LIMIT 1) i ON true
WHERE s.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

/// The columns of a table, by name.
pub(super) async fn learn(session: &mut PgConnection, table: &TableName) -> Result<HashMap<String, Compared>> {
    let facts: Vec<Row> = sqlx::query_as(FACTS)
        .bind(&table.schema)
        .bind(&table.table)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let one = |(name, loose, operator, collation)| (name, Compared { operator, collation, loose });
    Ok(facts.into_iter().map(one).collect())
}

impl Compared {
    /// Whether two values of the column are one key.
    pub(super) fn equal(&self, one: &str, other: &str) -> String {
        let operator = self.operator.as_deref().unwrap_or("=");
        format!("{one} {operator} {}", self.of(other))
    }

    /// A value as it is compared, for a list of distinct ones.
    pub(super) fn of(&self, value: &str) -> String {
        self.collation.as_ref().map_or_else(|| value.to_owned(), |name| format!("{value} COLLATE {name}"))
    }
}
