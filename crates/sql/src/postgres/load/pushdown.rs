//! Rows that the server makes itself: raw rows into temporary tables, one query over them, what it gives judged and then
//! moved as staged rows are. All of it in the transaction of the ledger row, so that nothing is left of what was not
//! committed.
//!
//! The table of the load is not touched, nor locked, before its rows are known and judged. A query that fails is asked
//! in parts, in the same transaction, which step, column and row are to blame.

use super::super::copy_out::Copy;
use super::super::failure::translate;
use super::super::statement::execute;
use super::super::table::name;
use super::super::watchdog::Watchdog;
use super::copy::send;
use super::direct::kept_away;
use super::job::{Job, Stop, run};
use super::stage::Stage;
use super::staged;
use super::temporary::{STAGED, columns, layout, prepare, take_out, temporary};
use super::{begin, check, clear, commit, foreign_keys, ledger, load_statements, prepare};
use arrow::array::{AsArray, BooleanArray, Int64Array};
use arrow::datatypes::Int64Type;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use windvane_connect::narrow::Narrow;
use windvane_connect::pushdown::{Probe, PushdownLoad, PushdownRequest, Raw, RowValidator};
use windvane_connect::read_back::Tally;
use windvane_connect::rerun::{LoadAction, swapped};
use windvane_connect::{Batch, LoadRequest, Loaded, RefusedRow};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Field, Schema, sql::quote};

pub(in super::super) async fn load(
    mut session: PgConnection,
    schema: &str,
    request: LoadRequest,
    pushed: PushdownRequest,
    watchdog: Watchdog,
) -> Result<PushdownLoad> {
    check(&request)?;
    let job = Job::new(schema, request, watchdog);
    ledger::prepare(&mut session, &job.ledger).await.map_err(|error| name(error, &job.ledger))?;
    let mut dropped = Vec::new();
    let done = attempt(&mut session, &job, pushed, &mut dropped).await;
    if done.is_err() {
        // Dropping the session would undo it too; this does it before the caller goes on. A dead session cannot.
        drop(execute(&mut session, "ROLLBACK").await);
    }
    let notes = foreign_keys::make(&mut session, &job, &dropped).await;
    let noted = |done: PushdownLoad| PushdownLoad { loaded: Loaded { notes, ..done.loaded }, ..done };
    done.map(noted).map_err(|stop| name(stop.error(), &job.table))
}

/// What an earlier try was answered and has noted.
async fn known(session: &mut PgConnection, job: &Job, loaded: Loaded) -> Result<PushdownLoad, Stop> {
    let note = ledger::note(session, job).await?;
    execute(session, "ROLLBACK").await?;
    let other = || {
        Error::new(Kind::Conflict, "the run has loaded this already, in stages").hint("Start a new run for new rows")
    };
    Ok(PushdownLoad { loaded, note: note.ok_or_else(other)? })
}

async fn attempt(
    session: &mut PgConnection,
    job: &Job,
    mut pushed: PushdownRequest,
    dropped: &mut Vec<foreign_keys::Known>,
) -> Result<PushdownLoad, Stop> {
    let undo = match begin(session, job, dropped).await? {
        LoadAction::Load { undo } => undo,
        LoadAction::Done(loaded) => return known(session, job, *loaded).await,
    };
    prepare(session).await?;
    let request = &job.request;
    let mut bytes = 0;
    let first = pushed.raw.first().map(|raw| raw.name.clone()).unwrap_or_default();
    for (at, raw) in std::mem::take(&mut pushed.raw).into_iter().enumerate() {
        let dataset = raw.dataset.clone();
        let (sent, unfit) = stage(session, job, at, raw).await?;
        bytes += sent;
        match unfit.first() {
            Some(first) if at > 0 => {
                // Without it, rows would find no partner.
                return Err(Error::data(first.reason.clone())
                    .in_table(dataset)
                    .in_row(first.at + 1)
                    .hint("Nothing was loaded. Correct the row at the source")
                    .into());
            }
            Some(_) => pushed.validator.unfit(&unfit)?,
            None => {}
        }
    }
    let made = columns(&request.schema);
    for table in ["windvane_staged", "windvane_gone"] {
        let columns = format!("at int8 NOT NULL, number int8 NOT NULL{made}");
        execute(session, &format!("CREATE TEMP TABLE {table} ({columns}) ON COMMIT DROP")).await?;
    }
    let rows = make(session, &pushed.query, &pushed.probes, &first).await?;
    let added = match &pushed.added {
        Some(sql) => one(session, sql).await?,
        None => 0,
    };
    if pushed.validator.wants(rows) {
        judged(session, &request.schema, &mut pushed.validator).await?;
    }
    let expected = pushed.validator.end(u64::try_from(added).unwrap_or_default())?;
    let places = one(session, &format!("SELECT coalesce(max(at) + 1, 0) FROM {STAGED}")).await?;
    let mut stage = Stage::made(request, expected, bytes, u64::try_from(places).unwrap_or_default());
    let target = prepare::prepare(session, job).await?;
    let misfits = misfits(session, &request.schema, &target.narrow).await?;
    stage.refuse(session, misfits).await?;
    let statements = load_statements::choose(session, job, &target).await?;
    clear(session, job, &target, undo.as_ref()).await?;
    let aside = pushed.validator.quarantined() > 0;
    let loaded = swapped(staged::moved(session, job, &target, &statements, stage, (false, aside)).await?, undo);
    prepare::finish(session, job, &target).await?;
    let mut refused = BTreeMap::new();
    for row in &loaded.refused {
        refused.insert(row.at, row.clone());
    }
    if !refused.is_empty() {
        let judge = Mutex::new(&mut pushed.validator);
        let give = |rows: &RecordBatch, places: &Int64Array, numbers: &Int64Array| {
            let why = |at: &i64| refused.get(&u64::try_from(*at).unwrap_or_default()).cloned();
            let why: Vec<RefusedRow> = places.values().iter().filter_map(why).collect();
            judge.lock().unwrap_or_else(PoisonError::into_inner).refused(rows, numbers, &why)
        };
        rows_of(session, "windvane_gone", &request.schema, give).await?;
    }
    let note = pushed.validator.note(&loaded)?;
    ledger::write_down(session, job, &loaded, Some(&note)).await?;
    commit(session).await?;
    Ok(PushdownLoad { loaded, note })
}

