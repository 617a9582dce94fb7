//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest. What the target
//! refuses is found by halving, each half behind a savepoint.

use super::compare::{Compared, compared};
use super::failure::{column_in, refuses_rows, translate};
use super::keeps::narrow;
use super::load::{execute, look};
use super::read::{select, select_from};
use super::table::{NativeColumn, sql};
use super::write::{Inserts, Place};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::ops::Range;
use windvane_connect::account::Account;
use windvane_connect::by_key::{self, CURRENT, FROM, Merge, RANGE, TO};
use windvane_connect::halving::{Halves, refusal};
use windvane_connect::{Changes, LoadRequest, Loaded, RefusedRow, Rows};
use windvane_core::error::Result;
use windvane_core::faults;
use windvane_core::resilience::clock;
use windvane_core::schema::{checksum::Checksum, sql::quote};
use windvane_core::spec::target::{Mode, Verify};

const STAGE: &str = "temp.windvane_stage";
/// A row's place in the load.
const AT: &str = "_windvane_at";
/// 1: the row is refused.
const OUT: &str = "_windvane_out";
/// So many rows are put aside at once.
const PUT_ASIDE: usize = 500;

pub(super) async fn load(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = Account::new(request);
    let compared = compared(file, request).await?;
    stage(file, request, native, &compared).await?;
    let bytes = Inserts::new(STAGE, request, Place::In(AT), None, narrow(&request.schema, native))
        .all(file, rows.open()?, &mut account)
        .await?;
    let refused = unusable(file, request, &compared).await?;
    put_aside(file, request, native, &mut account, refused).await?;
    let merge = statements(request, &compared);
    let mut changes = apply(&merge, file, request, native, &mut account).await?;
    if request.deletes(account.refused()) {
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

/// The temporary table: the target's types, so that values are stored as they would be there, and none of its rules. Keys
/// are compared as the target compares them.
async fn stage(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    compared: &[Compared],
) -> Result<()> {
    let declared = |name: &str| {
        let column = native.iter().find(|column| column.name == name);
        let key = compared.iter().find(|key| key.column == name);
        let collation = key.map(|key| format!(" COLLATE {}", quote(&key.collation))).unwrap_or_default();
        format!("{} {}{collation}", quote(name), column.map_or("", |column| column.declared.as_str()))
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

/// Rows without a key, and those whose key another row has that is taken.
async fn unusable(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    compared: &[Compared],
) -> Result<Vec<RefusedRow>> {
    let mut without = Vec::new();
    for key in &request.key {
        let sql = format!("SELECT {AT} FROM {STAGE} WHERE {} IS NULL ORDER BY {AT}", quote(key));
        without.push(places(file, &sql).await?);
    }
    let keys: Vec<String> = compared.iter().map(|key| key.of("")).collect();
    let present: Vec<String> = request.key.iter().map(|key| format!("{} IS NOT NULL", quote(key))).collect();
    let order = by_key::order(request, quote, AT);
    let sql = format!(
        "SELECT {AT} FROM (SELECT {AT}, row_number() OVER (PARTITION BY {} ORDER BY {order}) AS n FROM {STAGE} WHERE {})
         WHERE n > 1 ORDER BY {AT}",
        keys.join(", "),
        present.join(" AND ")
    );
    by_key::unusable(request, without, places(file, &sql).await?)
}

async fn places(file: &mut SqliteConnection, sql: &str) -> Result<Vec<u64>> {
    let rows: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(file).await.map_err(|error| translate(&error))?;
    Ok(rows.into_iter().map(i64::unsigned_abs).collect())
}

/// Takes rows that rest on the stage out of the load.
async fn put_aside(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    account: &mut Account,
    refused: Vec<RefusedRow>,
) -> Result<()> {
    for some in refused.chunks(PUT_ASIDE) {
        let places: Vec<String> = some.iter().map(|row| row.at.to_string()).collect();
        let these = format!("WHERE {AT} IN ({})", places.join(", "));
        some.iter().try_for_each(|row| account.refuse(row.clone()))?;
        execute(file, &format!("UPDATE {STAGE} SET {OUT} = 1 {these}")).await?;
        if request.verify != Verify::Rows {
            let rows = select_from(STAGE, native, &request.schema, &format!(" {these}"));
            account.take_back(&look(file, &rows, request).await?.whole()?);
        }
    }
    Ok(())
}

fn statements(request: &LoadRequest, compared: &[Compared]) -> Merge {
    let is_history = request.mode == Mode::History;
    let target = sql(&request.dataset);
    let each = |names: &[&str], form: &dyn Fn(&str) -> String, between: &str| {
        names.iter().map(|name| form(&quote(name))).collect::<Vec<_>>().join(between)
    };
    // A key that is spelt otherwise than the target spells it is a change as any other.
    let exact = |name: &&str| !compared.iter().any(|key| key.column == **name && key.is_exact());
    let others: Vec<&str> = request.schema.names().filter(exact).collect();
    let matches: Vec<String> = compared.iter().map(|key| format!("{} = {}", key.of("t."), key.of("s."))).collect();
    let matches = matches.join(" AND ");
    let equal = each(&others, &|name| format!("t.{name} IS s.{name} COLLATE BINARY"), " AND ");
    let current = if is_history { format!(" AND t.{CURRENT}") } else { String::new() };
    let in_range = format!("s.{OUT} = 0 AND s.{AT} {RANGE}");
    let now = format!("'{}'", clock::now().rfc3339());
    let ends = format!("{TO} = {now}, {CURRENT} = 0");
    let sets = if is_history { ends.clone() } else { each(&others, &|name| format!("{name} = s.{name}"), ", ") };
    // Of keys alone, there is nothing that could change.
    let change = (!others.is_empty() && !faults::planted("updates_nothing")).then(|| {
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
    Merge { change, insert, end_absent, mine, is_history }
}

async fn apply(
    merge: &Merge,
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    account: &mut Account,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut halves = Halves::of(0..usize::try_from(account.sent()).unwrap_or(usize::MAX));
    while let Some(rows) = halves.take() {
        execute(file, "SAVEPOINT windvane").await?;
        let done = range(merge, file, &rows).await;
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
        if let Some(at) = halves.blame(&rows) {
            let column = column_in(error.message());
            put_aside(file, request, native, account, vec![refusal(error, at, request.refused, column)?]).await?;
        }
    }
    Ok(changes)
}

async fn range(merge: &Merge, file: &mut SqliteConnection, rows: &Range<usize>) -> Result<(u64, u64)> {
    let (change, insert) = merge.between(rows);
    let updated = match change {
        Some(change) => execute(file, &change).await?,
        None => 0,
    };
    let inserted = execute(file, &insert).await?;
    Ok((merge.fresh(inserted, updated), updated))
}
