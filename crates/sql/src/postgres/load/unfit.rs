//! Rows whose key is none of the target's type.

use super::super::failure::translate;
use super::super::statement::execute;
use super::column::Column;
use super::job::{Stop, run};
use super::temporary::STAGED;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::RefusedRow;
use windvane_core::error::Result;

/// Found one by one, when the server has refused to look at all of them.
pub(super) async fn rows(session: &mut PgConnection, columns: &[(&Column, usize)]) -> Result<Vec<RefusedRow>, Stop> {
    let casts: Vec<String> =
        columns.iter().map(|(column, at)| format!("PERFORM {};\n", column.cast(&format!("s.c{at}")))).collect();
    let casts = casts.concat();
    let block = format!(
        "DECLARE s record; windvane_name text; windvane_state text; windvane_said text;
BEGIN
  FOR s IN SELECT * FROM {STAGED} LOOP
    BEGIN
      {casts}
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
      GET STACKED DIAGNOSTICS windvane_name = COLUMN_NAME, windvane_state = RETURNED_SQLSTATE, windvane_said = MESSAGE_TEXT;
      INSERT INTO pg_temp.windvane_refused VALUES (s.at, windvane_name, windvane_state, NULL, windvane_said);
    END;
  END LOOP;
END"
    );
    run(session, &format!("DO $windvane_keys${block}$windvane_keys$")).await?;
    let refused: Vec<(i64, Option<String>)> =
        sqlx::query_as(AssertSqlSafe("SELECT at, said FROM pg_temp.windvane_refused ORDER BY at".to_owned()))
            .fetch_all(&mut *session)
            .await
            .map_err(|error| translate(&error))?;
    execute(session, "DELETE FROM pg_temp.windvane_refused").await?;
    let one =
        columns.first().filter(|_| columns.len() == 1).map(|(column, _)| column.name.trim_matches('"').to_owned());
    let told = |(at, said): (i64, Option<String>)| RefusedRow {
        at: u64::try_from(at).unwrap_or_default(),
        column: one.clone(),
        reason: said.unwrap_or_default(),
        superseded: false,
    };
    Ok(refused.into_iter().map(told).collect())
}
