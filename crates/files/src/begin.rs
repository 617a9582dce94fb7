//! A load begins: whether it was done before, and what is in the folder that it goes to.

use super::files::Files;
use super::folder::Folder;
use super::hive;
use super::load::Staging;
use super::orphans::{foreign, refuse};
use super::parts::Shape;
use super::publish::lock;
use super::widen::merged;
use super::workdir::Workdir;
use super::workdirs::clean;
use super::write::ending;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use windvane_connect::disk::failure;
use windvane_connect::read_back::forged;
use windvane_connect::{LoadRequest, Loaded};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::schema::digest;
use windvane_core::spec::target::Mode;

/// What a load finds when it begins.
pub(super) enum Begun {
    Already(Loaded),
    Fresh(Box<Staging>),
}

/// Takes the folder and looks what is there; nothing visible is changed.
pub(super) fn begin(files: &Files, mut request: LoadRequest, stop: Arc<AtomicBool>) -> Result<Begun> {
    let kind = files.writes.ok_or_else(|| Error::internal("files opened as a source cannot be loaded"))?;
    let compression = request.compression.or(files.compression);
    ending(kind, compression)?;
    hive::check(&request.schema, &request.partition_by)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if request.load_id.is_empty() || request.load_id.len() > 128 || !request.load_id.chars().all(fits) {
        return Err(Error::spec(format!("'{}' is not a load id", request.load_id)).hint("Use letters and digits"));
    }
    match request.mode {
        Mode::History => {
            return Err(Error::unsupported("files do not keep a history")
                .hint("Load with mode `merge`, or keep the history in a database"));
        }
        Mode::Merge if request.key.is_empty() => return Err(Error::spec("a merge needs a key").at_path("key")),
        Mode::Merge | Mode::Append | Mode::Replace => {}
    }
    let folder = files.folder(&request.dataset)?;
    let _lock = match &folder {
        Folder::Local(path) => {
            fs::create_dir_all(path).map_err(|error| failure(path, "created", &error))?;
            Some(lock(path)?)
        }
        Folder::Object { .. } => None,
    };
    let (manifest, _) = folder.manifest()?;
    if let Some(known) = manifest.as_ref().filter(|known| known.dataset != request.dataset) {
        return Err(Error::new(Kind::Conflict, format!("the folder belongs to the dataset '{}'", known.dataset))
            .in_file(folder.shown())
            .hint("This file system does not tell the two names apart: rename one of the datasets"));
    }
    if let Folder::Local(path) = &folder {
        clean(path, manifest.as_ref())?;
    }
    if let Some(known) = &manifest
        && let Some(loaded) = known.stands(&request, &folder.sizes()?)?
    {
        return Ok(Begun::Already(loaded));
    }
    if let Some(forged) = forged(&request) {
        return Ok(Begun::Already(forged));
    }
    let foreign = foreign(&folder, manifest.as_ref())?;
    let adopted = if request.adopt && request.mode == Mode::Replace { foreign.clone() } else { Vec::new() };
    refuse(&folder, foreign.iter().find(|name| !adopted.contains(name)), request.mode)?;
    let mut by = request.partition_by.clone();
    if let (Mode::Append | Mode::Merge, Some(known)) = (request.mode, &manifest) {
        merged(&known.columns, &request, &folder)?;
        // Files of one dataset have one type a column: that of the files that are there.
        for field in &mut request.schema.fields {
            if let Some(old) = known.columns.field(&field.name) {
                field.shape.clone_from(&old.shape);
            }
        }
        let whole = known.partition_by.iter().all(|name| request.schema.field(name).is_some());
        if by.is_empty() && whole {
            by.clone_from(&known.partition_by);
        }
    }
    // The files of a later attempt have names of their own: those of the earlier one are read until it is published.
    let again = manifest.as_ref().is_some_and(|known| known.done(&request.load_id).is_some());
    let name = if again {
        format!("{}-{}", request.load_id, digest(clock::now().rfc3339().as_bytes(), 8))
    } else {
        request.load_id.clone()
    };
    let workdir = Workdir::begin(folder, &name, stop)?;
    let shape = Shape {
        kind,
        compression,
        schema: request.schema.clone(),
        by,
        below: String::new(),
        stem: workdir.stem.clone(),
        inside: workdir.inside.clone(),
    };
    let replaced = manifest.as_ref().and_then(|known| known.done(&request.load_id)).cloned();
    Ok(Begun::Fresh(Box::new(Staging { request, replaced, adopted, shape, workdir })))
}
