//! What exists: a spec's sources become a catalog of datasets.
//!
//! Deliberately absent: statistics (profile), opinions (agents).
//!
//! Invariants: the catalog is sorted by dataset name; names are unique across the sources of a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use windvane_connectors::{Connection, Context, Found};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::Spec;
use windvane_core::spec::check::Check;
use windvane_core::spec::source::Source;
use windvane_engine::step;

/// What exists at the sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Catalog {
    pub datasets: Vec<Dataset>,
    /// Datasets that are none now, and why: what does not need them goes on.
    #[serde(skip)]
    pub broken: BTreeMap<String, Error>,
}

/// One table or file (or set of files read as one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// The name that specs and plans use: the table, the file's stem, with several sources `source.name`.
    pub name: String,
    pub source: String,
    #[serde(flatten)]
    pub found: windvane_connectors::Found,
}

impl Catalog {
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// The catalog without a dataset that turned out to be none.
    pub fn set_aside(&mut self, name: &str, error: Error) {
        self.datasets.retain(|dataset| dataset.name != name);
        self.broken.insert(name.to_owned(), error);
    }
}

impl Dataset {
    pub fn schema(&self) -> &Schema {
        &self.found.fields
    }
}

/// What one source holds, under the source's own names.
#[boxed]
pub async fn source(name: &str, settings: &Source, context: &Context) -> Result<Vec<Dataset>> {
    let (found, broken) = each(name, settings, context).await?;
    match broken.into_iter().next() {
        None => Ok(found),
        Some((_, error)) => Err(error),
    }
}

/// The same, and beside it what cannot be described.
#[boxed]
pub async fn each(name: &str, settings: &Source, context: &Context) -> Result<(Vec<Dataset>, Vec<(String, Error)>)> {
    let connection = Connection::open_source(settings, context)?;
    let all = connection.listed().await.map_err(|error| error.in_stage("discover"))?;
    let (mut datasets, mut broken) = (Vec::new(), Vec::new());
    for (dataset, found) in all {
        match found {
            Ok(found) => datasets.push(Dataset { name: dataset, source: name.to_owned(), found }),
            Err(error) => broken.push((dataset, error.in_stage("discover"))),
        }
    }
    Ok((datasets, broken))
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
        None => Ok(Catalog { datasets, broken: BTreeMap::new() }),
    }
}

/// The outputs of a spec and the datasets they start from: every dataset but those that are only joined to, and what
/// `datasets` adds, takes away or starts from elsewhere. A name that is not in the catalog is left to the caller; what needs a
/// dataset that is none is [`refused`].
pub fn outputs<'a>(spec: &Spec, catalog: &'a Catalog) -> BTreeMap<String, &'a Dataset> {
    let refused = refused(spec, catalog);
    let names = catalog.datasets.iter().map(|dataset| dataset.name.as_str());
    let starts = starts(spec, &names.collect()).into_iter().filter(|(output, _)| !refused.contains_key(output));
    starts.filter_map(|(output, from)| Some((output, catalog.dataset(&from)?))).collect()
}

/// The outputs that cannot be made: each with the broken dataset that it needs, and what is wrong with that.
pub fn refused<'a>(spec: &Spec, catalog: &'a Catalog) -> BTreeMap<String, (String, &'a Error)> {
    if catalog.broken.is_empty() {
        return BTreeMap::new();
    }
    let broken = catalog.broken.keys().map(String::as_str);
    let names = catalog.datasets.iter().map(|dataset| dataset.name.as_str()).chain(broken).collect();
    let needs = |(output, from): (String, String)| {
        let own = spec.datasets.get(&output);
        let steps = spec.steps.iter().chain(own.into_iter().flat_map(|settings| &settings.steps));
        let checks = spec.checks.iter().chain(own.into_iter().flat_map(|settings| &settings.checks));
        let references =
            checks.filter_map(|check| if let Check::References(check) = check { Some(&check.dataset) } else { None });
        let mut needed = [from].into_iter().chain(steps.flat_map(step::reads)).chain(references.cloned());
        needed.find_map(|name| Some((output.clone(), (name.clone(), catalog.broken.get(&name)?))))
    };
    starts(spec, &names).into_iter().filter_map(needs).collect()
}

/// What a spec loads when there are these datasets: the outputs, and which dataset each starts from.
fn starts(spec: &Spec, datasets: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let steps = spec.steps.iter().chain(spec.datasets.values().flat_map(|settings| &settings.steps));
    let joined: BTreeSet<String> = steps.flat_map(step::reads).collect();
    let alone = datasets.iter().map(|name| (*name).to_owned()).filter(|name| !joined.contains(name));
    let mut starts: BTreeMap<String, String> = alone.map(|name| (name.clone(), name)).collect();
    for (name, settings) in &spec.datasets {
        let from = settings.from.as_ref().unwrap_or(name);
        if settings.load != Some(false) && datasets.contains(from.as_str()) {
            starts.insert(name.clone(), from.clone());
        } else {
            starts.remove(name);
        }
    }
    starts
}

/// The one dataset that an input names, as it is now; narrowed, so that a large schema is not listed again.
#[boxed]
pub async fn again(source: &Source, locator: &str, context: &Context) -> Result<Option<Found>> {
    let connection = Connection::open_source(&source.narrowed(locator), context)?;
    let found = connection.datasets().await?;
    Ok(found.into_iter().map(|(_, found)| found).find(|found| found.locator == locator))
}
