//! What a file holds of a table, and which of its columns have values.

use super::table::{columns, same, sql};
use super::{Sqlite, failure::translate, indexes, place, target};
use sqlx::AssertSqlSafe;
use windvane_connect::compatibility::Compatibility;
use windvane_connect::target_state::{TargetState, chosen, filled_sql};
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::schema::sql::quote;
use windvane_core::spec::target::Mode;

impl Sqlite {
    pub(super) async fn fits(&self, dataset: &str, schema: &Schema, mode: Mode) -> Result<Compatibility> {
        if !self.path.exists() {
            return Ok(Compatibility::default());
        }
        let mut file = place::open(&self.path).await?;
        let known = columns(&mut file, dataset).await.map_err(|error| self.name(translate(&error)))?;
        if known.is_empty() {
            return Ok(Compatibility::default());
        }
        let mut compatibility = target::compatibility(&known, schema, mode);
        compatibility.indexes = indexes::look(&mut file, dataset, &known).await?;
        Ok(compatibility)
    }

    pub(super) async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        if !self.path.exists() {
            return Ok(TargetState::default());
        }
        let mut file = place::open(&self.path).await?;
        let failed = |error: sqlx::Error| self.name(translate(&error));
        let known = columns(&mut file, dataset).await.map_err(failed)?;
        if known.is_empty() {
            return Ok(TargetState::default());
        }
        let count = format!("SELECT count(*) FROM {}", sql(dataset));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut file).await.map_err(failed)?;
        Ok(TargetState {
            exists: true,
            rows: u64::try_from(rows).ok(),
            unfilled: known
                .iter()
                .filter(|column| !column.generated && column.default.is_none())
                .map(|column| column.name.clone())
                .collect(),
            columns: known.into_iter().map(|column| column.name).collect(),
        })
    }

    pub(super) async fn with_values(&self, dataset: &str, wanted: &[String]) -> Result<Vec<String>> {
        let mut file = place::open(&self.path).await?;
        let failed = |error: sqlx::Error| self.name(translate(&error));
        let known = columns(&mut file, dataset).await.map_err(failed)?;
        // A name that no column has would be taken for a text.
        let wanted: Vec<String> =
            wanted.iter().filter(|name| known.iter().any(|column| same(&column.name, name))).cloned().collect();
        let mut places = Vec::new();
        for question in filled_sql(&sql(dataset), &wanted, quote, "") {
            let some: Vec<i64> =
                sqlx::query_scalar(AssertSqlSafe(question)).fetch_all(&mut file).await.map_err(failed)?;
            places.extend(some);
        }
        place::close(file).await?;
        Ok(chosen(&wanted, &places))
    }
}
