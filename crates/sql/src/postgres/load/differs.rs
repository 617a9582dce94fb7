//! Which column of the target has other values than were sent: asked once it is known that one has.

use super::target::Target;
use super::temporary::STAGED;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_core::error::Error;
use windvane_core::redact;

/// So much of a value is shown.
const SHOWN: usize = 60;

type Found = (i64, Option<String>, Option<i64>);

/// The error with the first column that differs, a value that is there, and the first row whose value is not.
pub(super) async fn named(session: &mut PgConnection, target: &Target, mine: &str, error: Error) -> Error {
    for (at, column) in target.columns.iter().enumerate() {
        let there = format!("SELECT {} AS v FROM {}{mine}", column.told(&column.name), target.name.sql());
        let sent = column.told(&column.there(&format!("s.c{at}")));
        let sql = format!(
            "WITH there AS MATERIALIZED ({there}), other AS (SELECT v FROM there EXCEPT ALL SELECT {sent} FROM {STAGED} AS s)
             SELECT (SELECT count(*) FROM other), (SELECT min(v) FROM other),
                    (SELECT min(s.at) FROM {STAGED} AS s WHERE NOT EXISTS (SELECT FROM there WHERE v IS NOT DISTINCT FROM {sent}))"
        );
        // What cannot be asked is left out: the load has failed already.
        let found: Result<Found, _> = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *session).await;
        let (count, value, row) = match found {
            Ok((0, ..)) => continue,
            Ok(found) => found,
            Err(_) => return error,
        };
        let name = &column.plain_name;
        let value = value.map_or_else(|| "no value".to_owned(), |value| format!("'{}'", shown(&value)));
        let hint = error.hint_text().unwrap_or_default().to_owned();
        let message = format!("{}: column '{name}' has {value} there ({count} such values)", error.message());
        let named = Error::new(error.kind(), message).hint(hint).at_path(name);
        return match row.and_then(|row| u64::try_from(row).ok()) {
            Some(row) => named.in_row(row + 1),
            None => named,
        };
    }
    error
}

fn shown(value: &str) -> String {
    redact::text(value).chars().take(SHOWN).collect()
}
