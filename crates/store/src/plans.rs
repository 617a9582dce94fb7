//! Plans that were used: content-addressed, so putting one twice changes nothing.

use super::place::Place;
use super::{Fields, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::resilience::clock;

/// A plan file as it was when it was first used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRow {
    pub id: String,
    pub pipeline: String,
    pub environment: Option<String>,
    pub document: Value,
    pub created_at: String,
}

impl Store {
    #[boxed]
    pub async fn put_plan(&self, id: &str, pipeline: &str, environment: Option<&str>, document: &Value) -> Result<()> {
        let sql = "INSERT INTO plans (id, pipeline, environment, document, created_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (id) DO NOTHING";
        let at = clock::now().rfc3339();
        let cells = vec![id.into(), pipeline.into(), environment.into(), document.to_string().into(), at.into()];
        self.execute(sql, cells).await.map(drop)
    }

    #[boxed]
    pub async fn plan(&self, id: &str) -> Result<Option<PlanRow>> {
        let sql = "SELECT id, pipeline, environment, document, created_at FROM plans WHERE id = $1";
        self.fetch(sql, vec![id.into()], read).await.map(|mut rows| rows.pop())
    }

    /// The staging places that the plans name: each once.
    #[boxed]
    pub async fn staging_places(&self) -> Result<Vec<String>> {
        let sql = match self.shared.place {
            Place::Sqlite(_) => {
                "SELECT DISTINCT json_extract(document, '$.staging') FROM plans \
                 WHERE json_extract(document, '$.staging') IS NOT NULL ORDER BY 1"
            }
            Place::Postgres(_) => {
                "SELECT DISTINCT document::json->>'staging' FROM plans \
                 WHERE document::json->>'staging' IS NOT NULL ORDER BY 1"
            }
        };
        self.fetch(sql, Vec::new(), |mut fields| fields.text()).await
    }
}

fn read(mut fields: Fields) -> Result<PlanRow> {
    Ok(PlanRow {
        id: fields.text()?,
        pipeline: fields.text()?,
        environment: fields.maybe_text()?,
        document: fields.document()?,
        created_at: fields.text()?,
    })
}