/// A raw dataset as a temporary table, and as a view with the names of its columns: a table cannot have all of them.
/// The bytes that were sent, and the rows that were not.
async fn stage(session: &mut PgConnection, job: &Job, at: usize, raw: Raw) -> Result<(u64, Vec<RefusedRow>), Stop> {
    let (table, declared) = (format!("pg_temp.windvane_raw_{at}"), columns(&raw.schema));
    execute(session, &format!("CREATE TEMP TABLE windvane_raw_{at} (at int8 NOT NULL{declared}) ON COMMIT DROP"))
        .await?;
    let rows = job.watchdog.over(raw.rows).open()?;
    let copy = format!("COPY {table} FROM STDIN (FORMAT binary)");
    let sent = send(session, &copy, layout(&raw.schema, Narrow::default()), rows, Tally::counting()).await;
    let sent = sent.map_err(|stop| Stop::Failed(stop.error().in_table(&raw.dataset)))?;
    if sent.taken + sent.unfit.len() as u64 != sent.tally.rows() {
        return Err(kept_away(sent.tally.rows(), sent.taken).into());
    }
    execute(session, &format!("ANALYZE {table}")).await?;
    let named = raw.schema.names().enumerate().map(|(at, name)| format!("c{at} AS {}", quote(name)));
    let named = named.collect::<Vec<_>>().join(", ");
    execute(session, &format!("CREATE TEMP VIEW {} AS SELECT {named} FROM {table}", raw.name)).await?;
    Ok((sent.bytes, sent.unfit))
}

/// Runs the query over the `rows` into the table of staged rows; how many it made.
async fn make(session: &mut PgConnection, query: &str, probes: &[Probe], rows: &str) -> Result<u64, Stop> {
    execute(session, "SAVEPOINT windvane_made").await?;
    match run(session, &format!("INSERT INTO {STAGED} {query}")).await {
        Ok(made) => Ok(made),
        Err(Stop::Refused(error)) => Err(Stop::Failed(blamed(session, probes, rows, error).await?)),
        Err(stop) => Err(stop),
    }
}

/// The error of a failed query, with the step, the column and, where rows stand for themselves, the row.
async fn blamed(session: &mut PgConnection, probes: &[Probe], rows: &str, said: Error) -> Result<Error> {
    let hint = "Nothing was loaded. Correct the row at the source, or leave `strategy: pushdown` out: then the engine \
                sends such rows to quarantine one by one";
    for probe in probes {
        let Some(said) = failure(session, probe, "").await? else { continue };
        let mut error = Error::data(format!("the target cannot compute this step: {}", plain(said.message())));
        error = match &probe.column {
            Some(column) => error.at_path(format!("{}.{column}", probe.place)),
            None => error.at_path(&probe.place),
        };
        if probe.alone {
            error = error.in_row(row(session, probe, rows).await?);
        }
        return Ok(error.hint(hint));
    }
    Ok(Error::data(format!("the target cannot compute the steps: {}", plain(said.message()))).hint(hint))
}

/// What the query says itself when it stops: the server can only be made to repeat it as a value that is no number.
fn plain(said: &str) -> &str {
    let own = said.split_once('"').and_then(|(_, rest)| rest.strip_suffix('"'));
    own.filter(|own| own.starts_with("not a ") || own.starts_with("the join ")).unwrap_or(said)
}

