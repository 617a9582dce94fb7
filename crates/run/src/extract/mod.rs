//! Plan step -> Staged: rows leave their source and rest as Parquet on the staging folder.
//!
//! Doors: [`run`]; `drift` (what a changed source does to a run), `folder` (where files rest), `staging` and `quarantine`
//! (the two files every stage writes), `mended` (rows of the latter, for a replay), `reasons` (why rows are in the latter).
//!
//! Invariants: rows read = rows staged + rows quarantined; a staged file appears whole or not at all (written beside,
//! then renamed); a second extract of the same run and dataset replaces the first.

pub mod cursor;
pub mod disk;
pub mod drift;
mod file_names;
pub mod folder;
pub mod mended;
mod opened;
pub mod quarantine;
pub mod reasons;
pub mod staged;
pub mod staging;
pub mod unread_columns;

pub use file_names::file;
pub use opened::{Opened, Slice, open_some};
pub use staged::{Inputs, Origin, ROW_COLUMN, Rest, Staged};

use drift::{Case, outgrown};
use folder::Folder;
use std::collections::BTreeMap;
use windvane_connectors::Context;
use windvane_connectors::sampled_columns;
use windvane_core::error::Result;
use windvane_plan::{Input, Output, Plan};

/// Reads one input of the plan into a folder, in types that hold what the source has: where it has outgrown the planned ones,
/// it is measured and read again. `ending` tells the files of a piece from those of the others.
pub async fn run(
    (plan, output): (&Plan, &Output),
    input: &Input,
    context: &Context,
    folder: &Folder,
    slice: Slice,
    ending: &str,
) -> Result<Staged> {
    let known = if output.from == input.name { outgrown::remembered(plan, output, context).await } else { None };
    let plan = known.as_ref().unwrap_or(plan);
    let whole = slice.part.is_none();
    let input = plan.input(&input.name).unwrap_or(input);
    let mut read = once((plan, output), input, context, folder, slice.clone(), ending).await;
    if let Err(error) = &read
        && sampled_columns::is_unsampled(error)
    {
        drift::unsampled(Case { plan, output, input, context }, whole).await?;
        read = once((plan, output), input, context, folder, slice.clone(), ending).await;
    }
    match read {
        Err(error) if outgrown::told(&error) => {
            let wider = outgrown::grow(Case { plan, output, input, context }, whole).await?;
            let input = wider.input(&input.name).unwrap_or(input);
            once((&wider, output), input, context, folder, slice, ending).await
        }
        other => other,
    }
}

async fn once(
    case: (&Plan, &Output),
    input: &Input,
    context: &Context,
    folder: &Folder,
    slice: Slice,
    ending: &str,
) -> Result<Staged> {
    let mut opened = open_some(case, input, context, slice, None).await?;
    let path = folder.file(&input.name, &format!("extracted{ending}.parquet"));
    let mut writer = staging::Writer::create(folder, &path, staging::numbered(&opened.kept))?;
    let refused = folder.file(&input.name, &format!("extract{ending}.quarantine.jsonl"));
    let mut quarantine = quarantine::Writer::create(folder, &refused, "extract", &input.name);
    while let Some(rows) = opened.next().await {
        let (frame, refused) = rows?;
        for rejected in &refused {
            quarantine.push(rejected)?;
        }
        context.progress.read(frame.len() + refused.len());
        writer.write(&staging::with_numbers(&frame)?)?;
    }
    // Whoever finds the rows finds what was refused, too.
    let refused = quarantine.finish()?;
    let (uri, rows, bytes) = writer.finish()?;
    let quarantined = refused.as_ref().map_or(0, |(_, count)| *count);
    Ok(Staged {
        dataset: input.name.clone(),
        uri,
        rest: Vec::new(),
        schema: opened.kept,
        rows,
        bytes,
        rows_in: rows + quarantined,
        added: 0,
        filtered: 0,
        quarantined,
        quarantine: refused.map(|(uri, _)| uri).into_iter().collect(),
        joined: BTreeMap::new(),
        origin: folder.origin(),
    })
}
