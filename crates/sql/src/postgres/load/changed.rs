//! Texts that the server would change, and not only write in a form of its own: `1 day` for `P1D` is the same interval, but
//! a `real[]` has no 16777217. Their rows are refused before anything is moved.

use super::super::failure::translate;
use super::super::statement::execute;
use super::column::Column;
use super::job::{Stop, run};
use super::loses::Loses;
use super::target::Target;
use super::temporary::STAGED;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::RefusedRow;
use windvane_core::error::Result;

/// Whether something of a staged text is lost in the column, as SQL; nothing where it cannot be.
fn lost(column: &Column, staged: &str) -> Option<String> {
    const FRACTION: &str = "[.,][0-9]{6}[0-9]*[1-9]";
    const MONTHS: &str = "[.,][0-9]+ *(y|mon|dec|cen|mille|c )|^ *[-+]?P[^T]*[.,]";
    let (loses, declared) = column.loses;
    let (made, there) = (column.cast(staged), column.there(staged));
    let finds = |pattern: &str| Some(format!("{staged} ~* '{pattern}'"));
    let found = match loses {
        Loses::Nothing => None,
        Loses::Fraction => finds(FRACTION),
        Loses::Parts => finds(&format!("{FRACTION}|{MONTHS}")),
        Loses::Day => finds(&format!("{FRACTION}|[0-9]-[0-9]+-[0-9]")),
        Loses::Time => finds(":"),
        // An exponent as codes have it is none.
        Loses::Numbers => Some(format!(
            "{} IS DISTINCT FROM {} OR {staged} ~* '(^|[^0-9.])[0-9]{{2,}}e[0-9]'",
            numbers(staged),
            numbers(&column.told(&there))
        )),
        Loses::Cents => Some(format!("regexp_replace({staged}, '[$, ]', '', 'g')::numeric <> ({made})::numeric")),
        Loses::All => Some(format!("{} IS DISTINCT FROM {staged}", column.told(&made))),
    };
    let cut = (declared && loses != Loses::Numbers).then(|| format!("({there})::text <> ({made})::text"));
    let all: Vec<String> = found.into_iter().chain(cut).collect();
    (!all.is_empty()).then(|| format!("coalesce({}, false)", all.join(" OR ")))
}

/// The numbers in a text, in their order.
fn numbers(text: &str) -> String {
    const NUMBER: &str = "[-+]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?";
    format!("ARRAY(SELECT n[1]::numeric FROM regexp_matches({text}, '{NUMBER}', 'g') AS n)")
}

type Found = (i64, i32, Option<String>);

/// The rows of which something would be lost; those that the server does not take at all are left to it.
pub(super) async fn rows(session: &mut PgConnection, target: &Target) -> Result<Vec<RefusedRow>, Stop> {
    let made = target.columns.iter().enumerate().filter(|(_, column)| column.is_made());
    let lost: Vec<(usize, &Column, String)> =
        made.filter_map(|(at, column)| Some((at, column, lost(column, &format!("s.c{at}"))?))).collect();
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let when = |form: &dyn Fn(&(usize, &Column, String)) -> String| lost.iter().map(form).collect::<Vec<_>>().concat();
    let which = format!("CASE{} END", when(&|(at, _, lost)| format!(" WHEN {lost} THEN {at}")));
    let told = |(at, column, _): &(usize, &Column, String)| {
        format!(" WHEN {at} THEN {}", column.told(&column.there(&format!("s.c{at}"))))
    };
    let shown = format!("CASE which{} END", when(&told));
    let any = format!(
        "SELECT s.at, s.which, {shown} FROM (SELECT s.*, {which} AS which FROM {STAGED} AS s) AS s WHERE which IS NOT NULL ORDER BY s.at"
    );
    execute(session, "SAVEPOINT windvane_changed").await?;
    let found: Result<Vec<Found>, sqlx::Error> = sqlx::query_as(AssertSqlSafe(any)).fetch_all(&mut *session).await;
    let found = if let Ok(found) = found {
        found
    } else {
        // A session that is gone says so here, too.
        execute(session, "ROLLBACK TO SAVEPOINT windvane_changed").await?;
        one_by_one(session, &which, &shown).await?
    };
    let refused = |(at, which, told): Found| {
        let column = lost.iter().find(|(at, ..)| i32::try_from(*at) == Ok(which)).map(|(_, column, _)| *column);
        let declared = column.map_or("the column", |column| column.declared.as_str());
        let back = told.map(|told| format!(", it would come back as '{}'", told.chars().take(60).collect::<String>()));
        RefusedRow {
            at: u64::try_from(at).unwrap_or_default(),
            column: column.map(|column| column.plain_name.clone()),
            reason: format!("the value does not fit {declared} at the target{}", back.unwrap_or_default()),
            superseded: false,
        }
    };
    Ok(found.into_iter().map(refused).collect())
}

/// The same where the server refuses to look at all rows at once.
async fn one_by_one(session: &mut PgConnection, which: &str, shown: &str) -> Result<Vec<Found>, Stop> {
    let block = format!(
        "DECLARE s record; windvane_found int; windvane_told text;
BEGIN
  FOR s IN SELECT * FROM {STAGED} LOOP
    BEGIN
      windvane_found := {which};
      IF windvane_found IS NOT NULL THEN
        SELECT {shown} INTO windvane_told FROM (SELECT windvane_found AS which) AS one;
        INSERT INTO pg_temp.windvane_refused VALUES (s.at, windvane_found::text, NULL, NULL, windvane_told);
      END IF;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
END"
    );
    run(session, &format!("DO $windvane_changed${block}$windvane_changed$")).await?;
    let found = "SELECT at, name::int4, said FROM pg_temp.windvane_refused ORDER BY at".to_owned();
    let found =
        sqlx::query_as(AssertSqlSafe(found)).fetch_all(&mut *session).await.map_err(|error| translate(&error))?;
    execute(session, "DELETE FROM pg_temp.windvane_refused").await?;
    Ok(found)
}