/// What the server says to a probe of some rows, when it is a row's fault.
async fn failure(session: &mut PgConnection, probe: &Probe, rows: &str) -> Result<Option<Error>> {
    execute(session, "ROLLBACK TO SAVEPOINT windvane_made").await?;
    match run(session, &format!("{}{rows}{}", probe.ends.0, probe.ends.1)).await {
        Ok(_) => Ok(None),
        Err(Stop::Refused(error)) => Ok(Some(error)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The first row with which a probe fails: by halves.
async fn row(session: &mut PgConnection, probe: &Probe, rows: &str) -> Result<u64> {
    execute(session, "ROLLBACK TO SAVEPOINT windvane_made").await?;
    let mut low = one(session, &format!("SELECT min(windvane_row) FROM {rows}")).await?;
    let mut high = one(session, &format!("SELECT max(windvane_row) FROM {rows}")).await?;
    while low < high {
        let middle = low + (high - low) / 2;
        let some = format!(" WHERE windvane_row BETWEEN {low} AND {middle}");
        if failure(session, probe, &some).await?.is_some() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(u64::try_from(low).unwrap_or_default())
}

async fn one(session: &mut PgConnection, sql: &str) -> Result<i64> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(session).await.map_err(|error| translate(&error))
}

/// Shows all staged rows to the judge and takes out those that do not pass.
async fn judged(session: &mut PgConnection, schema: &Schema, judge: &mut Box<dyn RowValidator>) -> Result<()> {
    let seen = Mutex::new((judge, Vec::new()));
    let give = |rows: &RecordBatch, places: &Int64Array, numbers: &Int64Array| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (judge, failed) = &mut *seen;
        let passed: BooleanArray = judge.look(rows, numbers)?;
        failed
            .extend(places.values().iter().zip(&passed).filter(|(_, passed)| *passed != Some(true)).map(|(at, _)| *at));
        Ok(())
    };
    rows_of(session, "windvane_staged", schema, give).await?;
    let (_, failed) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        return Ok(());
    }
    take_out(session, failed, false).await
}

/// The staged rows that the table would change.
async fn misfits(session: &mut PgConnection, schema: &Schema, narrow: &Narrow) -> Result<Vec<RefusedRow>> {
    let found = Mutex::new(Vec::new());
    if !narrow.is_empty() {
        let look = |rows: &RecordBatch, places: &Int64Array, _: &Int64Array| {
            let place = |at: u64| usize::try_from(at).ok().and_then(|at| u64::try_from(places.value(at)).ok());
            let here = narrow.misfits(rows, 0).into_iter();
            let here = here.map(|row| RefusedRow { at: place(row.at).unwrap_or_default(), ..row });
            found.lock().unwrap_or_else(PoisonError::into_inner).extend(here);
            Ok(())
        };
        rows_of(session, "windvane_staged", schema, look).await?;
    }
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The rows of a temporary table of ours, batch by batch: the columns, the places, the numbers of their source rows.
async fn rows_of(
    session: &mut PgConnection,
    table: &str,
    schema: &Schema,
    give: impl Fn(&RecordBatch, &Int64Array, &Int64Array) -> Result<()>,
) -> Result<()> {
    let name = temporary(session, table).await?;
    let existing = name.existing(session).await?.ok_or_else(|| Error::internal("the staged rows are gone"))?;
    let whole = |name: &str| Field::new(name, DataType::Int64);
    let columns = schema.fields.iter().enumerate().map(|(at, field)| Field::new(format!("c{at}"), field.data_type));
    let wanted = Schema::new([whole("at"), whole("number")].into_iter().chain(columns).collect());
    let one = |batch: Batch| {
        let done = split(&batch).and_then(|(rows, places, numbers)| give(&rows, &places, &numbers));
        async move { done }
    };
    Copy::new(&name, &existing, &wanted, "").run(session, &wanted, one).await
}

fn split(batch: &Batch) -> Result<(RecordBatch, Int64Array, Int64Array)> {
    if let Some(rejected) = batch.rejected.first() {
        return Err(Error::data(format!("the steps made a value that cannot be loaded: {}", rejected.reason)));
    }
    let whole = |at: usize| batch.rows.column(at).as_primitive::<Int64Type>().clone();
    let rest: Vec<usize> = (2..batch.rows.num_columns()).collect();
    let broken = |error| Error::internal("the staged rows lack a column").caused_by(&error);
    let schema = batch.rows.schema().project(&rest).map_err(broken)?;
    let columns = batch.rows.columns().iter().skip(2).cloned().collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows.num_rows()));
    let rows = RecordBatch::try_new_with_options(schema.into(), columns, &options).map_err(broken)?;
    Ok((rows, whole(0), whole(1)))
}
