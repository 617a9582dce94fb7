//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest. What the target
//! refuses is found by halving, each half behind a savepoint.

use super::failure::{refuses_rows, translate};
use super::load::{execute, look};
use super::read::{select, select_from};
use super::table::{NativeColumn, same, sql};
use super::target::{CURRENT, FROM, TO};
use super::write::{Inserts, Place, refusal};
use crate::connectors::account::Account;
use crate::connectors::{Changes, LoadRequest, Loaded, RefusedRow, Rows};
use crate::error::{Error, Result};
use crate::resilience::clock;
use crate::schema::{checksum::Checksum, sql::quote};
use crate::spec::RowPolicy;
use crate::spec::target::{Absent, Mode, Verify};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::collections::HashSet;

const STAGE: &str = "temp.windvane_stage";
/// A row's place in the load.
const AT: &str = "_windvane_at";
/// 1: the row is refused.
const OUT: &str = "_windvane_out";

pub(super) fn check(request: &LoadRequest) -> Result<()> {
    if !matches!(request.mode, Mode::Merge | Mode::History) {
        return Ok(());
    }
    if request.key.is_empty() {
        return Err(Error::spec("a load by key needs to know the key").hint("Name the columns of `key` in the output"));
    }
    for key in &request.key {
        if request.schema.field(key).is_none() {
            return Err(Error::spec(format!("the key column '{key}' is not among the columns"))
                .hint("Name columns of the output in `key`"));
        }
    }
    let own = request.schema.names().find(|name| [FROM, TO, CURRENT].iter().any(|own| same(own, name)));
    match own.filter(|_| request.mode == Mode::History) {
        Some(own) => Err(Error::spec(format!("'{own}' is a column of every history")).hint("Rename yours in a step")),
        None => Ok(()),
    }
}

pub(super) async fn load(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = Account::new(request);
    stage(file, request, native).await?;
    let bytes = Inserts::new(STAGE, request, Place::In(AT)).all(file, rows.open()?, &mut account).await?;
    for refused in unusable(file, request).await? {
        put_aside(file, request, native, &mut account, refused).await?;
    }
    let merge = Merge::new(request);
    let mut changes = merge.apply(file, request, native, &mut account).await?;
    if request.absent == Absent::Delete {
        changes.deleted = execute(file, &merge.end_absent).await?;
    }
    changes.unchanged = account.kept().saturating_sub(changes.inserted + changes.updated);
    account.check(request)?;
    let loaded = if request.reads_back(account.sent()) {
        let seen = look(file, &select(&request.dataset, native, &request.schema, &merge.mine), request).await?;
        account.agrees(request, seen, &Checksum::default(), bytes)?
    } else {
        account.counted(request, bytes)
    };
    execute(file, &format!("DROP TABLE {STAGE}")).await?;
    Ok(Loaded { changes: Some(changes), ..loaded })
}

/// The temporary table: the target's types, so that values are stored as they would be there, and none of its rules.
async fn stage(file: &mut SqliteConnection, request: &LoadRequest, native: &[NativeColumn]) -> Result<()> {
    let declared = |name: &str| {
        let column = native.iter().find(|column| column.name == name);
        format!("{} {}", quote(name), column.map_or("", |column| column.declared.as_str()))
    };
    let columns: Vec<String> = request.schema.names().map(declared).collect();
    let keys: Vec<String> = request.key.iter().map(|key| quote(key)).collect();
    execute(
        file,
        &format!(
            "CREATE TABLE {STAGE} ({AT} INTEGER PRIMARY KEY, {OUT} INTEGER NOT NULL DEFAULT 0, {})",
            columns.join(", ")
        ),
    )
    .await?;
    execute(file, &format!("CREATE INDEX {STAGE}_key ON windvane_stage ({})", keys.join(", "))).await.map(drop)
}

