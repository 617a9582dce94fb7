//! Which loads are done: a row a load, written in the transaction of its rows.

use super::super::failure::translate;
use super::super::filter;
use super::super::read::{Copy, execute};
use super::super::table::{Existing, TableName, check_name};
use super::target::unpadded;
use super::{Job, Stop, run};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::again::{Course, Earlier, Facts, Known, Own, There, Undo, others_went};
use windvane_connect::read_back::{ReadBack, already};
use windvane_connect::tell::Tell;
use windvane_connect::{LoadRequest, Loaded, ledger as words};
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;

/// The receipt as JSON; ledgers of earlier versions lack it.
const RECEIPT: &str = "receipt";
/// What the load was about; ledgers of earlier versions lack it.
const FACTS: &str = "facts";
/// Inside the receipt.
const NOTE: &str = "note";

fn complete(known: &Existing) -> bool {
    [RECEIPT, FACTS].iter().all(|name| known.columns.iter().any(|column| column.name == *name))
}

/// The schema and the ledger, in a transaction of their own: first loads of different datasets need not wait for each
/// other. `IF NOT EXISTS` alone can still collide, hence the lock.
pub(super) async fn prepare(session: &mut PgConnection, ledger: &TableName) -> Result<()> {
    if ledger.existing(session).await?.is_some_and(|known| complete(&known)) {
        return Ok(());
    }
    execute(session, "BEGIN").await?;
    lock(session, &format!("windvane:{}", ledger.schema)).await?;
    let has_schema: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(&ledger.schema)
        .fetch_one(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    if !has_schema {
        check_name(&ledger.schema, "schema")?;
        execute(session, &format!("CREATE SCHEMA {}", quote(&ledger.schema))).await?;
    }
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {} (dataset text NOT NULL, load_id text NOT NULL, mode text NOT NULL,
         rows bigint NOT NULL, bytes bigint NOT NULL, checksum text NOT NULL,
         loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(), {RECEIPT} text, {FACTS} text, PRIMARY KEY (dataset, load_id))",
        ledger.sql()
    );
    execute(session, &create).await?;
    execute(session, &format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {RECEIPT} text", ledger.sql())).await?;
    execute(session, &format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {FACTS} text", ledger.sql())).await?;
    execute(session, "COMMIT").await
}

/// Held until the transaction ends.
pub(super) async fn lock(session: &mut PgConnection, key: &str) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(key)
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}

type Row = (String, i64, i64, String, Option<String>, Option<String>, String);

/// What an earlier try answered, word for word, when that stands.
pub(super) async fn look_up(session: &mut PgConnection, job: &Job) -> Result<Course> {
    let (ledger, request) = (&job.ledger, &job.request);
    let sql = format!("{} WHERE dataset = $1 AND load_id = $2", select(ledger));
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    if row.is_none() && !request.is_looked_at() {
        return Ok(Course::first(request));
    }
    let all = newest(session, ledger, &request.dataset, words::looked_through(request, row.is_some())).await?;
    let loads = all.iter().map(listed).collect();
    let earlier = match row {
        Some(row) => {
            let (loaded, facts) = loaded(row, ledger)?;
            Earlier { loaded, facts, loads, lost: false }
        }
        None => Earlier::lost(request, loads),
    };
    if earlier.is_new(request) {
        return Ok(Course::first(request));
    }
    let existing = job.table.existing(session).await?;
    let (rows, own) = match &existing {
        Some(existing) => (Some(count(session, &job.table, "").await?), own(session, job, existing, &earlier).await?),
        None => (None, Own::Untold),
    };
    earlier.course(request, There { rows, own })
}

/// Which rows of the table are those of the earlier try.
async fn own(session: &mut PgConnection, job: &Job, existing: &Existing, earlier: &Earlier) -> Result<Own> {
    let request = &job.request;
    let has = |name: &str| existing.columns.iter().any(|column| column.name == name);
    let own = earlier.told(request, has);
    if !own.is_told() {
        return Ok(own);
    }
    let condition = told(request, existing, &earlier.also(request))?;
    let own = own.counted(count(session, &job.table, &condition).await?);
    let Some((columns, checksum)) = earlier.compared(own) else { return Ok(own) };
    // With the blanks that the table has added to `char`, or without them: as the load had read them back.
    for existing in [existing.clone(), unpadded(existing)] {
        let seen = ReadBack::default();
        let look = |batch| std::future::ready(seen.look(batch));
        Copy::new(&job.table, &existing, columns, &condition).run(session, columns, look).await?;
        if seen.is(checksum) {
            return Ok(own.compared(true));
        }
    }
    Ok(own.compared(false))
}

/// The condition that chooses the rows of a load, and of these.
fn told(request: &LoadRequest, existing: &Existing, also: &[String]) -> Result<String> {
    match &request.tell {
        Some(Tell::Column(column)) => Ok(format!(" WHERE {} {}", quote(column), request.marked_sql(also))),
        Some(Tell::Window { within, .. }) => Ok(filter::clause(&filter::of(within, existing)?)),
        None => Err(Error::internal("rows were to be told from others by nothing")),
    }
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(session: &mut PgConnection, job: &Job, existing: &Existing, undo: Undo) -> Result<(), Stop> {
    let Undo { rows, also, .. } = undo;
    let sql = format!("DELETE FROM {}{}", job.table.sql(), told(&job.request, existing, &also)?);
    match run(session, &sql).await.map_err(|stop| Stop::Failed(stop.error()))? {
        gone if gone == rows => Ok(()),
        gone => Err(others_went(rows, gone).into()),
    }
}

/// Of an empty table, no load has left a row: whoever comes again finds its rows gone.
pub(super) async fn forget(session: &mut PgConnection, job: &Job) -> Result<()> {
    let sql = format!("SELECT EXISTS (SELECT FROM {})", job.table.sql());
    let some: bool =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *session).await.map_err(|error| translate(&error))?;
    if some {
        return Ok(());
    }
    let sql = format!("UPDATE {} SET mode = '{}' WHERE dataset = $1 AND rows > 0", job.ledger.sql(), words::GONE);
    let done = sqlx::query(AssertSqlSafe(sql)).bind(&job.request.dataset).execute(session).await;
    done.map(drop).map_err(|error| translate(&error))
}

fn listed(row: &Row) -> Known {
    let (load_id, rows, _, _, _, facts, mode) = row;
    Known {
        load_id: load_id.clone(),
        rows: u64::try_from(*rows).unwrap_or(0),
        facts: words::known(facts.as_deref().unwrap_or_default()),
        manner: words::manner(mode),
    }
}

fn select(ledger: &TableName) -> String {
    format!("SELECT load_id, rows, bytes, checksum, {RECEIPT}, {FACTS}, mode FROM {}", ledger.sql())
}

fn loaded((id, rows, bytes, checksum, receipt, facts, _): Row, ledger: &TableName) -> Result<(Loaded, Facts)> {
    let facts = words::known(facts.as_deref().unwrap_or_default());
    let Some(receipt) = receipt else { return Ok((already(&id, rows, bytes, checksum), facts)) };
    let loaded: Loaded = serde_json::from_str(&receipt).map_err(|error| {
        Error::internal(format!("the ledger '{ledger}' holds a receipt that cannot be read")).caused_by(&error)
    })?;
    Ok((Loaded { already: true, ..loaded }, facts))
}

async fn count(session: &mut PgConnection, table: &TableName, condition: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {}{condition}", table.sql())))
        .fetch_one(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The newest loads of a dataset first.
async fn newest(session: &mut PgConnection, ledger: &TableName, dataset: &str, limit: u32) -> Result<Vec<Row>> {
    let sql = format!("{} WHERE dataset = $1 ORDER BY loaded_at DESC, load_id LIMIT {limit}", select(ledger));
    let rows = sqlx::query_as(AssertSqlSafe(sql)).bind(dataset).fetch_all(session).await;
    rows.map_err(|error| translate(&error))
}

/// The newest loads of a dataset. Changes nothing: without a ledger there were none.
pub(in super::super) async fn loads(
    session: &mut PgConnection,
    ledger: &TableName,
    dataset: &str,
    most: u32,
) -> Result<Vec<Known>> {
    if !ledger.existing(session).await?.is_some_and(|known| complete(&known)) {
        return Ok(Vec::new());
    }
    Ok(newest(session, ledger, dataset, most).await?.iter().map(listed).collect())
}

/// What was noted beside the receipt of a load that is done.
pub(super) async fn note(session: &mut PgConnection, job: &Job) -> Result<Option<Value>> {
    let sql = format!("SELECT {RECEIPT} FROM {} WHERE dataset = $1 AND load_id = $2", job.ledger.sql());
    let receipt: Option<Option<String>> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&job.request.dataset)
        .bind(&job.request.load_id)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    let receipt: Option<Value> = receipt.flatten().and_then(|receipt| serde_json::from_str(&receipt).ok());
    Ok(receipt.and_then(|mut receipt| receipt.get_mut(NOTE).map(Value::take)))
}

/// `note`: what is kept beside the receipt.
pub(super) async fn write_down(
    session: &mut PgConnection,
    job: &Job,
    loaded: &Loaded,
    note: Option<&Value>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum, {RECEIPT}, {FACTS}, loaded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) ON CONFLICT (dataset, load_id) DO UPDATE SET (mode, rows, bytes, \
         checksum, loaded_at, {RECEIPT}, {FACTS}) = (excluded.mode, excluded.rows, excluded.bytes, excluded.checksum, \
         clock_timestamp(), excluded.{RECEIPT}, excluded.{FACTS})",
        job.ledger.sql()
    );
    let mut receipt = serde_json::to_value(loaded)
        .map_err(|error| Error::internal("a receipt could not be written").caused_by(&error))?;
    if let Some(note) = note {
        receipt[NOTE] = note.clone();
    }
    sqlx::query(AssertSqlSafe(sql))
        .bind(&job.request.dataset)
        .bind(&job.request.load_id)
        .bind(job.request.mode.word())
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .bind(receipt.to_string())
        .bind(words::facts(&job.request)?)
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
