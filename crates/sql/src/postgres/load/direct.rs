//! Rows copied into the table itself.
//!
//! `replace` deletes and copies in one transaction. A staging table whose rows are then inserted would take the same
//! lock, if for a shorter time, leave the same dead rows, and write every row twice
//! (`tests/bench/bench_postgres_in.py` compares the two). TRUNCATE would leave no dead rows, but locks readers out until the commit and empties the table for
//! readers of an older snapshot. So: DELETE under a lock that keeps out writers, whose rows would otherwise survive the
//! replacement; readers go on seeing the old rows until the commit. Autovacuum reclaims the old rows' space afterwards.

use super::super::copy_out::Copy;
use super::super::statement::execute;
use super::copy::{Layout, send};
use super::job::{Job, Stop, run};
use super::target::{Target, unpadded};
use sqlx::postgres::PgConnection;
use windvane_connect::read_back::{ReadBack, Tally, counted, others_there};
use windvane_connect::{Batch, Expected, Loaded, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::spec::target::Mode;

/// A deferred constraint should name itself here, not at the commit.
pub(super) const CHECK_NOW: &str = "SET CONSTRAINTS ALL IMMEDIATE";
/// The rows of this transaction only. txid_current has an epoch above the 32 bits that rows carry.
const MY_ROWS: &str = " WHERE xmin = ((txid_current() & 4294967295)::text)::xid";
/// Scans of ranges of pages came with PostgreSQL 14.
const PAGE_RANGES: i32 = 140_000;

pub(super) async fn load(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    rows: &mut Rows,
) -> Result<Loaded, Stop> {
    let request = &job.request;
    if request.mode == Mode::Replace {
        empty(session, target).await?;
    }
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", target.name.sql(), target.column_list());
    let layout = Layout {
        schema: request.schema.clone(),
        forms: target.columns.iter().chain(&target.mark).filter_map(|column| column.form).collect(),
        placed: false,
        narrow: target.narrow.clone(),
        mark: request.marked().map(|field| (field, request.load_id.clone())),
    };
    let sent = send(session, &sql, layout, rows.open()?, Tally::new(request)).await?;
    let tally = sent.tally;
    if sent.taken != tally.rows() && !faults::planted("unverified") {
        return Err(kept_away(tally.rows(), sent.taken).into());
    }
    run(session, CHECK_NOW).await?;
    let expected = tally.expected(request)?;
    if !request.reads_back(tally.rows()) {
        return Ok(counted(request, tally.rows(), sent.bytes));
    }
    Ok(read_back(session, job, target, &expected, sent.bytes).await?)
}

pub(super) fn kept_away(sent: u64, taken: u64) -> Error {
    if taken > sent {
        return others_there(Mode::Merge, sent, taken);
    }
    Error::data(format!("{sent} rows were sent, the server took {taken}: nothing was loaded"))
        .hint("A trigger or a rule of the table keeps rows away")
}

/// Deletes the old rows.
pub(super) async fn empty(session: &mut PgConnection, target: &Target) -> Result<()> {
    if target.created || faults::planted("keeps_old_rows") {
        return Ok(());
    }
    let table = target.name.sql();
    execute(session, &format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")).await?;
    execute(session, &format!("DELETE FROM {table}")).await
}

/// What is in the table now, compared with what must be.
async fn read_back(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    expected: &Expected,
    bytes: u64,
) -> Result<Loaded> {
    let request = &job.request;
    if request.mode == Mode::Replace {
        return agreed(session, job, target, "", (expected, bytes)).await;
    }
    // A table grows at its end, unless it has room in old pages. Without triggers there is no row of ours beyond those
    // that the server counted: when all of them are found in the new pages, none is in the old ones.
    if target.pages > 0 && target.version >= PAGE_RANGES && !target.reacts && !target.partitioned() {
        let rest = format!("{MY_ROWS} AND ctid >= '({},0)'::tid", target.pages);
        let seen = look(session, job, target, &rest).await?;
        if seen.rows() == expected.rows {
            let first = seen.agrees(request, expected, bytes);
            return if target.pads() && first.is_err() {
                agreed(session, job, target, &rest, (expected, bytes)).await
            } else {
                first
            };
        }
    }
    agreed(session, job, target, MY_ROWS, (expected, bytes)).await
}

/// The rows that `rest` chooses are the expected ones; blanks that the table has added to `char` are none of theirs.
pub(super) async fn agreed(
    session: &mut PgConnection,
    job: &Job,
    target: &Target,
    rest: &str,
    (expected, bytes): (&Expected, u64),
) -> Result<Loaded> {
    let request = &job.request;
    let first = look(session, job, target, rest).await?.agrees(request, expected, bytes);
    match first {
        Err(error) if target.pads() && error.kind() == Kind::Data => {
            let seen = ReadBack::default();
            let look = |batch: Batch| {
                let looked = seen.look(batch);
                async move { looked }
            };
            let bare = unpadded(&target.existing);
            Copy::new(&target.name, &bare, &request.schema, rest).run(session, &request.schema, look).await?;
            seen.agrees(request, expected, bytes).map_err(|_| {
                error.hint("A trigger or a default changed values; or blanks at the end of some texts were lost in a char column: cast it to text there, or trim them in a step. Nothing was loaded")
            })
        }
        other => other,
    }
}

/// The rows of the target that `rest` chooses, looked at.
pub(super) async fn look(session: &mut PgConnection, job: &Job, target: &Target, rest: &str) -> Result<ReadBack> {
    if faults::planted("commits_early") {
        execute(session, "COMMIT; BEGIN").await?;
    }
    let seen = ReadBack::default();
    let look = |batch: Batch| {
        let looked = seen.look(batch);
        async move { looked }
    };
    let schema = &job.request.schema;
    Copy::new(&target.name, &target.existing, schema, rest).run(session, schema, look).await?;
    Ok(seen)
}
