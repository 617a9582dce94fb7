//! Which of the staged rows the target does not take: found by the server itself, in one block of PL/pgSQL.
//!
//! The block moves a few thousand rows at a time, each time in a subtransaction of its own. When the server refuses, it
//! halves and halves again until one row is left: that one is written down with the server's reason, and the block goes
//! on behind it with growing steps. Rows come in their order, so that of two that exclude each other the first is taken.

use super::super::failure::translate;
use super::super::statement::execute;
use super::direct::CHECK_NOW;
use super::job::{Stop, run};
use super::load_statements::{Counts, LoadStatements};
use super::target::Target;
use sqlx::postgres::PgConnection;
use std::fmt::Write;
use windvane_connect::RefusedRow;
use windvane_core::error::Result;

/// Rows that are moved at once, at first and at most: what a refusal writes in vain.
const FIRST_STEP: u64 = 4_096;
const LONGEST_STEP: u64 = 16_384;
/// The server's classes of errors that a row is to blame for; the last one is what triggers of the user's raise.
const REFUSALS: &str = "data_exception OR integrity_constraint_violation OR raise_exception";
const RANGE: &str = " AND s.at >= windvane_low AND s.at < windvane_high";

type Row = (i64, Option<String>, Option<String>, Option<String>);

/// What statements have counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Did {
    pub(super) inserted: u64,
    pub(super) updated: u64,
}

impl Did {
    pub(super) fn plus(self, (inserted, updated): (i64, i64)) -> Self {
        let more = |count: i64| u64::try_from(count).unwrap_or_default();
        Self { inserted: self.inserted + more(inserted), updated: self.updated + more(updated) }
    }

    /// A history counts a new version of a known key as inserted, too.
    pub(super) fn fresh(self, statements: &LoadStatements<'_>) -> Self {
        if statements.keeps_versions() {
            Self { inserted: self.inserted.saturating_sub(self.updated), ..self }
        } else {
            self
        }
    }
}

/// Moves what can be moved of so many rows; stops at the first refusal when `fails`.
pub(super) async fn rows(
    session: &mut PgConnection,
    statements: &LoadStatements<'_>,
    target: &Target,
    rows: u64,
    fails: bool,
) -> Result<(Did, Vec<RefusedRow>), Stop> {
    execute(session, "CREATE UNIQUE INDEX ON pg_temp.windvane_staged (at)").await?;
    run(session, CHECK_NOW).await?;
    let block = block(statements, target, rows, fails);
    run(session, &format!("DO {0}{block}{0}", tag(&block))).await.map_err(|stop| Stop::Failed(stop.error()))?;
    let did: (i64, i64) = sqlx::query_as("SELECT inserted, updated FROM pg_temp.windvane_did")
        .fetch_one(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    let refused: Vec<Row> = sqlx::query_as("SELECT at, name, rule, said FROM pg_temp.windvane_refused ORDER BY at")
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let told = |(at, name, rule, said): Row| {
        let said = said.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let rule = rule.filter(|rule| !rule.is_empty() && !said.contains(rule.as_str()));
        let reason = rule.map_or_else(|| said.clone(), |rule| format!("{said} (constraint \"{rule}\")"));
        let column = name.filter(|name| !name.is_empty());
        RefusedRow { at: u64::try_from(at).unwrap_or_default(), column, reason, superseded: false }
    };
    Ok((Did::default().plus(did).fresh(statements), refused.into_iter().map(told).collect()))
}

/// A dollar quote that the block does not hold.
fn tag(block: &str) -> String {
    let mut tag = "$windvane$".to_owned();
    while block.contains(&tag) {
        tag.insert(1, 'x');
    }
    tag
}

fn block(statements: &LoadStatements<'_>, target: &Target, rows: u64, fails: bool) -> String {
    let mut steps = String::new();
    for step in statements.steps(RANGE) {
        let sql = step.sql;
        // Writing to a string does not fail.
        let _ = match step.counts {
            Counts::Inserted => {
                write!(steps, "{sql};\nGET DIAGNOSTICS windvane_rows = ROW_COUNT;\nwindvane_new := windvane_rows;\n")
            }
            Counts::Updated => {
                write!(steps, "{sql};\nGET DIAGNOSTICS windvane_rows = ROW_COUNT;\nwindvane_old := windvane_rows;\n")
            }
            Counts::Both => {
                let into = sql.replacen(" FROM done", " INTO windvane_new, windvane_old FROM done", 1);
                writeln!(steps, "{into};")
            }
        };
    }
    let after = if fails { "EXIT;" } else { "windvane_low := windvane_high;" };
    let again = if target.self_reference && !fails { again(&steps) } else { String::new() };
    format!(
        "
#variable_conflict use_column
DECLARE
  windvane_low bigint := 0; windvane_high bigint; windvane_step bigint := {FIRST_STEP}; windvane_rows bigint;
  windvane_new bigint; windvane_old bigint; windvane_inserted bigint := 0; windvane_updated bigint := 0;
  windvane_name text; windvane_state text; windvane_rule text; windvane_said text;
  windvane_row record; windvane_progress boolean;
BEGIN
  WHILE windvane_low < {rows} LOOP
    windvane_high := least(windvane_low + windvane_step, {rows});
    BEGIN
      windvane_new := 0; windvane_old := 0;
      INSERT INTO pg_temp.windvane_marks VALUES (windvane_low);
      {steps}
      windvane_inserted := windvane_inserted + windvane_new; windvane_updated := windvane_updated + windvane_old;
      windvane_low := windvane_high;
      windvane_step := least(2 * windvane_step, {LONGEST_STEP});
    EXCEPTION WHEN {REFUSALS} THEN
      IF windvane_high - windvane_low > 1 THEN
        windvane_step := greatest((windvane_high - windvane_low) / 4, 1);
      ELSE
        GET STACKED DIAGNOSTICS windvane_name = COLUMN_NAME, windvane_state = RETURNED_SQLSTATE,
          windvane_rule = CONSTRAINT_NAME, windvane_said = MESSAGE_TEXT;
        INSERT INTO pg_temp.windvane_refused
          VALUES (windvane_low, windvane_name, windvane_state, windvane_rule, windvane_said);
        {after}
      END IF;
    END;
  END LOOP;
  {again}
  INSERT INTO pg_temp.windvane_did VALUES (windvane_inserted, windvane_updated);
END
"
    )
}

/// A row may refer to a later one of the same load: what a foreign key refused is tried again until nothing more goes.
fn again(steps: &str) -> String {
    format!(
        "
  LOOP
    windvane_progress := false;
    FOR windvane_row IN SELECT r.at FROM pg_temp.windvane_refused AS r WHERE r.state = '23503' ORDER BY r.at LOOP
      BEGIN
        windvane_low := windvane_row.at; windvane_high := windvane_low + 1; windvane_new := 0; windvane_old := 0;
        INSERT INTO pg_temp.windvane_marks VALUES (windvane_low);
        {steps}
        DELETE FROM pg_temp.windvane_refused AS r WHERE r.at = windvane_low;
        windvane_inserted := windvane_inserted + windvane_new; windvane_updated := windvane_updated + windvane_old;
        windvane_progress := true;
      EXCEPTION WHEN {REFUSALS} THEN NULL;
      END;
    END LOOP;
    EXIT WHEN NOT windvane_progress;
  END LOOP;"
    )
}
