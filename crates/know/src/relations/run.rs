//! Reads the datasets of a connection once, and tells what refers to what.

use super::answer::{DatasetKeys, Relations};
use super::composite::composite;
use super::guess::single;
use super::inclusion::inclusions;
use super::side::{Side, known};
use crate::dependencies::{Encoder, Values};
use crate::profile::cells::Cells;
use crate::profile::{ForeignKeyGuess, candidates, open, promised, ranked, schema};
use futures::StreamExt;
use std::collections::BTreeSet;
use windvane_connectors::{Connection, Found};
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Schema};

/// Hashes of values that are held of all columns together (8 bytes at rest).
const HELD: usize = 8_000_000;
/// Of one column.
const OF_COLUMN: (usize, usize) = (2_000, 200_000);
/// Cells whose rows are held of all datasets together (4 bytes each, and the hashes of what is different among them).
const CELLS: usize = 4_000_000;

/// Reads the datasets (of each its first `limit` rows), and tells their keys and foreign keys.
#[boxed]
pub async fn run(connection: &Connection, datasets: &[(String, Found)], limit: Option<u64>) -> Result<Relations> {
    let known = known(datasets.iter().map(|(name, found)| (name.as_str(), &found.fields)));
    let columns: usize = datasets.iter().map(|(_, found)| found.fields.fields.len()).sum();
    let held = (HELD / columns.max(1)).clamp(OF_COLUMN.0, OF_COLUMN.1);
    let cells = (CELLS / datasets.len().max(1)).min(crate::dependencies::CELLS);
    let mut sides = Vec::new();
    for (name, found) in datasets {
        sides.push(read(connection, (name, found), limit, (held, cells), &known).await?);
    }
    let declared = declared(&datasets.iter().map(|(name, found)| (name.as_str(), found)));
    Ok(related(&sides, declared))
}

/// The same by names and types alone.
pub fn of_names(datasets: &[(String, Schema, Vec<String>)]) -> Relations {
    let known = known(datasets.iter().map(|(name, schema, _)| (name.as_str(), schema)));
    let sides: Vec<Side> = datasets.iter().map(|(name, schema, key)| named(name, schema, key, &known)).collect();
    related(&sides, Vec::new())
}

/// The keys that names promise: nobody has looked whether values repeat.
fn named(name: &str, schema: &Schema, declared: &[String], known: &BTreeSet<String>) -> Side {
    let mut side = Side::new(name, schema, known);
    side.keys = promised(name, &types(schema), declared, known);
    side
}

fn related(sides: &[Side], declared: Vec<ForeignKeyGuess>) -> Relations {
    let several = composite(sides);
    let mut single = single(sides, &declared);
    // What a key of several columns says is not said again by one of them.
    single.retain(|key| !several.iter().any(|wide| wide.dataset == key.dataset && wide.ref_dataset == key.ref_dataset));
    let mut guesses: Vec<ForeignKeyGuess> = several.into_iter().chain(single).collect();
    guesses
        .retain(|key| !declared.iter().any(|known| (&known.dataset, &known.columns) == (&key.dataset, &key.columns)));
    guesses.sort_by(|a, b| {
        let place = |key: &ForeignKeyGuess| (key.dataset.clone(), key.columns.clone());
        b.confidence.total_cmp(&a.confidence).then_with(|| place(a).cmp(&place(b)))
    });
    let told = |side: &Side| DatasetKeys {
        dataset: side.name.clone(),
        rows: side.rows,
        exact: side.exact,
        keys: side.keys.clone(),
    };
    Relations {
        datasets: sides.iter().map(told).collect(),
        foreign_keys: declared.into_iter().chain(guesses).collect(),
        inclusions: inclusions(sides),
    }
}

/// What the source declares, between the datasets that are there.
fn declared<'a>(datasets: &(impl Iterator<Item = (&'a str, &'a Found)> + Clone)) -> Vec<ForeignKeyGuess> {
    let named = |wanted: &str| {
        let mut all = datasets.clone();
        all.find(|(name, found)| *name == wanted || found.locator == wanted).map(|(name, _)| name.to_owned())
    };
    let keys = datasets.clone().flat_map(|(name, found)| found.foreign_keys.iter().map(move |key| (name, key)));
    keys.map(|(name, key)| {
        let guess = ForeignKeyGuess::declared(name, key);
        ForeignKeyGuess { ref_dataset: named(&key.ref_dataset).unwrap_or(guess.ref_dataset.clone()), ..guess }
    })
    .collect()
}

fn types(schema: &Schema) -> Vec<(&str, DataType)> {
    schema.fields.iter().map(|field| (field.name.as_str(), field.data_type)).collect()
}

async fn read(
    connection: &Connection,
    (name, found): (&str, &Found),
    limit: Option<u64>,
    (held, cells): (usize, usize),
    known: &BTreeSet<String>,
) -> Result<Side> {
    let schema = schema(connection, found, limit).await?;
    let mut side = Side::new(name, &schema, known);
    let mut encoder = Encoder::within(schema.fields.len(), cells);
    let mut values: Vec<Values> = schema.fields.iter().map(|_| Values::new(held)).collect();
    let mut nulls = vec![false; schema.fields.len()];
    let (mut rows, mut rejected) = (0, 0);
    let mut batches = open(connection, found, schema.clone(), limit).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let count = batch.rows.num_rows();
        rows += count as u64;
        rejected += batch.rejected.len() as u64;
        let wanted = encoder.wanted(count);
        for (at, (encoding, values)) in encoder.columns().zip(&mut values).enumerate() {
            let data_type = schema.fields[at].data_type;
            let cells = Cells::of(&batch.rows, at, data_type)?;
            for row in 0..count {
                let value = cells.get(row).map(|cell| cell.comparable(data_type));
                match value {
                    Some((hash, whole)) => values.add(hash, whole),
                    None => nulls[at] = true,
                }
                if row < wanted {
                    encoding.push(value.map(|value| value.0));
                }
            }
        }
    }
    let met = rows + rejected;
    side.rows = Some(rows);
    side.exact = limit.is_none_or(|limit| met < limit || found.rows_exact && found.rows == Some(met));
    let table = encoder.finish_with_hashes();
    let values: Vec<_> = values.into_iter().map(Values::finish).collect();
    side.keys = if table.complete {
        candidates(name, &types(&schema), &table, &found.primary_key, Some(known))
    } else {
        // No value that was held repeats: of a column whose values are not all held that is a guess, though a good one.
        let unique = (0..values.len()).filter(|&at| rows > 0 && !nulls[at] && !values[at].repeats);
        let unique: Vec<_> = unique.map(|at| vec![at]).collect();
        ranked(name, &types(&schema), &unique, &found.primary_key, Some(known))
    };
    if side.keys.is_empty() && rows == 0 {
        side.keys = named(name, &schema, &found.primary_key, known).keys;
    }
    side.table = table.complete.then_some(table);
    for (column, values) in side.columns.iter_mut().zip(values) {
        column.values = Some(values);
    }
    Ok(side)
}
