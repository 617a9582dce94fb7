//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest.

use super::failure::{column_in, refuses_rows};
use super::select::look;
use super::session::Session;
use super::stage::{AT, OUT, Stage};
use super::table::{Existing, TableName, quote};
use windvane_connect::bisect::Refuses;
use windvane_connect::by_key::{CURRENT, TO, versions};
use windvane_connect::merge::{self, Merge, Merges, RANGE};
use windvane_connect::read_back::ReadBack;
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::spec::target::Mode;

/// The server at a merge.
struct Merging<'a> {
    session: &'a mut Session,
    table: &'a TableName,
    existing: &'a Existing,
    request: &'a LoadRequest,
    stage: &'a Stage,
}

pub(super) async fn load(
    session: &mut Session,
    table: &TableName,
    existing: &Existing,
    request: &LoadRequest,
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = RowAccounting::new(request);
    let (stage, bytes) = Stage::fill(session, (table, existing), request, rows, &mut account).await?;
    let merge = statements(session, table, existing, request, &stage).await?;
    let words = stage.words(request);
    let mut merging = Merging { session: &mut *session, table, existing, request, stage: &stage };
    let loaded = merge::load(&mut merging, request, (&words, &merge), account, bytes).await?;
    stage.drop(session).await?;
    Ok(loaded)
}

impl Refuses for Merging<'_> {
    fn refuses_rows(error: &Error) -> bool {
        refuses_rows(error)
    }

    fn column_in(message: &str) -> Option<String> {
        column_in(message)
    }
}

impl Merges for Merging<'_> {
    const KEEP: &'static [&'static str] = &[];
    const UNDO: &'static [&'static str] = &["ROLLBACK TO SAVEPOINT windvane"];

    fn quoted(name: &str) -> String {
        quote(name)
    }

    async fn execute(&mut self, sql: &str) -> Result<u64> {
        self.session.execute(sql).await
    }

    async fn places(&mut self, sql: &str) -> Result<Vec<u64>> {
        let rows: Vec<(u64,)> = self.session.all(sql, &[]).await?;
        Ok(rows.into_iter().map(|(at,)| at).collect())
    }

    async fn staged(&mut self, rest: &str) -> Result<ReadBack> {
        self.stage.look(self.session, self.request, rest).await
    }

    async fn loaded(&mut self, rest: &str) -> Result<ReadBack> {
        look(self.session, self.table, self.existing, self.request, rest).await
    }
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

/// When the versions of this load begin and others end: one moment, by the server's clock.
async fn now(session: &mut Session) -> Result<String> {
    let now: Option<(String,)> = session.one("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)", &[]).await?;
    now.map(|(now,)| format!("'{now}'")).ok_or_else(|| Error::internal("the server does not know the time"))
}
