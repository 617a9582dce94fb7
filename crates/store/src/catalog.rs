//! What exists at the sources, as last seen, and a search by words over it.

use super::{Fields, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::resilience::clock;

/// A dataset to note; `document` is what discovery found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDataset {
    pub dataset: String,
    pub fingerprint: String,
    pub document: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogRow {
    pub pipeline: String,
    pub dataset: String,
    pub fingerprint: String,
    pub document: Value,
    pub seen_at: String,
}

impl Store {
    /// Replaces what is known about a pipeline's datasets.
    #[boxed]
    pub async fn put_catalog(&self, pipeline: &str, datasets: &[NewDataset]) -> Result<()> {
        let first = ("DELETE FROM catalog WHERE pipeline = $1", vec![pipeline.into()]);
        // Two discoveries at once: the later one wins, row by row.
        let sql = "INSERT INTO catalog (pipeline, dataset, document, words, fingerprint, seen_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (pipeline, dataset) DO UPDATE SET \
                   document = excluded.document, words = excluded.words, fingerprint = excluded.fingerprint, \
                   seen_at = excluded.seen_at";
        let at = clock::now().rfc3339();
        let cells = |dataset: &NewDataset| {
            let mut words = format!("{pipeline}\n{}", dataset.dataset);
            texts(&dataset.document, &mut words);
            vec![
                pipeline.into(),
                dataset.dataset.as_str().into(),
                dataset.document.to_string().into(),
                words.to_lowercase().into(),
                dataset.fingerprint.as_str().into(),
                at.as_str().into(),
            ]
        };
        self.execute_all(Some(first), sql, datasets.iter().map(cells).collect()).await
    }

    /// What is known about a pipeline's datasets, by name.
    #[boxed]
    pub async fn catalog(&self, pipeline: &str) -> Result<Vec<CatalogRow>> {
        let sql = "SELECT pipeline, dataset, fingerprint, document, seen_at FROM catalog \
                   WHERE pipeline = $1 ORDER BY dataset";
        self.fetch(sql, vec![pipeline.into()], read).await
    }

    /// The datasets in whose names, columns or comments every one of the words occurs, whatever their case; those whose
    /// own name has more of them first.
    #[boxed]
    pub async fn catalog_search(&self, words: &str, limit: u32) -> Result<Vec<CatalogRow>> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        // The database looks for the longest word, the rarest as a rule; the others are looked for in its answer.
        let longest = words.iter().max_by_key(|word| word.len()).map(String::as_str).unwrap_or_default();
        let pattern = format!("%{}%", longest.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
        let sql = "SELECT pipeline, dataset, fingerprint, document, seen_at, words FROM catalog \
                   WHERE words LIKE $1 ESCAPE '!' ORDER BY pipeline, dataset";
        let rows = self
            .fetch(sql, vec![pattern.into()], |mut fields| {
                let row = read_some(&mut fields)?;
                Ok((row, fields.text()?))
            })
            .await?;
        let mut found: Vec<CatalogRow> = rows
            .into_iter()
            .filter(|(_, text)| words.iter().all(|word| text.contains(word.as_str())))
            .map(|(row, _)| row)
            .collect();
        let named = |row: &CatalogRow| {
            let name = row.dataset.to_lowercase();
            words.iter().filter(|word| name.contains(word.as_str())).count()
        };
        // A stable sort: equal ones stay in the order of their names.
        found.sort_by_key(|row| std::cmp::Reverse(named(row)));
        found.truncate(limit as usize);
        Ok(found)
    }
}

fn read(mut fields: Fields) -> Result<CatalogRow> {
    read_some(&mut fields)
}

fn read_some(fields: &mut Fields) -> Result<CatalogRow> {
    Ok(CatalogRow {
        pipeline: fields.text()?,
        dataset: fields.text()?,
        fingerprint: fields.text()?,
        document: fields.document()?,
        seen_at: fields.text()?,
    })
}

/// Every text that is a value in the document, not its keys: "type" would otherwise find everything.
fn texts(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => {
            into.push('\n');
            into.push_str(text);
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
