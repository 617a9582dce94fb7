//! What a target holds of a dataset, before a load.

use super::again::Known;
use super::{Connection, Context, FoundKind, ReadRequest, home};
use crate::error::Result;
use crate::schema::Schema;
use crate::spec::source::{FilesSource, Source};
use crate::spec::target::{Mode, Target};
use arrow::array::Array;
use futures::StreamExt;

/// A dataset at a target; by default nothing is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    pub exists: bool,
    /// Nothing where nobody can count them.
    pub rows: Option<u64>,
    pub columns: Vec<String>,
    /// Those of a table that stay empty in a row which does not name them.
    pub unfilled: Vec<String>,
}

/// Loads of a dataset that is there. What is remembered of one that was dropped counts for nothing.
#[derive(Debug, Clone, Default)]
pub struct Lately {
    /// Of whatever pipeline.
    pub newest: Option<Known>,
    /// Of the same pipeline and output: what it has loaded says nothing of what another one reads.
    pub own: Option<Known>,
}

/// So many loads are looked through for an own one.
const LOOKED_THROUGH: u32 = 1_000;

/// Columns a question.
const AT_ONCE: usize = 100;

/// Questions for the columns that have a value, as SQL that gives the place of each such column in `columns`.
pub(super) fn filled_sql(table: &str, columns: &[String], quote: impl Fn(&str) -> String, from: &str) -> Vec<String> {
    let one = |(at, column): (usize, &String)| {
        format!("SELECT {at}{from} WHERE EXISTS (SELECT 1 FROM {table} WHERE {} IS NOT NULL)", quote(column))
    };
    let all: Vec<String> = columns.iter().enumerate().map(one).collect();
    all.chunks(AT_ONCE).map(|some| some.join(" UNION ALL ")).collect()
}

/// The columns at the places that such questions gave.
pub(super) fn chosen(columns: &[String], places: &[i64]) -> Vec<String> {
    let named = places.iter().filter_map(|at| columns.get(usize::try_from(*at).ok()?));
    named.cloned().collect()
}

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
