//! The SQL that brings staged rows into the target, for each mode.
//!
//! A merge is `INSERT ... ON CONFLICT DO UPDATE` where a unique index of the table has exactly the key; otherwise, and on
//! partitioned tables, an UPDATE and an INSERT under a lock that keeps other writers out. Rows that are equal value for
//! value are not written. A history ends the current versions of changed keys and adds new ones; the partial unique index
//! on the key of current versions is made with the table.
//!
//! `replace` of a table that other tables' foreign keys point to goes by that key, too: deleting all rows would break or
//! cascade into what refers to them. Columns that the load does not bring keep their values there.

use super::super::failure::translate;
use super::super::statement::execute;
use super::column::Column;
use super::job::Job;
use super::key;
use super::target::Target;
use super::temporary::STAGED;
use sqlx::postgres::PgConnection;
use windvane_connect::{LoadRequest, RefusedRow};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::DataType;
use windvane_core::spec::target::{Absent, Mode};

/// The target, inside statements.
const T: &str = "windvane_t";
/// Whether a row that an upsert gives back was not there before.
pub(super) const IS_NEW: &str = "(windvane_t.xmax = 0)";

#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteMode {
    Add,
    Upsert,
    UpdateInsert,
    Versions,
}

pub(super) struct LoadStatements<'a> {
    target: &'a Target,
    types: Vec<DataType>,
    mode: WriteMode,
    key: Vec<usize>,
    /// Rows whose key the load does not have are deleted.
    absent: bool,
    /// `replace`: everything there is of the load.
    whole: bool,
    /// The load's time, as SQL.
    time: String,
    /// The load's id, as SQL, where a column takes it.
    mark: Option<String>,
}

/// A statement, and what it counts.
pub(super) struct Step {
    pub(super) sql: String,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Inserted,
    Updated,
    /// A row: how many inserted, how many updated.
    Both,
}

/// The keys that foreign keys of other tables point to.
const REFERENCED: &str = "\
SELECT DISTINCT ARRAY(SELECT a.attname::text FROM unnest(k.confkey) AS part (number)
       JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.number ORDER BY a.attnum)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid <> k.confrelid AND s.nspname = $1 AND c.relname = $2";

/// The keys by which `ON CONFLICT` can decide.
const UNIQUE: &str = "\
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS part (number)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.number ORDER BY a.attnum)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND s.nspname = $1 AND c.relname = $2";

pub(super) async fn choose<'a>(
    session: &mut PgConnection,
    job: &Job,
    target: &'a Target,
) -> Result<LoadStatements<'a>> {
    let request = &job.request;
    let mut statements = LoadStatements {
        target,
        types: request.schema.fields.iter().map(|field| field.data_type).collect(),
        mode: WriteMode::Add,
        key: Vec::new(),
        absent: request.absent == Absent::Delete,
        whole: request.mode == Mode::Replace,
        time: String::new(),
        mark: target.mark.as_ref().map(|column| column.cast(&request.mark_sql())),
    };
    match request.mode {
        Mode::Append => return Ok(statements),
        Mode::Replace => match referenced(session, target).await? {
            Some(named) => {
                statements.key = key::places(&request.schema, &named).map_err(|_| elsewhere(target, &named))?;
                (statements.mode, statements.absent) = (WriteMode::Upsert, true);
            }
            None => return Ok(statements),
        },
        Mode::Merge => {
            statements.key = key::places(&request.schema, &request.key)?;
            let unique = keys(session, UNIQUE, target).await?;
            let mut mine = request.key.clone();
            mine.sort_unstable();
            let same = |known: &Vec<String>| {
                let mut known = known.clone();
                known.sort_unstable();
                known == mine
            };
            let arbiter = !target.partitioned() && unique.iter().any(same);
            statements.mode = if arbiter { WriteMode::Upsert } else { WriteMode::UpdateInsert };
        }
        Mode::History => {
            statements.key = key::places(&request.schema, &request.key)?;
            statements.mode = WriteMode::Versions;
        }
    }
    if statements.mode != WriteMode::Upsert || statements.absent {
        execute(session, &format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", target.name.sql())).await?;
    }
    if statements.mode == WriteMode::Versions {
        // After the locks, so that the versions of loads that waited for each other follow each other.
        let now = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
        let now: String = sqlx::query_scalar(now).fetch_one(session).await.map_err(|error| translate(&error))?;
        statements.time = format!("'{now}+00'::timestamptz");
    }
    Ok(statements)
}

async fn keys(session: &mut PgConnection, sql: &'static str, target: &Target) -> Result<Vec<Vec<String>>> {
    sqlx::query_scalar(sql)
        .bind(&target.name.schema)
        .bind(&target.name.table)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))
}

