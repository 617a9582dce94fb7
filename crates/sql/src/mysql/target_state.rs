//! What a server holds of a table, and which of its columns have values.

use super::table::{TableName, quote};
use super::{Mysql, connect, indexes, target};
use windvane_connect::compatibility::Compatibility;
use windvane_connect::target_state::{TargetState, chosen, filled_sql};
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::spec::target::Mode;

impl Mysql {
    fn named(&self, table: &str) -> TableName {
        TableName { database: self.database.clone(), table: table.to_owned() }
    }

    pub(super) async fn fits(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        kept: Option<&Declared>,
    ) -> Result<Compatibility> {
        let mut session = connect::open(&self.access.options).await?;
        let Some(existing) = self.named(dataset).existing(&mut session).await? else {
            return Ok(Compatibility::default());
        };
        let carried = |name: &str| kept.is_some_and(|kept| kept.carries(name));
        let mut compatibility = target::compatibility(&existing, schema, mode, &carried);
        let name = self.named(dataset);
        compatibility.indexes = indexes::look(&mut session, &self.database).await?.remove(&name).unwrap_or_default();
        compatibility.fills =
            existing.columns.into_iter().filter(|column| column.fills).map(|column| column.name).collect();
        Ok(compatibility)
    }

    pub(super) async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        let mut session = connect::open(&self.access.options).await?;
        let table = self.named(dataset);
        let Some(existing) = table.existing(&mut session).await? else { return Ok(TargetState::default()) };
        let count = format!("SELECT CAST(count(*) AS SIGNED) FROM {}", table.sql());
        let rows: Option<(i64,)> = session.one(&count, &[]).await?;
        Ok(TargetState {
            exists: true,
            rows: rows.and_then(|(rows,)| u64::try_from(rows).ok()),
            unfilled: existing
                .columns
                .iter()
                .filter(|column| !column.generated && !column.fills)
                .map(|column| column.name.clone())
                .collect(),
            columns: existing.columns.into_iter().map(|column| column.name).collect(),
        })
    }

    pub(super) async fn with_values(&self, dataset: &str, wanted: &[String]) -> Result<Vec<String>> {
        let mut session = connect::open(&self.access.options).await?;
        let table = self.named(dataset);
        let Some(existing) = table.existing(&mut session).await? else { return Ok(Vec::new()) };
        let has = |name: &String| existing.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let wanted: Vec<String> = wanted.iter().filter(|name| has(name)).cloned().collect();
        let mut places = Vec::new();
        for question in filled_sql(&table.sql(), &wanted, quote, " FROM DUAL") {
            let some: Vec<(i64,)> = session.all(&question, &[]).await?;
            places.extend(some.into_iter().map(|(place,)| place));
        }
        Ok(chosen(&wanted, &places))
    }
}
