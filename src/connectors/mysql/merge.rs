//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest. What the target
//! refuses is found by halving, each half behind a savepoint.

use super::failure::refuses_rows;
use super::load::look;
use super::session::Session;
use super::stage::{AT, OUT, Stage};
use super::table::{Existing, TableName, quote};
use super::versions::{self, CURRENT, FROM, TO};
use super::write::refusal;
use crate::connectors::account::Account;
use crate::connectors::{Changes, LoadRequest, Loaded, RefusedRow, Rows};
use crate::error::{Error, Result};
use crate::schema::checksum::Checksum;
use crate::spec::RowPolicy;
use crate::spec::target::{Absent, Mode};

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
    let own = [FROM, TO, CURRENT].into_iter().find(|own| request.schema.field(own).is_some());
    match own.filter(|_| request.mode == Mode::History) {
        Some(own) => Err(Error::spec(format!("'{own}' is a column of every history")).hint("Rename yours in a step")),
        None => Ok(()),
    }
}

pub(super) async fn load(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = Account::new(request);
    let (stage, bytes) = Stage::fill(session, table, request, rows, &mut account).await?;
    for refused in stage.unusable(session, request).await? {
        put_aside(session, &stage, request, &mut account, refused).await?;
    }
    let merge = Merge::new(session, table, existing, request, &stage).await?;
    let mut changes = merge.apply(session, &stage, request, &mut account).await?;
    if request.absent == Absent::Delete {
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

/// Takes a row that rests on the stage out of the load.
async fn put_aside(
    session: &mut Session,
    stage: &Stage,
    request: &LoadRequest,
    account: &mut Account,
    refused: RefusedRow,
) -> Result<()> {
    let at = refused.at;
    account.refuse(refused)?;
    account.take_back(&stage.put_aside(session, request, at).await?);
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
    async fn new(
        session: &mut Session,
        table: &TableName,
        existing: &Existing,
        request: &LoadRequest,
        stage: &Stage,
    ) -> Result<Self> {
        let is_history = request.mode == Mode::History;
        let (target, staged) = (table.sql(), stage.sql());
        let matches = stage.matches(existing, &request.key);
        let others: Vec<&str> =
            request.schema.names().filter(|name| !request.key.iter().any(|key| key == name)).collect();
        let same = stage.equal(existing, &others);
        let current = if is_history { format!(" AND t.{}", quote(CURRENT)) } else { String::new() };
        let taken = format!("s.{} = 0", quote(OUT));
        let in_range = format!("{taken} AND s.{} BETWEEN {{from}} AND {{to}}", quote(AT));
        let now = if is_history { now(session).await? } else { String::new() };
        let ends = format!("t.{} = {now}, t.{} = 0", quote(TO), quote(CURRENT));
        let sets = if is_history { ends.clone() } else { stage.sets(existing, &others) };
        // Of keys alone, there is nothing that could change.
        let change = (!others.is_empty()).then(|| {
            format!(
                "UPDATE {target} t JOIN {staged} s ON {matches}{current} SET {sets} WHERE {in_range} AND NOT ({same})"
            )
        });
        let mut names: Vec<String> = request.schema.names().map(quote).collect();
        let mut values = stage.values(existing);
        if is_history {
            names.extend(versions::fields().iter().map(|field| quote(&field.name)));
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
        Ok(Self { change, insert, end_absent, mine, is_history })
    }

    async fn apply(
        &self,
        session: &mut Session,
        stage: &Stage,
        request: &LoadRequest,
        account: &mut Account,
    ) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut todo = if account.sent() == 0 { Vec::new() } else { vec![(0, account.sent() - 1)] };
        while let Some((from, to)) = todo.pop() {
            session.execute("SAVEPOINT windvane").await?;
            let error = match self.range(session, from, to).await {
                Ok((inserted, updated)) => {
                    changes.inserted += inserted;
                    changes.updated += updated;
                    continue;
                }
                Err(error) if refuses_rows(&error) => error,
                Err(error) => return Err(error),
            };
            session.execute("ROLLBACK TO SAVEPOINT windvane").await?;
            if from == to {
                if request.refused == RowPolicy::Fail {
                    return Err(error.in_row(from + 1));
                }
                put_aside(session, stage, request, account, refusal(&error, from)).await?;
            } else {
                let middle = from + (to - from) / 2;
                todo.push((middle + 1, to));
                todo.push((from, middle));
            }
        }
        Ok(changes)
    }

    async fn range(&self, session: &mut Session, from: u64, to: u64) -> Result<(u64, u64)> {
        let of = |sql: &str| sql.replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
        let updated = match &self.change {
            Some(change) => session.execute(&of(change)).await?,
            None => 0,
        };
        let inserted = session.execute(&of(&self.insert)).await?;
        Ok((if self.is_history { inserted.saturating_sub(updated) } else { inserted }, updated))
    }
}

/// When the versions of this load begin and others end: one moment, by the server's clock.
async fn now(session: &mut Session) -> Result<String> {
    let now: Option<(String,)> = session.one("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)", &[]).await?;
    now.map(|(now,)| format!("'{now}'")).ok_or_else(|| Error::internal("the server does not know the time"))
}
