//! What a target holds of a dataset, before a load.

use crate::again::Known;
use crate::held::{Holds, Lately};
use crate::{Connection, Context, FoundKind, ReadRequest, home};
use arrow::array::Array;
use futures::StreamExt;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::source::{FilesSource, Source};
use windvane_core::spec::target::{Mode, Target};

/// So many loads are looked through for an own one.
const LOOKED_THROUGH: u32 = 1_000;

impl Connection {
    /// What the target holds of a dataset. A Python callable cannot be asked.
    pub async fn holds(&self, dataset: &str) -> Result<Holds> {
        match self {
            Self::Files(files) => files.holds(dataset).await,
            Self::Sqlite(sqlite) => sqlite.holds(dataset).await,
            Self::Postgres(postgres) => postgres.holds(dataset).await,
            Self::Mysql(mysql) => mysql.holds(dataset).await,
            Self::Http(_) | Self::Guest(_) => Ok(Holds::default()),
        }
    }

    /// The last loads of a dataset, for an output of a pipeline.
    pub async fn lately(&self, dataset: &str, (pipeline, output): (&str, &str)) -> Result<Lately> {
        let Some(newest) = self.loads(dataset, 1).await?.into_iter().next() else { return Ok(Lately::default()) };
        if !self.fitting(dataset, &Schema::default(), Mode::Append, None).await?.exists {
            return Ok(Lately::default());
        }
        // Loads of earlier versions do not say whose they are.
        let is_own = |load: &Known| {
            let facts = &load.facts;
            // Some mended rows are no measure for a load.
            facts.replays.is_none()
                && (facts.pipeline.is_empty() || facts.pipeline == pipeline && facts.output == output)
        };
        let own = if is_own(&newest) {
            Some(newest.clone())
        } else {
            self.loads(dataset, LOOKED_THROUGH).await?.into_iter().find(is_own)
        };
        Ok(Lately { newest: Some(newest), own })
    }

    /// Which of the columns have a value in some row of a dataset of this target.
    pub async fn filled(
        &self,
        target: &Target,
        context: &Context,
        dataset: &str,
        columns: &[String],
    ) -> Result<Vec<String>> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Files(_) => in_files(target, context, dataset, columns).await,
            Self::Sqlite(sqlite) => sqlite.filled(dataset, columns).await,
            Self::Postgres(postgres) => postgres.filled(dataset, columns).await,
            Self::Mysql(mysql) => mysql.filled(dataset, columns).await,
            Self::Http(_) | Self::Guest(_) => Ok(Vec::new()),
        }
    }
}

/// Files are read, as a source of what was loaded, until every column has shown a value.
async fn in_files(target: &Target, context: &Context, dataset: &str, columns: &[String]) -> Result<Vec<String>> {
    let (Target::Parquet(files) | Target::Csv(files) | Target::Jsonl(files)) = target else { return Ok(Vec::new()) };
    let source =
        FilesSource { path: files.path.clone(), connection: files.connection.clone(), ..FilesSource::default() };
    // The target's path, not a source's: it counts from the home.
    let seen = home::of_target(target, context)?;
    let connection = Connection::open_source(&Source::Files(source), &seen)?;
    let Some((_, found)) = connection.datasets().await?.into_iter().find(|(name, _)| name == dataset) else {
        return Ok(Vec::new());
    };
    let known = found.fields.fields.into_iter().filter(|field| columns.contains(&field.name));
    let mut open: Vec<_> = known.collect();
    let mut filled = Vec::new();
    let kind: FoundKind = found.kind;
    let request = ReadRequest::whole(found.locator, kind, found.format, Schema::new(open.clone()));
    let mut batches = connection.read(request).await?;
    let names: Vec<String> = open.iter().map(|field| field.name.clone()).collect();
    while let Some(batch) = batches.next().await {
        let rows = batch?.rows;
        for (name, column) in names.iter().zip(rows.columns()) {
            if column.null_count() < column.len() && open.iter().any(|field| field.name == *name) {
                open.retain(|field| field.name != *name);
                filled.push(name.clone());
            }
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(filled)
}
