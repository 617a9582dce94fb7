//! Which loads are done: a row a load, written in the transaction of its rows.

use super::super::copy_out::Copy;
use super::super::failure::translate;
use super::super::filter;
use super::super::statement::execute;
use super::super::table::{Existing, TableName, check_name};
use super::job::{Job, Stop, run};
use super::target::unpadded;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::ledger::{self, Ledger};
use windvane_connect::read_back::{ReadBack, already};
use windvane_connect::rerun::{Facts, LedgerLoad, LoadAction, Undo};
use windvane_connect::{LoadRequest, Loaded};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
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
pub(super) async fn look_up(session: &mut PgConnection, job: &Job) -> Result<LoadAction> {
    ledger::look_up(&mut Asked { session, job, existing: None }, &job.request).await
}

/// A load that the server is asked for.
struct Asked<'a> {
    session: &'a mut PgConnection,
    job: &'a Job,
    existing: Option<Existing>,
}

impl Asked<'_> {
    fn existing(&self) -> Result<&Existing> {
        self.existing.as_ref().ok_or_else(|| Error::internal("a table was not looked at"))
    }
}

impl Ledger for Asked<'_> {
    async fn mine(&mut self) -> Result<Option<(Loaded, Facts)>> {
        let Job { ledger, request, .. } = self.job;
        let sql = format!("{} WHERE dataset = $1 AND load_id = $2", select(ledger));
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(&request.dataset)
            .bind(&request.load_id)
            .fetch_optional(&mut *self.session)
            .await
            .map_err(|error| translate(&error))?;
        row.map(|row| answered(row, ledger)).transpose()
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<LedgerLoad>> {
        newest(self.session, &self.job.ledger, &self.job.request.dataset, most).await
    }

    async fn look(&mut self) -> Result<bool> {
        self.existing = self.job.table.existing(self.session).await?;
        Ok(self.existing.is_some())
    }

    fn has(&self, column: &str) -> bool {
        self.existing.iter().flat_map(|existing| &existing.columns).any(|known| known.name == column)
    }

    fn own_rows_sql(&self, also: &[String]) -> Result<String> {
        own_rows_sql(&self.job.request, self.existing()?, also)
    }

    async fn count(&mut self, condition: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}{condition}", self.job.table.sql());
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *self.session).await;
        let count: i64 = count.map_err(|error| translate(&error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn holds(&mut self, condition: &str, columns: &Schema, checksum: &str) -> Result<bool> {
        // With the blanks that the table has added to `char`, or without them: as the load had read them back.
        for existing in [self.existing()?.clone(), unpadded(self.existing()?)] {
            let seen = ReadBack::default();
            let look = |batch| std::future::ready(seen.look(batch));
            Copy::new(&self.job.table, &existing, columns, condition).run(self.session, columns, look).await?;
            if seen.is(checksum) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The condition that chooses the rows of a load, and of these.
fn own_rows_sql(request: &LoadRequest, existing: &Existing, also: &[String]) -> Result<String> {
    ledger::own_rows_sql(request, also, quote, |within| Ok(filter::clause(&filter::of(within, existing)?)))
}

/// Deletes the rows of the earlier try, which were so many.
pub(super) async fn undo(session: &mut PgConnection, job: &Job, existing: &Existing, undo: &Undo) -> Result<(), Stop> {
    let sql = format!("DELETE FROM {}{}", job.table.sql(), own_rows_sql(&job.request, existing, &undo.also)?);
    let gone = run(session, &sql).await.map_err(|stop| Stop::Failed(stop.error()))?;
    Ok(ledger::went(undo, gone)?)
}

/// Of an empty table, no load has left a row: whoever comes again finds its rows gone.
pub(super) async fn forget(session: &mut PgConnection, job: &Job) -> Result<()> {
    let sql = format!("SELECT EXISTS (SELECT FROM {})", job.table.sql());
    let some: bool =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *session).await.map_err(|error| translate(&error))?;
    if some {
        return Ok(());
    }
    let sql = format!("UPDATE {} SET mode = '{}' WHERE dataset = $1 AND rows > 0", job.ledger.sql(), ledger::GONE);
    let done = sqlx::query(AssertSqlSafe(sql)).bind(&job.request.dataset).execute(session).await;
    done.map(drop).map_err(|error| translate(&error))
}

fn listed(row: &Row) -> LedgerLoad {
    let (load_id, rows, _, _, _, facts, mode) = row;
    LedgerLoad {
        load_id: load_id.clone(),
        rows: u64::try_from(*rows).unwrap_or(0),
        facts: ledger::known(facts.as_deref().unwrap_or_default()),
        effect: ledger::effect(mode),
    }
}

fn select(ledger: &TableName) -> String {
    format!("SELECT load_id, rows, bytes, checksum, {RECEIPT}, {FACTS}, mode FROM {}", ledger.sql())
}

fn answered((id, rows, bytes, checksum, receipt, facts, _): Row, ledger: &TableName) -> Result<(Loaded, Facts)> {
    let facts = ledger::known(facts.as_deref().unwrap_or_default());
    let Some(receipt) = receipt else { return Ok((already(&id, rows, bytes, checksum), facts)) };
    let loaded: Loaded = serde_json::from_str(&receipt).map_err(|error| {
        Error::internal(format!("the ledger '{ledger}' holds a receipt that cannot be read")).caused_by(&error)
    })?;
    Ok((Loaded { already: true, ..loaded }, facts))
}

/// The newest loads of a dataset first.
async fn newest(session: &mut PgConnection, ledger: &TableName, dataset: &str, limit: u32) -> Result<Vec<LedgerLoad>> {
    let sql = format!("{} WHERE dataset = $1 ORDER BY loaded_at DESC, load_id LIMIT {limit}", select(ledger));
    let rows = sqlx::query_as(AssertSqlSafe(sql)).bind(dataset).fetch_all(session).await;
    let rows: Vec<Row> = rows.map_err(|error| translate(&error))?;
    Ok(rows.iter().map(listed).collect())
}

/// The newest loads of a dataset. Changes nothing: without a ledger there were none.
pub(in super::super) async fn loads(
    session: &mut PgConnection,
    ledger: &TableName,
    dataset: &str,
    most: u32,
) -> Result<Vec<LedgerLoad>> {
    if !ledger.existing(session).await?.is_some_and(|known| complete(&known)) {
        return Ok(Vec::new());
    }
    newest(session, ledger, dataset, most).await
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
        .bind(ledger::facts(&job.request)?)
        .execute(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}
