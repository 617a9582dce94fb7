//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest. What the target
//! refuses is found by halving, each half behind a savepoint.

use super::failure::{column_in, refuses_rows};
use super::load::look;
use super::session::Session;
use super::stage::{AT, OUT, Stage};
use super::table::{Existing, TableName, quote};
use std::ops::Range;
use windvane_connect::account::Account;
use windvane_connect::by_key::{CURRENT, Merge, RANGE, TO, versions};
use windvane_connect::halving::{Halves, refusal};
use windvane_connect::{Changes, LoadRequest, Loaded, RefusedRow, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::target::Mode;

pub(super) async fn load(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = Account::new(request);
    let (stage, bytes) = Stage::fill(session, (table, existing), request, rows, &mut account).await?;
    let refused = stage.unusable(session, request).await?;
    put_aside(session, &stage, request, &mut account, refused).await?;
    let merge = statements(session, table, existing, request, &stage).await?;
    let mut changes = apply(&merge, session, &stage, request, &mut account).await?;
    if request.deletes(account.refused()) {
        changes.deleted = session.execute(&merge.end_absent).await?;
    }
    changes.unchanged = account.kept().saturating_sub(changes.inserted + changes.updated);
    account.check(request)?;
    let loaded = if request.reads_back(account.sent()) {
        let seen = look(session, table, existing, request, &merge.mine).await?;
        account.agrees(request, seen, &Checksum::default(), bytes)?
    } else {
        account.counted(request, bytes)
    };
    stage.drop(session).await?;
    Ok(Loaded { changes: Some(changes), ..loaded })
}

/// Takes rows that rest on the stage out of the load.
async fn put_aside(
    session: &mut Session,
    stage: &Stage,
    request: &LoadRequest,
    account: &mut Account,
    refused: Vec<RefusedRow>,
) -> Result<()> {
    refused.iter().try_for_each(|row| account.refuse(row.clone()))?;
    account.take_back(&stage.put_aside(session, request, &refused).await?);
    Ok(())
}

async fn statements(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    stage: &Stage,
) -> Result<Merge> {
    let is_history = request.mode == Mode::History;
    let (target, staged) = (table.sql(), stage.sql());
    let matches = stage.matches(existing, &request.key);
    let others = stage.written(request);
    let same = stage.equal(existing, &others);
    let current = if is_history { format!(" AND t.{}", quote(CURRENT)) } else { String::new() };
    let taken = format!("s.{} = 0", quote(OUT));
    let in_range = format!("{taken} AND s.{} {RANGE}", quote(AT));
    let now = if is_history { now(session).await? } else { String::new() };
    let ends = format!("t.{} = {now}, t.{} = 0", quote(TO), quote(CURRENT));
    let sets = if is_history { ends.clone() } else { stage.sets(existing, &others) };
    // Of keys alone, there is nothing that could change.
    let change = (!others.is_empty() && !faults::planted("updates_nothing")).then(|| {
        format!("UPDATE {target} t JOIN {staged} s ON {matches}{current} SET {sets} WHERE {in_range} AND NOT ({same})")
    });
    let mut names: Vec<String> = request.schema.names().map(quote).collect();
    let mut values = stage.values(existing);
    if is_history {
        names.extend(versions().iter().map(|field| quote(&field.name)));
        values.push(format!("{now}, NULL, 1"));
    }
    let key = quote(request.key.first().map_or("", String::as_str));
    let insert = format!(
        "INSERT INTO {target} ({}) SELECT {} FROM {staged} s LEFT JOIN {target} t ON {matches}{current}
             WHERE {in_range} AND t.{key} IS NULL ORDER BY s.{}",
        names.join(", "),
        values.join(", "),
        quote(AT)
    );
    let gone = format!("LEFT JOIN {staged} s ON {matches}");
    let end_absent = if is_history {
        format!("UPDATE {target} t {gone} SET {ends} WHERE t.{} AND s.{} IS NULL", quote(CURRENT), quote(AT))
    } else {
        format!("DELETE t FROM {target} t {gone} WHERE s.{} IS NULL", quote(AT))
    };
    let mine = format!(" t WHERE EXISTS (SELECT 1 FROM {staged} s WHERE {matches} AND {taken}){current}");
    Ok(Merge { change, insert, end_absent, mine, is_history })
}

async fn apply(
    merge: &Merge,
    session: &mut Session,
    stage: &Stage,
    request: &LoadRequest,
    account: &mut Account,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut halves = Halves::of(0..usize::try_from(account.sent()).unwrap_or(usize::MAX));
    while let Some(rows) = halves.take() {
        session.execute("SAVEPOINT windvane").await?;
        let error = match range(merge, session, &rows).await {
            Ok((inserted, updated)) => {
                changes.inserted += inserted;
                changes.updated += updated;
                continue;
            }
            Err(error) if refuses_rows(&error) => error,
            Err(error) => return Err(error),
        };
        session.execute("ROLLBACK TO SAVEPOINT windvane").await?;
        if let Some(at) = halves.blame(&rows) {
            let column = column_in(error.message());
            put_aside(session, stage, request, account, vec![refusal(error, at, request.refused, column)?]).await?;
        }
    }
    Ok(changes)
}

async fn range(merge: &Merge, session: &mut Session, rows: &Range<usize>) -> Result<(u64, u64)> {
    let (change, insert) = merge.between(rows);
    let updated = match change {
        Some(change) => session.execute(&change).await?,
        None => 0,
    };
    let inserted = session.execute(&insert).await?;
    Ok((merge.fresh(inserted, updated), updated))
}

/// When the versions of this load begin and others end: one moment, by the server's clock.
async fn now(session: &mut Session) -> Result<String> {
    let now: Option<(String,)> = session.one("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)", &[]).await?;
    now.map(|(now,)| format!("'{now}'")).ok_or_else(|| Error::internal("the server does not know the time"))
}
