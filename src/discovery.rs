//! Looking at a source: what is there, what it looks like, which of its columns is which of another's.

use super::run_context::RunContextRequest;
use super::{enter, json};
use pyo3::prelude::*;
use serde::Deserialize;
use windvane_agents::mapper;
use windvane_connectors::{Connection, Found, address};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_know::{discover as discovery, profile as profiles, relations as relating};
use windvane_llm::Gateway;
use windvane_run::orchestrator::RunContext;

/// A mapping looks at this many rows of each side.
const MAP_SAMPLE: u64 = 20_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookRequest {
    world: RunContextRequest,
    source: String,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    sample: Option<u64>,
    /// Whether personal values are shown.
    #[serde(default)]
    reveal: bool,
}

/// `{world, source}` to a catalog.
#[pyfunction]
pub(super) fn discover(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let LookRequest { world, source, .. } = json::request(&request)?;
        let mut run_context = world.run_context()?;
        let address = address::read(&source, &mut run_context.context)?;
        let found = discovery::source("source", &address.source, &run_context.context).await?;
        json::answer(&discovery::catalog(vec![found])?)
    })
}

/// `{world, source, table?, sample?}` to a profile.
#[pyfunction]
pub(super) fn profile(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let LookRequest { world, source, table, sample, reveal } = json::request(&request)?;
        let mut run_context = world.run_context()?;
        let address = address::read(&source, &mut run_context.context)?;
        let connection = Connection::open_source(&address.source, &run_context.context)?;
        let (name, found) = only(&connection, table.or(address.table)).await?;
        let profile = profiles::run_with_dependencies(&connection, &name, &found, sample).await?;
        json::answer(&if reveal { profile } else { profile.masked() })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationsRequest {
    world: RunContextRequest,
    source: String,
    /// Only these datasets.
    #[serde(default)]
    tables: Option<Vec<String>>,
    /// Rows that are read of each.
    #[serde(default)]
    sample: Option<u64>,
}

/// `{world, source, tables?, sample?}` to the keys and foreign keys of a source's datasets.
#[pyfunction]
pub(super) fn relations(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let RelationsRequest { world, source, tables, sample } = json::request(&request)?;
        let mut run_context = world.run_context()?;
        let address = address::read(&source, &mut run_context.context)?;
        let connection = Connection::open_source(&address.source, &run_context.context)?;
        let mut datasets = connection.datasets().await?;
        if let Some(tables) = tables {
            if let Some(missing) = tables.iter().find(|table| !datasets.iter().any(|(name, _)| name == *table)) {
                let names: Vec<_> = datasets.iter().map(|(name, _)| name.as_str()).collect();
                return Err(Error::missing(format!("there is no dataset '{missing}'"))
                    .hint(format!("There are: {}", names.join(", "))));
            }
            datasets.retain(|(name, _)| tables.contains(name));
        }
        json::answer(&relating::run(&connection, &datasets, sample).await?)
    })
}

/// A dataset of which nothing but names and types is known; a catalog's has more.
#[derive(Deserialize)]
struct NamedDataset {
    name: String,
    fields: Vec<NamedField>,
    #[serde(default)]
    primary_key: Vec<String>,
}

#[derive(Deserialize)]
struct NamedField {
    name: String,
    #[serde(rename = "type")]
    data_type: DataType,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamesRequest {
    datasets: Vec<NamedDataset>,
}

/// `{datasets: [{name, fields: [{name, type}], primary_key?}]}` to the same, by names and types alone.
#[pyfunction]
pub(super) fn relations_of_names(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let NamesRequest { datasets } = json::request(request)?;
        let named = |dataset: NamedDataset| {
            let fields = dataset.fields.into_iter().map(|field| Field::new(field.name, field.data_type)).collect();
            (dataset.name, Schema::new(fields), dataset.primary_key)
        };
        json::answer(&relating::of_names(&datasets.into_iter().map(named).collect::<Vec<_>>()))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapRequest {
    world: RunContextRequest,
    source: String,
    target: String,
    #[serde(default)]
    rules_only: bool,
}

/// `{world, source, target}` to the mappings of the source's columns to the target's.
#[pyfunction]
pub(super) fn map(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let MapRequest { world, source, target, rules_only } = json::request(&request)?;
        let mut run_context = world.run_context()?;
        let settings = run_context.gateway.take().filter(|_| !rules_only);
        let gateway =
            settings.as_ref().map(|settings| Gateway::new(settings, run_context.store.as_ref())).transpose()?;
        let (source, source_profile) = measured(&mut run_context, &source).await?;
        let (target, target_profile) = measured(&mut run_context, &target).await?;
        let question = mapper::Question {
            source: &source,
            target: &target,
            source_profile: Some(&source_profile),
            target_profile: Some(&target_profile),
        };
        let mut decisions = Vec::new();
        let proposal = mapper::ask(question, gateway.as_ref(), &mut decisions).await;
        let mut answer = serde_json::to_value(&proposal.value).map_err(|error| Error::internal(error.to_string()))?;
        answer["decisions"] = serde_json::json!(decisions);
        json::answer(&answer)
    })
}

/// The one dataset at an address, with its first rows' figures.
async fn measured(run_context: &mut RunContext, text: &str) -> Result<(Schema, profiles::Profile)> {
    let address = address::read(text, &mut run_context.context)?;
    let connection = Connection::open_source(&address.source, &run_context.context)?;
    let (name, found) = only(&connection, address.table).await?;
    let profile = profiles::run(&connection, &name, &found, Some(MAP_SAMPLE)).await?;
    let mut schema = found.fields;
    for field in &mut schema.fields {
        if let Some(column) = profile.columns.iter().find(|column| column.name == field.name) {
            field.data_type = column.data_type;
        }
    }
    Ok((schema, profile))
}

/// The one dataset that was meant.
async fn only(connection: &Connection, wanted: Option<String>) -> Result<(String, Found)> {
    let datasets = connection.datasets().await?;
    let names: Vec<String> = datasets.iter().map(|(name, _)| name.clone()).collect();
    let mut matching = datasets.into_iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Error::missing("there is no such dataset").hint(format!("There are: {}", names.join(", ")))),
        (Some(_), Some(_)) => {
            Err(Error::spec("which dataset?").hint(format!("Add #NAME; there are: {}", names.join(", "))))
        }
    }
}
