//! A spec against what is there: unknown datasets and columns, types that do not fit, all at once. Reads and writes nothing
//! but the sources' catalogs, and of text the first rows.

use super::run_context::RunContext;
use std::collections::BTreeMap;
use std::time::Duration;
use windvane_connectors::Connection;
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::Spec;
use windvane_core::spec::path::{Part, path_of};
use windvane_core::spec::source::Source;
use windvane_engine::lint::connected::{self, Start};
use windvane_know::discover::{self, Catalog, Dataset};
use windvane_know::profile;
use windvane_plan::{PlanInputs, build};

/// How long one source may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Text has no types but those of its values: these are looked at.
const SAMPLE: u64 = 10_000;

/// Everything that is wrong, each at its path inside the spec.
#[boxed]
pub async fn check(run_context: &RunContext, spec: &Spec, environment: Option<&str>) -> Vec<Error> {
    let filled = match run_context.template_values.document(spec) {
        Ok(filled) => filled,
        Err(error) => return vec![error],
    };
    let (mut wrong, mut found) = (Vec::new(), Vec::new());
    for (name, source) in filled.named_sources() {
        match tokio::time::timeout(TIMEOUT, seen(run_context, &name, &source)).await {
            Ok(Ok(datasets)) => found.push(datasets),
            Ok(Err(error)) => wrong.push(error.at_path(place(&filled, &name))),
            Err(_) => {
                let message = format!("the source did not answer within {} s", TIMEOUT.as_secs());
                wrong.push(Error::new(Kind::Timeout, message).at_path(place(&filled, &name)));
            }
        }
    }
    // What a source that does not answer holds, nobody can judge.
    if !wrong.is_empty() {
        return wrong;
    }
    match discover::catalog(found) {
        Ok(catalog) => judged(&filled, &catalog, environment),
        Err(error) => vec![error],
    }
}

fn place(spec: &Spec, source: &str) -> String {
    let key = |name: &str| Part::Key(name.to_owned());
    if spec.sources.contains_key(source) { path_of(&[key("sources"), key(source)]) } else { "source".to_owned() }
}

/// The datasets of a source, with the types that a plan would give them.
async fn seen(run_context: &RunContext, name: &str, source: &Source) -> Result<Vec<Dataset>> {
    let mut datasets = discover::source(name, source, &run_context.context).await?;
    for dataset in datasets.iter_mut().filter(|dataset| dataset.found.kind.is_text()) {
        let connection = Connection::open_source(source, &run_context.context)?;
        let profile = profile::run(&connection, &dataset.name, &dataset.found, Some(SAMPLE)).await?;
        for field in &mut dataset.found.fields.fields {
            let column = profile.columns.iter().find(|column| column.name == field.name);
            field.data_type = column.map_or(field.data_type, |column| column.data_type);
        }
    }
    Ok(datasets)
}

fn judged(spec: &Spec, catalog: &Catalog, environment: Option<&str>) -> Vec<Error> {
    let key = |name: &str| Part::Key(name.to_owned());
    let mut wrong: Vec<Error> = spec
        .datasets
        .iter()
        .map(|(name, settings)| (name, settings.from.as_ref().unwrap_or(name)))
        .filter(|(_, from)| catalog.dataset(from).is_none())
        .map(|(name, from)| build::unknown_dataset(from, catalog).at_path(path_of(&[key("datasets"), key(name)])))
        .collect();
    let schemas: BTreeMap<&str, &Schema> =
        catalog.datasets.iter().map(|dataset| (dataset.name.as_str(), dataset.schema())).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let outputs = discover::outputs(spec, catalog);
    let starts: Vec<Start<'_>> = outputs
        .iter()
        .map(|(output, dataset)| Start { output, from: &dataset.name, schema: dataset.schema() })
        .collect();
    let document = serde_json::to_value(spec).unwrap_or_default();
    let findings = connected::against(&document, &starts, &lookup);
    wrong.extend(findings.into_iter().map(|finding| finding.error.at_path(path_of(&finding.path))));
    if wrong.is_empty() {
        // What else a plan would refuse: keys, watermarks, targets of one name.
        let profiles = BTreeMap::new();
        wrong.extend(build::build(PlanInputs::of((spec, "", environment), catalog, &profiles)).err());
    }
    wrong
}
