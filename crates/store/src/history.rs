//! What was decided and what happened: decisions of agents and events of runs, in the order they came, never changed.

use super::{Fields, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::resilience::clock;

/// What an agent decided; `document` is the whole decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    pub agent: String,
    pub question: String,
    pub accepted: bool,
    pub document: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRow {
    pub seq: i64,
    pub pipeline: String,
    pub run: Option<String>,
    pub agent: String,
    pub question: String,
    pub accepted: bool,
    pub document: Value,
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    pub seq: i64,
    pub run: String,
    pub kind: String,
    pub document: Value,
    pub at: String,
}

impl Store {
    /// Notes decisions, all or none, in this order. `run` is missing while planning.
    #[boxed]
    pub async fn put_decisions(&self, pipeline: &str, run: Option<&str>, decisions: &[NewDecision]) -> Result<()> {
        let sql = "INSERT INTO decisions (pipeline, run, agent, question, document, accepted, at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let at = clock::now().rfc3339();
        let cells = |decision: &NewDecision| {
            vec![
                pipeline.into(),
                run.into(),
                decision.agent.as_str().into(),
                decision.question.as_str().into(),
                decision.document.to_string().into(),
                i64::from(decision.accepted).into(),
                at.as_str().into(),
            ]
        };
        self.execute_all(None, sql, decisions.iter().map(cells).collect()).await
    }

    /// The newest decisions about a pipeline, oldest of them first.
    #[boxed]
    pub async fn decisions(&self, pipeline: &str, limit: u32) -> Result<Vec<DecisionRow>> {
        let sql = "SELECT seq, pipeline, run, agent, question, document, accepted, at FROM decisions \
                   WHERE pipeline = $1 ORDER BY seq DESC LIMIT $2";
        let mut rows = self.fetch(sql, vec![pipeline.into(), i64::from(limit).into()], read_decision).await?;
        rows.reverse();
        Ok(rows)
    }

    /// Notes that something happened in a run.
    #[boxed]
    pub async fn put_event(&self, run: &str, kind: &str, document: &Value) -> Result<()> {
        let sql = "INSERT INTO events (run, kind, document, at) VALUES ($1, $2, $3, $4)";
        let at = clock::now().rfc3339();
        self.execute(sql, vec![run.into(), kind.into(), document.to_string().into(), at.into()]).await.map(drop)
    }

    /// Everything that happened in a run, oldest first.
    #[boxed]
    pub async fn events(&self, run: &str) -> Result<Vec<EventRow>> {
        let sql = "SELECT seq, run, kind, document, at FROM events WHERE run = $1 ORDER BY seq";
        self.fetch(sql, vec![run.into()], read_event).await
    }
}

fn read_decision(mut fields: Fields) -> Result<DecisionRow> {
    Ok(DecisionRow {
        seq: fields.integer()?,
        pipeline: fields.text()?,
        run: fields.maybe_text()?,
        agent: fields.text()?,
        question: fields.text()?,
        document: fields.document()?,
        accepted: fields.integer()? != 0,
        at: fields.text()?,
    })
}

fn read_event(mut fields: Fields) -> Result<EventRow> {
    Ok(EventRow {
        seq: fields.integer()?,
        run: fields.text()?,
        kind: fields.text()?,
        document: fields.document()?,
        at: fields.text()?,
    })
}
