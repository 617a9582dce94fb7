//! Runs: begun once, finished once, with a document that `record` writes.

use super::{Fields, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRow {
    pub id: String,
    pub pipeline: String,
    pub plan: Option<String>,
    pub status: RunStatus,
    pub document: Value,
    pub started_at: String,
    pub finished_at: Option<String>,
    /// How often it was done, this time included.
    pub attempt: u32,
}

/// A run that begins, again or for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    pub attempt: u32,
    /// It had begun before and not ended well.
    pub retried: bool,
    /// No store counts.
    pub uncounted: bool,
}

impl Default for Begun {
    fn default() -> Self {
        Self { attempt: 1, retried: false, uncounted: true }
    }
}

impl Store {
    /// Notes that a run began. Doing it again (a cleared or retried task) makes it running again and keeps its start; a
    /// run that had succeeded is done another time. Of a run that is not known, others may know that it was done so often
    /// (`done`): the store was lost.
    #[boxed]
    pub async fn start_run(
        &self,
        id: &str,
        pipeline: &str,
        (plan, done): (Option<&str>, u32),
        document: &Value,
    ) -> Result<Begun> {
        let before = self.run(id).await?.map(|run| run.status);
        let sql = "INSERT INTO runs (id, pipeline, plan, status, document, started_at, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, document = excluded.document, \
                   attempt = runs.attempt + CASE WHEN runs.status = 'succeeded' THEN 1 ELSE 0 END, \
                   status = excluded.status, finished_at = NULL RETURNING attempt";
        let at = clock::now().rfc3339();
        let status = RunStatus::Running.as_str();
        let attempt = i64::from(done.saturating_add(1));
        let cells = vec![
            id.into(),
            pipeline.into(),
            plan.into(),
            status.into(),
            document.to_string().into(),
            at.into(),
            attempt.into(),
        ];
        let attempts = self.fetch(sql, cells, |mut fields| fields.integer()).await?;
        let known = attempts.first().filter(|_| !faults::planted("counts_no_attempt"));
        let attempt = known.and_then(|attempt| u32::try_from(*attempt).ok()).unwrap_or(1);
        let retried = before.is_some_and(|status| status != RunStatus::Succeeded);
        Ok(Begun { attempt, retried, uncounted: false })
    }

    /// Notes that a run was done so many times, where fewer are known.
    #[boxed]
    pub async fn reach_attempt(&self, id: &str, attempt: u32) -> Result<()> {
        let sql = "UPDATE runs SET attempt = $1 WHERE id = $2 AND attempt < $1";
        self.execute(sql, vec![i64::from(attempt).into(), id.into()]).await.map(drop)
    }

    /// Notes how a run ended.
    #[boxed]
    pub async fn finish_run(&self, id: &str, status: RunStatus, document: &Value) -> Result<()> {
        if faults::planted("forgets_end") {
            return Ok(());
        }
        let sql = "UPDATE runs SET status = $1, document = $2, finished_at = $3 WHERE id = $4";
        let at = clock::now().rfc3339();
        let cells = vec![status.as_str().into(), document.to_string().into(), at.into(), id.into()];
        match self.execute(sql, cells).await? {
            0 => Err(Error::missing(format!("run '{id}' was never started")).hint("Call start_run first")),
            _ => Ok(()),
        }
    }

    #[boxed]
    pub async fn run(&self, id: &str) -> Result<Option<RunRow>> {
        let sql =
            "SELECT id, pipeline, plan, status, document, started_at, finished_at, attempt FROM runs WHERE id = $1";
        self.fetch(sql, vec![id.into()], read).await.map(|mut rows| rows.pop())
    }

    /// The newest runs first, of one pipeline or of all.
    #[boxed]
    pub async fn runs(&self, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRow>> {
        let limit = i64::from(limit).into();
        let Some(pipeline) = pipeline else {
            let sql = "SELECT id, pipeline, plan, status, document, started_at, finished_at, attempt FROM runs \
                       ORDER BY started_at DESC, id DESC LIMIT $1";
            return self.fetch(sql, vec![limit], read).await;
        };
        let sql = "SELECT id, pipeline, plan, status, document, started_at, finished_at, attempt FROM runs \
                   WHERE pipeline = $1 ORDER BY started_at DESC, id DESC LIMIT $2";
        self.fetch(sql, vec![pipeline.into(), limit], read).await
    }
}

fn read(mut fields: Fields) -> Result<RunRow> {
    Ok(RunRow {
        id: fields.text()?,
        pipeline: fields.text()?,
        plan: fields.maybe_text()?,
        status: status(&fields.text()?)?,
        document: fields.document()?,
        started_at: fields.text()?,
        finished_at: fields.maybe_text()?,
        attempt: u32::try_from(fields.integer()?).unwrap_or(1),
    })
}

fn status(text: &str) -> Result<RunStatus> {
    let all = [RunStatus::Running, RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled];
    let known = all.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| Error::internal(format!("'{text}' is not the status of a run")))
}
