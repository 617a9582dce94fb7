//! One table: its name as written and as SQL, and the columns it has now.

use super::failure::translate;
use sqlx::postgres::PgConnection;
use std::fmt;
use windvane_connect::naming::parts;
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;

/// PostgreSQL cuts longer names, which could make two of them one.
const LONGEST_NAME: usize = 63;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    pub(super) schema: String,
    pub(super) table: String,
}

/// A column of a table as the server describes it.
#[derive(Debug, Clone)]
pub(super) struct NativeColumn {
    pub(super) relation: i64,
    pub(super) name: String,
    /// As people write it: `character varying(20)`.
    pub(super) declared: String,
    /// The same of the type that a domain stands for, through all domains; of others what was declared.
    pub(super) resolved: String,
    /// That type's own name when it is one of the server's, otherwise empty.
    pub(super) base: String,
    pub(super) shape: Shape,
    /// That type's modifier: digits of a numeric. -1 without.
    pub(super) modifier: i32,
    pub(super) required: bool,
    pub(super) generated: bool,
    /// A row without a value for it gets one.
    pub(super) fills: bool,
    pub(super) comment: Option<String>,
}

/// What sort of type a column has, domains seen through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A scalar of the server's own.
    BuiltIn,
    Array,
    Composite,
    /// Enums, ranges, what extensions bring.
    Other,
}

/// What a table name stands for.
#[derive(Debug, Clone)]
pub(super) struct Existing {
    pub(super) relation: i64,
    pub(super) kind: String,
    pub(super) columns: Vec<NativeColumn>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// Of a heap, now.
    pub(super) pages: Option<u64>,
    /// Whether the server finds a run of pages without looking at the others, for a user who may ask for pages: rights
    /// on some columns are not enough.
    pub(super) ranges: bool,
}

/// The tables, none of the server's own, that this transaction has locked. Their indexes come and go.
const LOCKED: &str = "\
(SELECT string_agg(DISTINCT relation::text, ',' ORDER BY relation::text) FROM pg_locks
 WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND pg_get_indexdef(relation) IS NULL)";
/// From here on relations are not the server's own.
const FIRST_OF_USERS: i64 = 16_384;

const COLUMNS: &str = "\
SELECT a.attrelid::int8, a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(t.oid, real.modifier),
       CASE WHEN t.typcategory <> 'A' AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b'
            THEN t.typname::text ELSE '' END,
       CASE WHEN t.typcategory = 'A' THEN 'a' ELSE t.typtype::text END,
       real.modifier, a.attnotnull, a.attgenerated <> '', a.atthasdef OR a.attidentity <> '', col_description(a.attrelid, a.attnum)
FROM pg_attribute a
CROSS JOIN LATERAL (
  WITH RECURSIVE up (id, modifier, depth) AS (
    SELECT a.atttypid, a.atttypmod, 0
    UNION ALL
    SELECT d.typbasetype, d.typtypmod, up.depth + 1 FROM up JOIN pg_type d ON d.oid = up.id WHERE d.typtype = 'd')
  SELECT id, modifier FROM up ORDER BY depth DESC LIMIT 1) real
