//! The windows of incremental runs: which values of the watermark column a run reads.
//!
//! A window is opened once for a run and keeps its ends in every try. Windows follow each other: the next one begins where
//! the last finished one ended, and at most one is open.

use super::{Fields, Store};
use serde::{Deserialize, Serialize};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// Its run works on it.
    Open,
    /// Its run failed: it may go on, or the next run takes its rows over.
    Released,
    /// Another run has taken its rows over.
    Superseded,
    /// Its rows are at the target.
    Done,
}

/// A window of one output and run; the ends as canonical texts of the column's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowRow {
    pub seq: i64,
    pub run: String,
    pub plan: String,
    /// Rows above this; nothing: from the beginning.
    pub low: Option<String>,
    /// Rows up to and with this; nothing: there were none.
    pub high: Option<String>,
    pub state: WindowState,
    pub touched_at: String,
}

impl WindowState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Released => "released",
            Self::Superseded => "superseded",
            Self::Done => "done",
        }
    }
}

impl Store {
    /// The windows of an output that are not superseded, the newest first.
    #[boxed]
    pub async fn windows(&self, pipeline: &str, output: &str) -> Result<Vec<WindowRow>> {
        let sql = "SELECT seq, run, plan, low, high, state, touched_at FROM windows \
                   WHERE pipeline = $1 AND output = $2 AND state <> 'superseded' ORDER BY seq DESC LIMIT 100";
        self.fetch(sql, vec![pipeline.into(), output.into()], read).await
    }

    /// The end of the last finished window that held rows.
    #[boxed]
    pub async fn watermark(&self, pipeline: &str, output: &str) -> Result<Option<String>> {
        let sql = "SELECT seq, run, plan, low, high, state, touched_at FROM windows \
                   WHERE pipeline = $1 AND output = $2 AND state = 'done' AND high IS NOT NULL \
                   ORDER BY seq DESC LIMIT 1";
        let rows = self.fetch(sql, vec![pipeline.into(), output.into()], read).await?;
        Ok(rows.into_iter().next().and_then(|row| row.high))
    }

    /// Opens a window; false when another one is open.
    #[boxed]
    pub async fn open_window(
        &self,
        pipeline: &str,
        output: &str,
        run: &str,
        plan: &str,
        ends: (Option<&str>, Option<&str>),
    ) -> Result<bool> {
        // A superseded window of the same run is history: the run begins anew.
        let forget = "DELETE FROM windows WHERE pipeline = $1 AND output = $2 AND run = $3 AND state = 'superseded'";
        self.execute(forget, vec![pipeline.into(), output.into(), run.into()]).await?;
        let sql = "INSERT INTO windows (pipeline, output, run, plan, low, high, state, touched_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, 'open', $7) ON CONFLICT DO NOTHING";
        let at = clock::now().rfc3339();
        let cells =
            vec![pipeline.into(), output.into(), run.into(), plan.into(), ends.0.into(), ends.1.into(), at.into()];
        Ok(self.execute(sql, cells).await? == 1)
    }

    /// Changes the state of a window that is in one of the states `from`; false when it is not.
    #[boxed]
    pub async fn set_window(
        &self,
        pipeline: &str,
        output: &str,
        run: &str,
        from: WindowState,
        to: WindowState,
    ) -> Result<bool> {
        let sql = "UPDATE windows SET state = $1, touched_at = $2 \
                   WHERE pipeline = $3 AND output = $4 AND run = $5 AND state = $6";
        let at = clock::now().rfc3339();
        let cells =
            vec![to.as_str().into(), at.into(), pipeline.into(), output.into(), run.into(), from.as_str().into()];
        Ok(self.execute(sql, cells).await? == 1)
    }
}

fn read(mut fields: Fields) -> Result<WindowRow> {
    Ok(WindowRow {
        seq: fields.integer()?,
        run: fields.text()?,
        plan: fields.text()?,
        low: fields.maybe_text()?,
        high: fields.maybe_text()?,
        state: state(&fields.text()?)?,
        touched_at: fields.text()?,
    })
}

fn state(text: &str) -> Result<WindowState> {
    let all = [WindowState::Open, WindowState::Released, WindowState::Superseded, WindowState::Done];
    let known = all.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| Error::internal(format!("'{text}' is not the state of a window")))
}
