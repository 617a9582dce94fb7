//! Many small files become few large ones, under the same manifest protocol as a load.

use super::extension::kind_by_extension;
use super::files::Files;
use super::folder::Folder;
use super::hive;
use super::manifest::{JOINED, Manifest, Part};
use super::parts::{Parts, Shape};
use super::piece::Need;
use super::publish::lock;
use super::read::piece_rows;
use super::workdir::Workdir;
use super::workdirs::clean;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use windvane_connect::FoundKind;
use windvane_connect::connector::Compacted;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::digest;
use windvane_core::spec::target::Compression;

/// Files below this are joined.
const SMALL: u64 = 64 << 20;
const TRIES: usize = 5;

pub(super) fn run(files: &Files, dataset: &str, stop: &Arc<AtomicBool>) -> Result<Compacted> {
    let folder = files.folder(dataset)?;
    for _ in 0..TRIES {
        let (known, version) = folder.manifest()?;
        let Some(known) = known else {
            return Err(Error::missing(format!("there is no dataset '{dataset}' that windvane loaded"))
                .in_file(folder.shown())
                .hint("Name a dataset of the target as `windvane discover` lists it"));
        };
        let groups = small(&known);
        let mut report = Compacted {
            dataset: dataset.to_owned(),
            files_before: known.parts.len() as u64,
            files_after: known.parts.len() as u64,
            bytes_before: known.parts.iter().map(|part| part.bytes).sum(),
            bytes_after: known.parts.iter().map(|part| part.bytes).sum(),
            rows: 0,
            checksum: Checksum::default().finish(),
        };
        if groups.is_empty() {
            return Ok(report);
        }
        let names: Vec<&str> = groups.values().flatten().map(|part| part.path.as_str()).collect();
        let load_id = format!("{JOINED}{}", digest(names.join("\n").as_bytes(), 16));
        let workdir = begin(folder.clone(), &known, &load_id, stop)?;
        let mut next = known.clone();
        next.retired = names.iter().map(|name| (*name).to_owned()).collect();
        next.parts.retain(|part| !next.retired.contains(&part.path));
        let mut fresh = Vec::new();
        let mut sums = Vec::new();
        for ((below, ending), group) in &groups {
            let (parts, sum) = join(&workdir, &known, below, ending, group)?;
            report.rows += group.iter().map(|part| part.rows).sum::<u64>();
            sums.push(sum);
            fresh.extend(parts.iter().map(|part| part.path.clone()));
            next.parts.extend(parts);
        }
        report.checksum = Checksum::sum(sums.iter().map(String::as_str));
        report.files_after = next.parts.len() as u64;
        report.bytes_after = next.parts.iter().map(|part| part.bytes).sum();
        if workdir.commit(&fresh, next, Some(&known), &version)? {
            return Ok(report);
        }
    }
    Err(Error::new(Kind::Unavailable, "loads of this dataset are always faster")
        .in_file(folder.shown())
        .hint("Nothing was changed: compact it when no load runs"))
}

fn begin(folder: Folder, known: &Manifest, load_id: &str, stop: &Arc<AtomicBool>) -> Result<Workdir> {
    let _lock = match &folder {
        Folder::Local(path) => {
            let lock = lock(path)?;
            clean(path, Some(known))?;
            Some(lock)
        }
        Folder::Object { .. } => None,
    };
    Workdir::begin(folder, load_id, Arc::clone(stop))
}

/// Small files of one folder and kind, where there are several.
fn small(known: &Manifest) -> BTreeMap<(String, String), Vec<&Part>> {
    let mut groups: BTreeMap<(String, String), Vec<&Part>> = BTreeMap::new();
    for part in known.parts.iter().filter(|part| part.bytes < SMALL) {
        let (below, name) = part.path.rsplit_once('/').unwrap_or(("", &part.path));
        let ending = [".csv", ".jsonl", ".parquet"].iter().find_map(|ending| Some(&name[name.rfind(ending)?..]));
        if let Some(ending) = ending {
            groups.entry((below.to_owned(), ending.to_owned())).or_default().push(part);
        }
    }
    groups.retain(|_, parts| parts.len() > 1);
    groups
}

/// Writes the rows of some files into one, and compares what reads back.
fn join(
    workdir: &Workdir,
    known: &Manifest,
    below: &str,
    ending: &str,
    group: &[&Part],
) -> Result<(Vec<Part>, String)> {
    let name = format!("x{ending}");
    let shape = Shape {
        kind: kind_by_extension(std::path::Path::new(&name)).unwrap_or(FoundKind::Parquet),
        compression: match ending.rsplit('.').next() {
            Some("gz") => Some(Compression::Gzip),
            Some("zst") => Some(Compression::Zstd),
            _ => None,
        },
        schema: known.columns.clone(),
        by: Vec::new(),
        below: below.to_owned(),
        stem: workdir.stem.clone(),
        inside: workdir.inside.clone(),
    };
    let values: Vec<String> = hive::values_of(&format!("{below}/x")).into_iter().map(|(name, _)| name).collect();
    let places: Vec<usize> =
        (0..known.columns.fields.len()).filter(|at| !values.contains(&known.columns.fields[*at].name)).collect();
    let mut parts = Parts::begin(shape.clone())?;
    let mut before = Checksum::default();
    for part in group {
        workdir.go_on()?;
        let piece = workdir.folder.piece(part);
        let copy = piece.copy(&Need::Whole)?;
        for batch in piece_rows(&piece, &copy, &known.columns)? {
            let rows = batch.map_err(|error| piece.named(error))?.rows;
            before.update(&rows)?;
            let rows =
                rows.project(&places).map_err(|error| Error::internal("rows could not be joined").caused_by(&error))?;
            parts.write(&rows)?;
        }
    }
    let mut fresh = Vec::new();
    for name in parts.finish()? {
        fresh.push(shape.part(&name, workdir.load_id(), &mut |_| workdir.go_on())?);
    }
    let after = Checksum::sum(fresh.iter().filter_map(|part| part.checksum.as_deref()));
    if after != before.finish() || fresh.iter().map(|part| part.rows).sum::<u64>() != before.rows() {
        return Err(Error::data("the joined files do not read back as the rows that went in")
            .in_file(workdir.folder.shown())
            .hint("Nothing was changed at the target; run it again"));
    }
    Ok((fresh, after))
}