JOIN pg_type t ON t.oid = real.id
WHERE a.attrelid = ANY ($1::int8[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// What [`TableName::identity`] answers: two of one text are the same table in the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    text: String,
    pub(super) relation: i64,
}

impl Identity {
    /// Nothing where there is no such table, or the lock went to another one that had its name then.
    pub(super) fn locked(text: Option<&str>) -> Option<Self> {
        let text = text?;
        let (relation, rest) = text.split_once(' ')?;
        let locked = rest.split(' ').next()?.split(',').any(|locked| locked == relation);
        let relation = relation.parse().ok()?;
        (locked || relation < FIRST_OF_USERS).then(|| Self { text: text.to_owned(), relation })
    }

    pub(super) fn is(&self, text: Option<&str>) -> bool {
        text == Some(self.text.as_str())
    }

    /// What [`TableName::meaning`] answers; `strict`: also as for the tables that are read.
    pub(super) fn means(&self, answer: Option<&str>, strict: bool) -> bool {
        let words = |text: &str| -> Vec<String> {
            text.split(' ').take(if strict { 2 } else { 1 }).map(str::to_owned).collect()
        };
        answer.is_some_and(|answer| words(answer) == words(&self.text))
    }
}

impl TableName {
    /// `schema.table`, `table` in the default schema, either part in double quotes when it holds a dot.
    pub(super) fn parse(text: &str, default_schema: &str) -> Self {
        let (schema, table) = parts(text, '"');
        Self { schema: schema.unwrap_or_else(|| default_schema.to_owned()), table }
    }

    /// The name for people and catalogs: without the schema when that is the default one.
    pub(super) fn dataset(&self, default_schema: &str) -> String {
        if self.schema == default_schema { self.table.clone() } else { format!("{}.{}", self.schema, self.table) }
    }

    /// What [`TableName::parse`] reads back.
    pub(super) fn locator(&self) -> String {
        format!("{}.{}", plain(&self.schema), plain(&self.table))
    }

    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.table))
    }

    /// Locks it as reading does, until the transaction ends. Of a snapshot that is older than this lock, a table that was
    /// emptied and filled again, or rewritten, meanwhile holds no rows. LOCK TABLE would refuse materialized views, foreign
    /// tables and rights on some columns only; of this cursor nothing is fetched.
    pub(super) fn lock(&self) -> String {
        format!("DECLARE windvane_lock NO SCROLL CURSOR FOR SELECT FROM {}", self.sql())
    }

    /// The same for whoever may not wait: others wait for us.
    pub(super) fn lock_at_once(&self) -> String {
        format!("SET LOCAL lock_timeout = '1s'; {}; SET LOCAL lock_timeout TO DEFAULT", self.lock())
    }

    /// Asks for what is another text once the name means another table, other tables are read by it, the columns are
    /// others, or the rows were exchanged as a whole (TRUNCATE, VACUUM FULL, an ALTER that rewrites): an [`Identity`]. Name,
    /// locks and storage are today's also in an older snapshot.
    pub(super) fn identity(&self) -> String {
        format!(
            "SELECT concat_ws(' ', known.id::oid, coalesce({LOCKED}, '-'), pg_relation_filenode(known.id),
                              (SELECT string_agg(concat_ws(' ', attname, atttypid, atttypmod), ',' ORDER BY attnum)
                               FROM pg_attribute WHERE attrelid = known.id AND attnum > 0 AND NOT attisdropped))
             FROM (SELECT {} AS id) AS known",
            self.regclass()
        )
    }

    /// Asks for the first two words of that: what the name means, which a lock on the table does not keep, and what this
    /// transaction has read: a name that meant another table for a moment has left that one locked.
    pub(super) fn meaning(&self) -> String {
        format!("SELECT concat_ws(' ', {}::oid, coalesce({LOCKED}, '-'))", self.regclass())
    }

    fn regclass(&self) -> String {
        format!("to_regclass(E'{}')", self.sql().replace('\\', "\\\\").replace('\'', "''"))
    }

    /// What this is, or nothing.
    pub(super) async fn of(session: &mut PgConnection, relation: i64) -> Result<Option<Existing>> {
        let kind = sqlx::query_scalar("SELECT relkind::text FROM pg_class WHERE oid = $1::int8::oid").bind(relation);
        let kind: Option<String> =
            kind.persistent(false).fetch_optional(&mut *session).await.map_err(|error| translate(&error))?;
        let Some(kind) = kind else { return Ok(None) };
        Ok(Some(Existing { relation, kind, columns: columns(session, &[relation]).await? }))
    }

    /// What exists under this name, or nothing.
    pub(super) async fn existing(&self, session: &mut PgConnection) -> Result<Option<Existing>> {
        let found: Option<(i64, String)> = sqlx::query_as(
            "SELECT c.oid::int8, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2",
        )
        .bind(&self.schema)
        .bind(&self.table)
        .persistent(false)
        .fetch_optional(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
        let Some((relation, kind)) = found else { return Ok(None) };
        Ok(Some(Existing { relation, kind, columns: columns(session, &[relation]).await? }))
    }
}

impl TableName {
    /// How a table lies on the disk. With row security a function of the policy may read other tables at any time.
    pub(super) async fn storage(session: &mut PgConnection, relation: i64) -> Result<Storage> {
        let found: Option<(Option<i64>, bool)> = sqlx::query_as(
            "SELECT CASE WHEN a.amname = 'heap' AND c.relkind IN ('r', 'm')
                         THEN pg_relation_size(c.oid) / current_setting('block_size')::int8 END,
                    current_setting('server_version_num')::int4 >= 140000 AND has_table_privilege(c.oid, 'SELECT')
                    AND NOT row_security_active(c.oid)
             FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam WHERE c.oid = $1::int8::oid",
        )
        .bind(relation)
        .persistent(false)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
        let (pages, ranges) = found.unwrap_or_default();
        Ok(Storage { pages: pages.and_then(|pages| u64::try_from(pages).ok()), ranges })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// The columns of tables, in their order.
pub(super) async fn columns(session: &mut PgConnection, relations: &[i64]) -> Result<Vec<NativeColumn>> {
    type Row = (i64, String, String, String, String, String, i32, bool, bool, bool, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(COLUMNS)
        .bind(relations)
        .persistent(false)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let column = |row: Row| {
        let (relation, name, declared, resolved, base, shape, modifier, required, generated, fills, comment) = row;
        let shape = match shape.as_str() {
            "a" => Shape::Array,
            "c" => Shape::Composite,
            _ if base.is_empty() => Shape::Other,
            _ => Shape::BuiltIn,
        };
        NativeColumn { relation, name, declared, resolved, base, shape, modifier, required, generated, fills, comment }
    };
    Ok(rows.into_iter().map(column).collect())
}

impl NativeColumn {
    /// The declared digits of a numeric, whole and behind the point; nothing when any number goes.
    pub(super) fn digits(&self) -> Option<(i32, i32)> {
        if self.base != "numeric" || self.modifier < 4 {
            return None;
        }
        let packed = self.modifier - 4;
        let precision = (packed >> 16) & 0xffff;
        // Eleven bits with a sign: since PostgreSQL 15 the scale may be negative.
        let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
        Some((precision - scale, scale))
    }
}

/// A name that PostgreSQL keeps as it is.
pub(super) fn check_name(name: &str, what: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::spec(format!("the {what} has no usable name")).hint("Rename it in the steps"));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::spec(format!("the name '{name}' is too long for a {what} of PostgreSQL"))
            .hint(format!("Rename it: {LONGEST_NAME} bytes are allowed, it has {}", name.len())));
    }
    Ok(())
}

fn plain(name: &str) -> String {
    if name.contains(['.', '"']) { quote(name) } else { name.to_owned() }
}

/// Names the table unless the server did.
pub(super) fn name(error: Error, table: &TableName) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table.to_string()) }
}