/// Rows without a key, and those whose key an earlier row has.
async fn unusable(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Vec<RefusedRow>> {
    let mut refused = Vec::new();
    let mut seen = HashSet::new();
    for key in &request.key {
        let sql = format!("SELECT {AT} FROM {STAGE} WHERE {} IS NULL ORDER BY {AT}", quote(key));
        for at in places(file, &sql).await? {
            // Of several nulls in one key, the first is told.
            if seen.insert(at) {
                refused.push(RefusedRow {
                    at,
                    column: Some(key.clone()),
                    reason: format!("the key column '{key}' is null"),
                });
            }
        }
    }
    let keys: Vec<String> = request.key.iter().map(|key| format!("{} COLLATE BINARY", quote(key))).collect();
    let present: Vec<String> = request.key.iter().map(|key| format!("{} IS NOT NULL", quote(key))).collect();
    let sql = format!(
        "SELECT {AT} FROM (SELECT {AT}, row_number() OVER (PARTITION BY {} ORDER BY {AT}) AS n FROM {STAGE} WHERE {})
         WHERE n > 1 ORDER BY {AT}",
        keys.join(", "),
        present.join(" AND ")
    );
    let reason = format!("an earlier row of the load has the same key ({})", request.key.join(", "));
    let column = request.key.first().filter(|_| request.key.len() == 1);
    let again = places(file, &sql).await?;
    refused.extend(again.into_iter().map(|at| RefusedRow { at, column: column.cloned(), reason: reason.clone() }));
    Ok(refused)
}

async fn places(file: &mut SqliteConnection, sql: &str) -> Result<Vec<u64>> {
    let rows: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(file).await.map_err(|error| translate(&error))?;
    Ok(rows.into_iter().map(i64::unsigned_abs).collect())
}

/// Takes a row that rests on the stage out of the load.
async fn put_aside(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    account: &mut Account,
    refused: RefusedRow,
) -> Result<()> {
    let this = format!("WHERE {AT} = {}", refused.at);
    account.refuse(refused)?;
    execute(file, &format!("UPDATE {STAGE} SET {OUT} = 1 {this}")).await?;
    if request.verify != Verify::Rows {
        let row = select_from(STAGE, native, &request.schema, &format!(" {this}"));
        account.take_back(&look(file, &row, request).await?.whole()?);
    }
    Ok(())
}

/// The statements of one load; the first two take a range of places.
struct Merge {
    /// Rows with a known key and other values: updated, or their version ended.
    change: Option<String>,
    /// Rows with a new key; of a history the new versions too.
    insert: String,
    end_absent: String,
    /// What selects the loaded rows when they are read back.
    mine: String,
    is_history: bool,
}

impl Merge {
    fn new(request: &LoadRequest) -> Self {
        let is_history = request.mode == Mode::History;
        let target = sql(&request.dataset);
        let each = |names: &[&str], form: &dyn Fn(&str) -> String, between: &str| {
            names.iter().map(|name| form(&quote(name))).collect::<Vec<_>>().join(between)
        };
        let keys: Vec<&str> = request.key.iter().map(String::as_str).collect();
        let others: Vec<&str> = request.schema.names().filter(|name| !keys.contains(name)).collect();
        let matches = each(&keys, &|name| format!("t.{name} = s.{name} COLLATE BINARY"), " AND ");
        let equal = each(&others, &|name| format!("t.{name} IS s.{name} COLLATE BINARY"), " AND ");
        let current = if is_history { format!(" AND t.{CURRENT}") } else { String::new() };
        let in_range = format!("s.{OUT} = 0 AND s.{AT} BETWEEN {{from}} AND {{to}}");
        let now = format!("'{}'", clock::now().rfc3339());
        let ends = format!("{TO} = {now}, {CURRENT} = 0");
        let sets = if is_history { ends.clone() } else { each(&others, &|name| format!("{name} = s.{name}"), ", ") };
        // Of keys alone, there is nothing that could change.
        let change = (!others.is_empty()).then(|| {
            format!("UPDATE {target} AS t SET {sets} FROM {STAGE} AS s WHERE {matches}{current} AND {in_range} AND NOT ({equal})")
        });
        let all: Vec<&str> = request.schema.names().collect();
        let (mut names, mut values) = (each(&all, &str::to_owned, ", "), each(&all, &|name| format!("s.{name}"), ", "));
        if is_history {
            names = format!("{names}, {FROM}, {TO}, {CURRENT}");
            values = format!("{values}, {now}, NULL, 1");
        }
        let insert = format!(
            "INSERT INTO {target} ({names}) SELECT {values} FROM {STAGE} AS s WHERE {in_range}
             AND NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {matches}{current}) ORDER BY s.{AT}"
        );
        let gone = format!("NOT EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {matches})");
        let end_absent = if is_history {
            format!("UPDATE {target} AS t SET {ends} WHERE t.{CURRENT} AND {gone}")
        } else {
            format!("DELETE FROM {target} AS t WHERE {gone}")
        };
        let mine = format!(" AS t WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {matches} AND s.{OUT} = 0){current}");
        Self { change, insert, end_absent, mine, is_history }
    }

    async fn apply(
        &self,
        file: &mut SqliteConnection,
        request: &LoadRequest,
        native: &[NativeColumn],
        account: &mut Account,
    ) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut todo = if account.sent() == 0 { Vec::new() } else { vec![(0, account.sent() - 1)] };
        while let Some((from, to)) = todo.pop() {
            execute(file, "SAVEPOINT windvane").await?;
            let done = self.range(file, from, to).await;
            if done.is_err() {
                execute(file, "ROLLBACK TO windvane").await?;
            }
            execute(file, "RELEASE windvane").await?;
            let error = match done {
                Ok((inserted, updated)) => {
                    changes.inserted += inserted;
                    changes.updated += updated;
                    continue;
                }
                Err(error) if refuses_rows(&error) => error,
                Err(error) => return Err(error),
            };
            if from < to {
                let middle = from + (to - from) / 2;
                todo.push((middle + 1, to));
                todo.push((from, middle));
            } else if request.refused == RowPolicy::Fail {
                return Err(error.in_row(from + 1));
            } else {
                put_aside(file, request, native, account, refusal(&error, from)).await?;
            }
        }
        Ok(changes)
    }

    async fn range(&self, file: &mut SqliteConnection, from: u64, to: u64) -> Result<(u64, u64)> {
        let of = |sql: &str| sql.replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
        let updated = match &self.change {
            Some(change) => execute(file, &of(change)).await?,
            None => 0,
        };
        let inserted = execute(file, &of(&self.insert)).await?;
        Ok((if self.is_history { inserted.saturating_sub(updated) } else { inserted }, updated))
    }
}
