//! What exists: a spec's sources become a catalog of datasets.
//!
//! Deliberately absent: statistics (profile), opinions (agents).
//!
//! Invariants: the catalog is sorted by dataset name; names are unique across the sources of a spec.

use crate::connectors::{Connection, Context, Found, http};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::spec::Spec;
use crate::spec::source::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What exists at the sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Catalog {
    pub datasets: Vec<Dataset>,
}

/// One table or file (or set of files read as one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// The name that specs and plans use: the table, the file's stem, with several sources `source.name`.
    pub name: String,
    pub source: String,
    #[serde(flatten)]
    pub found: crate::connectors::Found,
}

impl Catalog {
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

impl Dataset {
    pub fn schema(&self) -> &Schema {
        &self.found.fields
    }
}

/// What one source holds, under the source's own names.
pub async fn source(name: &str, settings: &Source, context: &Context) -> Result<Vec<Dataset>> {
    let connection = Connection::open_source(settings, context)?;
    let found = connection.datasets().await.map_err(|error| error.in_stage("discover"))?;
    Ok(found.into_iter().map(|(dataset, found)| Dataset { name: dataset, source: name.to_owned(), found }).collect())
}

/// One catalog of what the sources hold. With several sources a dataset is called `source.dataset`.
pub fn catalog(sources: Vec<Vec<Dataset>>) -> Result<Catalog> {
    let several = sources.len() > 1;
    let mut datasets: Vec<Dataset> = sources.into_iter().flatten().collect();
    for dataset in datasets.iter_mut().filter(|_| several) {
        dataset.name = format!("{}.{}", dataset.source, dataset.name);
    }
    datasets.sort_by(|a, b| a.name.cmp(&b.name));
    match datasets.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(Error::spec(format!(
            "two datasets are called '{}': {} and {}",
            pair[0].name, pair[0].found.locator, pair[1].found.locator
        ))
        .hint("Read them as separate `sources`, or as one dataset with `as_dataset`")),
        None => Ok(Catalog { datasets }),
    }
}

/// The outputs of a spec and the datasets they start from: every dataset but those that are only joined to, and what
/// `datasets` adds, takes away or starts from elsewhere. A name that is not in the catalog is left to the caller.
pub fn outputs<'a>(spec: &Spec, catalog: &'a Catalog) -> BTreeMap<String, &'a Dataset> {
    let steps = spec.steps.iter().chain(spec.datasets.values().flat_map(|settings| &settings.steps));
    let joined: BTreeSet<String> = steps.flat_map(crate::engine::step::reads).collect();
    let alone = catalog.datasets.iter().filter(|dataset| !joined.contains(&dataset.name));
    let mut outputs: BTreeMap<String, &Dataset> = alone.map(|dataset| (dataset.name.clone(), dataset)).collect();
    for (name, settings) in &spec.datasets {
        let from = settings.from.as_ref().unwrap_or(name);
        match catalog.dataset(from).filter(|_| settings.load != Some(false)) {
            Some(dataset) => outputs.insert(name.clone(), dataset),
            None => outputs.remove(name),
        };
    }
    outputs
}

/// The one dataset that an input names, as it is now; narrowed, so that a large schema is not listed again.
pub async fn again(source: &Source, locator: &str, context: &Context) -> Result<Option<Found>> {
    let connection = Connection::open_source(&narrowed(source, locator), context)?;
    let found = connection.datasets().await?;
    Ok(found.into_iter().map(|(_, found)| found).find(|found| found.locator == locator))
}

fn narrowed(source: &Source, locator: &str) -> Source {
    let mut narrowed = source.clone();
    match &mut narrowed {
        // A set of files that is read as one dataset must stay a set.
        Source::Files(files) | Source::Jsonl(files) | Source::Parquet(files) if files.as_dataset.is_none() => {
            locator.clone_into(&mut files.path);
        }
        Source::Csv(csv) if csv.as_dataset.is_none() => locator.clone_into(&mut csv.path),
        Source::Files(_) | Source::Jsonl(_) | Source::Parquet(_) | Source::Csv(_) | Source::Python(_) => {}
        Source::Sqlite(sqlite) => sqlite.tables = vec![locator.to_owned()],
        Source::Postgres(postgres) => postgres.tables = vec![locator.to_owned()],
        Source::Mysql(mysql) => mysql.tables = vec![locator.to_owned()],
        Source::Hook(hook) => {
            hook.tables.retain(|table| table == locator);
            hook.queries.retain(|name, _| name == locator);
        }
        Source::Http(api) => api.resources.retain(|name, _| *name == http::resource_of(locator)),
    }
    narrowed
}
