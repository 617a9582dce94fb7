//! What a server holds of a table, and which of its columns have values.

use super::Postgres;
use super::table::TableName;
use super::{connect, failure::translate, load};
use sqlx::AssertSqlSafe;
use windvane_connect::compatibility::Compatibility;
use windvane_connect::target_state::{TargetState, chosen, filled_sql};
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::schema::sql::quote;
use windvane_core::spec::target::Mode;

impl Postgres {
    fn named(&self, table: &str) -> TableName {
        TableName { schema: self.schema.clone(), table: table.to_owned() }
    }

    pub(super) async fn fits(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        kept: Option<&Declared>,
    ) -> Result<Compatibility> {
        let mut session = connect::open(&self.access.options).await?;
        let table = self.named(dataset);
        let looked = load::look(&mut session, &table, (schema, mode), kept);
        connect::answered(&self.access.options, looked).await
    }

    pub(super) async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        let mut session = connect::open(&self.access.options).await?;
        let asked = async {
            let table = self.named(dataset);
            let Some(existing) = table.existing(&mut session).await? else { return Ok(TargetState::default()) };
            let count = format!("SELECT count(*) FROM {}", table.sql());
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                .persistent(false)
                .fetch_one(&mut session)
                .await
                .map_err(|error| translate(&error))?;
            Ok(TargetState {
                exists: true,
                rows: u64::try_from(rows).ok(),
                unfilled: existing
                    .columns
                    .iter()
                    .filter(|column| !column.generated && !column.fills)
                    .map(|column| column.name.clone())
                    .collect(),
                columns: existing.columns.into_iter().map(|column| column.name).collect(),
            })
        };
        connect::answered(&self.access.options, asked).await
    }

    pub(super) async fn with_values(&self, dataset: &str, wanted: &[String]) -> Result<Vec<String>> {
        let mut session = connect::open(&self.access.options).await?;
        let table = self.named(dataset);
        let Some(existing) = table.existing(&mut session).await? else { return Ok(Vec::new()) };
        let wanted: Vec<String> =
            wanted.iter().filter(|name| existing.columns.iter().any(|column| column.name == **name)).cloned().collect();
        let mut places = Vec::new();
        for question in filled_sql(&table.sql(), &wanted, quote, "::int8") {
            let some: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(question))
                .persistent(false)
                .fetch_all(&mut session)
                .await
                .map_err(|error| translate(&error))?;
            places.extend(some);
        }
        Ok(chosen(&wanted, &places))
    }
}