/// The key that other tables refer to, if any do.
async fn referenced(session: &mut PgConnection, target: &Target) -> Result<Option<Vec<String>>> {
    if target.created {
        return Ok(None);
    }
    let mut keys = keys(session, REFERENCED, target).await?;
    let Some(first) = keys.pop() else { return Ok(None) };
    if keys.is_empty() && !target.partitioned() { Ok(Some(first)) } else { Err(elsewhere(target, &first)) }
}

fn elsewhere(target: &Target, key: &[String]) -> Error {
    let (table, key) = (&target.name, key.join(", "));
    Error::new(Kind::Conflict, format!("other tables refer to '{table}' by ({key}), so its rows cannot be replaced"))
        .hint("Use mode merge with a key and `absent: delete`, or load into a table that nothing refers to")
}

impl LoadStatements<'_> {
    pub(super) fn by_key(&self) -> bool {
        self.mode != WriteMode::Add
    }

    /// The old rows go first, all of them.
    pub(super) fn empties(&self) -> bool {
        self.whole && !self.by_key()
    }

    /// Whether the receipt tells what was inserted and updated.
    pub(super) fn tells_changes(&self) -> bool {
        self.by_key() && !self.whole
    }

    /// One statement does it all.
    pub(super) fn is_one_upsert(&self) -> bool {
        self.mode == WriteMode::Upsert && !self.absent
    }

    pub(super) fn keeps_versions(&self) -> bool {
        self.mode == WriteMode::Versions
    }

    pub(super) fn key(&self) -> &[usize] {
        &self.key
    }

    /// Whether the counts of the statements alone say that every row is there.
    pub(super) fn counts_suffice(&self) -> bool {
        !self.target.reacts && matches!(self.mode, WriteMode::Add | WriteMode::Upsert)
    }

    /// Deletes or ends what the load does not have; `aside`: rows of it are in quarantine.
    pub(super) fn absent(&self, request: &LoadRequest, refused: &[RefusedRow], aside: bool) -> Option<String> {
        let goes = if self.whole { !faults::planted("deletes_nothing") } else { request.deletes(refused) && !aside };
        if !goes || !self.absent || !self.by_key() {
            return None;
        }
        let (table, missing) = (self.target.name.sql(), self.missing());
        Some(if self.mode == WriteMode::Versions {
            let end = self.end();
            format!("UPDATE {table} AS {T} SET {end} WHERE {T}.is_current AND {missing}")
        } else {
            format!("DELETE FROM {table} AS {T} WHERE {missing}")
        })
    }

    /// `range` restricts the staged rows `s`.
    pub(super) fn steps(&self, range: &str) -> Vec<Step> {
        let table = self.target.name.sql();
        let columns = self.target.column_list();
        let values = self.values();
        let from = format!("FROM {STAGED} AS s WHERE true{range}");
        let inserted = |sql: String| Step { sql, counts: Counts::Inserted };
        let update = |set: &str, also: &str| {
            let differs = self.differs(&|at| self.typed(at))?;
            let matches = self.matches();
            let sql = format!("UPDATE {table} AS {T} SET {set} {from} AND {matches}{also} AND {differs}");
            Some(Step { sql, counts: Counts::Updated })
        };
        match self.mode {
            WriteMode::Add => {
                vec![inserted(format!(
                    "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} {from}"
                ))]
            }
            WriteMode::Upsert => {
                let (sql, counts) = (self.upsert(range, &format!("{IS_NEW} AS fresh")), Counts::Both);
                let both = "count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh)";
                vec![Step { sql: format!("WITH done AS ({sql}) SELECT {both} FROM done"), counts }]
            }
            WriteMode::UpdateInsert => {
                let set = self.set(&|at| self.value(at));
                let insert = format!(
                    "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} {from}
                     AND NOT EXISTS (SELECT FROM {table} AS {T} WHERE {})",
                    self.matches()
                );
                update(&set, "").into_iter().chain([inserted(insert)]).collect()
            }
            WriteMode::Versions => {
                let lead = if columns.is_empty() { "" } else { ", " };
                let insert = format!(
                    "INSERT INTO {table} ({columns}{lead}valid_from, valid_to, is_current) OVERRIDING SYSTEM VALUE
                     SELECT {values}{lead}{}, NULL, true {from}
                     AND NOT EXISTS (SELECT FROM {table} AS {T} WHERE {} AND {T}.is_current)",
                    self.time,
                    self.matches()
                );
                update(&self.end(), &format!(" AND {T}.is_current")).into_iter().chain([inserted(insert)]).collect()
            }
        }
    }

    /// `list`: what it gives back of the rows that it wrote.
    pub(super) fn upsert(&self, range: &str, list: &str) -> String {
        let (table, columns) = (self.target.name.sql(), self.target.column_list());
        let values = self.values();
        let key = self.key.iter().map(|at| self.column(*at).name.as_str()).collect::<Vec<_>>().join(", ");
        let excluded = |at: usize| format!("excluded.{}", self.column(at).name);
        let action = match self.differs(&excluded) {
            Some(differs) => format!("DO UPDATE SET {} WHERE {differs}", self.set(&excluded)),
            None => "DO NOTHING".to_owned(),
        };
        format!(
            "INSERT INTO {table} AS {T} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {STAGED} AS s
             WHERE true{range} ON CONFLICT ({key}) {action} RETURNING {list}"
        )
    }

    /// What follows the target's name to find the rows of the load again.
    pub(super) fn mine(&self) -> String {
        let current = if self.mode == WriteMode::Versions { format!(" AND {T}.is_current") } else { String::new() };
        match (self.mode, self.whole) {
            (_, true) => String::new(),
            (WriteMode::Add, false) => " WHERE xmin IN (SELECT m.xmin FROM pg_temp.windvane_marks AS m)".to_owned(),
            _ => format!(" AS {T} WHERE EXISTS (SELECT FROM {STAGED} AS s WHERE {}){current}", self.matches()),
        }
    }

    fn column(&self, at: usize) -> &Column {
        &self.target.columns[at]
    }

    /// Whether a row of the target lacks a value of its key.
    pub(super) fn keyless(&self) -> String {
        let empty = self.key.iter().map(|at| format!("{T}.{} IS NULL", self.column(*at).name));
        format!("({})", empty.collect::<Vec<_>>().join(" OR "))
    }

    fn values(&self) -> String {
        (0..self.types.len()).map(|at| self.value(at)).chain(self.mark.clone()).collect::<Vec<_>>().join(", ")
    }

    /// A staged value as it is assigned: without a cast wherever the server assigns by itself, because an explicit cast
    /// cuts a text that is too long where the assignment refuses it.
    fn value(&self, at: usize) -> String {
        let staged_as_text = matches!(self.types[at], DataType::Text | DataType::Json);
        if staged_as_text && !self.column(at).text { self.typed(at) } else { format!("s.c{at}") }
    }

    /// A staged value as one of the column's type, as it holds it.
    fn typed(&self, at: usize) -> String {
        self.column(at).there(&format!("s.c{at}"))
    }

    fn matches(&self) -> String {
        let equal = |at: &usize| {
            let column = self.column(*at);
            column.key.equal(&format!("{T}.{}", column.name), &self.typed(*at))
        };
        self.key.iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    fn missing(&self) -> String {
        format!("NOT EXISTS (SELECT FROM {STAGED} AS s WHERE {})", self.matches())
    }

    fn end(&self) -> String {
        format!("valid_to = {}, is_current = false", self.time)
    }

    /// The staged values of the key, as the target compares them.
    pub(super) fn key_values(&self) -> Vec<String> {
        self.key.iter().map(|at| self.column(*at).key.of(&self.typed(*at))).collect()
    }

    /// The columns of the key whose staged values the server must make of a text.
    pub(super) fn cast_keys(&self) -> Vec<(&Column, usize)> {
        let made = |at: &usize| matches!(self.types[*at], DataType::Text | DataType::Json) && !self.column(*at).text;
        self.key.iter().copied().filter(made).map(|at| (self.column(at), at)).collect()
    }

    /// The columns that are written when the key is known: those that are not of it, and of it those that may be spelt
    /// otherwise.
    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.types.len()).filter(|at| !self.key.contains(at) || self.column(*at).key.loose)
    }

    fn set(&self, new: &dyn Fn(usize) -> String) -> String {
        self.others().map(|at| format!("{} = {}", self.column(at).name, new(at))).collect::<Vec<_>>().join(", ")
    }

    /// Whether a row of the target is another than the new one; nothing when there is nothing beside the key.
    fn differs(&self, new: &dyn Fn(usize) -> String) -> Option<String> {
        let row = |value: &dyn Fn(usize) -> String| {
            let compared = |at: usize| match (self.column(at).compared_as, self.column(at).key.loose) {
                // What is equal and not alike is a change.
                (_, true) => format!("({})::text COLLATE \"C\"", value(at)),
                (Some(kind), false) => format!("({})::{kind}", value(at)),
                (None, false) => value(at),
            };
            self.others().map(compared).collect::<Vec<_>>().join(", ")
        };
        let old = |at: usize| format!("{T}.{}", self.column(at).name);
        self.others().next().filter(|_| !faults::planted("updates_nothing"))?;
        Some(format!("ROW({}) IS DISTINCT FROM ROW({})", row(&old), row(new)))
    }
}
