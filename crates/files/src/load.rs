//! A load into a folder: staged beside, read back, compared, then made visible by one change of the manifest.

use super::Files;
use super::fitting::Fitting;
use super::folder::{self, Folder};
use super::manifest::{Done, FILE, Manifest, Part};
use super::merge::Keys;
use super::parts::{Parts, Shape};
use super::unique::Unique;
use super::widen;
use super::work::{self, Work};
use super::write::ending;
use arrow::array::RecordBatch;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use windvane_connect::again::replays;
use windvane_connect::fits::wider;
use windvane_connect::read_back::{Tally, forged};
use windvane_connect::{Changes, Expected, LoadRequest, Loaded, RefusedRow};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;
use windvane_core::schema::{DataType, Schema, checksum::Checksum, digest};
use windvane_core::spec::target::{Absent, Mode};

/// How often a load that lost a race tries again.
const TRIES: usize = 20;

/// What a load finds when it begins.
pub(super) enum Begun {
    Already(Loaded),
    Fresh(Box<Staging>),
}

/// A load that is not visible yet.
pub(super) struct Staging {
    request: LoadRequest,
    /// The earlier attempt of the same load that this one replaces.
    replaced: Option<Done>,
    /// Files of somebody else, which go with this load.
    adopted: Vec<String>,
    pub(super) shape: Shape,
    pub(super) work: Work,
}

/// Files written and closed.
pub(super) struct Written {
    names: Vec<String>,
    tally: Tally,
    /// Rows that are not in the files.
    refused: Vec<RefusedRow>,
    gone: Checksum,
}

/// A folder name for a dataset: the name itself where that is safe, otherwise with `%` escapes.
pub(super) fn folder_name(dataset: &str) -> Result<String> {
    let mut name = String::new();
    for (at, c) in dataset.chars().enumerate() {
        let hidden = at == 0 && matches!(c, '.' | '_');
        // A folder with '=' would be taken for one that holds a value.
        if hidden
            || c.is_control()
            || matches!(c, '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '[' | ']' | '=')
        {
            let mut bytes = [0; 4];
            name.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            name.push(c);
        }
    }
    if name.is_empty() || name.len() > 255 {
        return Err(Error::spec(format!("'{dataset}' cannot be a folder's name"))
            .hint("Dataset names have 1 to 255 bytes, less where they hold special characters"));
    }
    Ok(name)
}

/// Takes the folder and looks what is there; nothing visible is changed.
pub(super) fn begin(files: &Files, mut request: LoadRequest, stop: Arc<AtomicBool>) -> Result<Begun> {
    let kind = files.writes.ok_or_else(|| Error::internal("files opened as a source cannot be loaded"))?;
    let compression = request.compression.or(files.compression);
    ending(kind, compression)?;
    super::hive::check(&request.schema, &request.partition_by)?;
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
            fs::create_dir_all(path).map_err(|error| super::failure(path, "created", &error))?;
            Some(folder::lock(path)?)
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
        work::clean(path, manifest.as_ref())?;
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
    let work = Work::begin(folder, &name, stop)?;
    let shape = Shape {
        kind,
        compression,
        schema: request.schema.clone(),
        by,
        below: String::new(),
        stem: work.stem.clone(),
        inside: work.inside.clone(),
    };
    let replaced = manifest.as_ref().and_then(|known| known.done(&request.load_id)).cloned();
    Ok(Begun::Fresh(Box::new(Staging { request, replaced, adopted, shape, work })))
}

impl Staging {
    /// Writes what `next` gives until it gives nothing.
    pub(super) fn write(&self, mut next: impl FnMut() -> Option<RecordBatch>) -> Result<Written> {
        let mut parts = Parts::begin(self.shape.clone())?;
        let mut tally = Tally::new(&self.request);
        let mut fitting = Fitting::new(&self.request, self.shape.kind);
        let mut unique = (self.request.mode == Mode::Merge).then(|| Unique::new(&self.request));
        while let Some(batch) = next() {
            tally.add(&batch)?;
            let misfits = fitting.misfits(&batch)?;
            let batch = match &mut unique {
                Some(unique) => unique.pass(&batch, &misfits)?,
                None => fitting.pass(batch, &misfits)?,
            };
            parts.write(&faults::spoilt("", &batch))?;
        }
        let names = parts.finish()?;
        let Some(mut unique) = unique else {
            return Ok(Written { names, tally, refused: fitting.refused, gone: fitting.gone });
        };
        let names = unique.settle(names, &self.shape)?;
        Ok(Written { names, tally, refused: unique.refused, gone: unique.gone })
    }

    /// Reads the files back, compares them with what they must hold, and makes them visible.
    pub(super) fn settle(&self, written: &Written) -> Result<Loaded> {
        let mut keys = (self.request.mode == Mode::Merge).then(|| Keys::new(&self.request.key));
        let (parts, done) = self.verify(written, keys.as_mut())?;
        self.request.close(&done.loaded(false))?;
        self.publish(&parts, done, keys)
    }

    fn verify(&self, written: &Written, mut keys: Option<&mut Keys>) -> Result<(Vec<Part>, Done)> {
        let load_id = &self.request.load_id;
        let reads = keys.is_some() || self.request.reads_back(written.tally.rows());
        let mut parts = Vec::new();
        for name in &written.names {
            self.work.go_on()?;
            let mut look = |rows: &RecordBatch| keys.as_mut().map_or(Ok(()), |keys| keys.add(rows));
            parts.push(if reads {
                self.shape.part(name, load_id, &mut look)?
            } else {
                self.shape.counted(name, load_id)?
            });
        }
        let rows = parts.iter().map(|part| part.rows).sum();
        let checksum =
            if reads { Some(Checksum::sum(parts.iter().filter_map(|part| part.checksum.as_deref()))) } else { None };
        let wanted = written.tally.expected(&self.request)?;
        let found = if faults::planted("unverified") { wanted.clone() } else { Expected { rows, checksum } };
        let rows = found.rows;
        // What was written and what was refused together are what was sent.
        let gone = written.gone.finish();
        let all = |sum: &String| Checksum::sum([sum.as_str(), gone.as_str()].into_iter());
        let sent = Expected { rows: rows + written.gone.rows(), checksum: found.checksum.as_ref().map(all) };
        let differs =
            sent.checksum.as_ref().zip(wanted.checksum.as_ref()).is_some_and(|(found, wanted)| found != wanted);
        if sent.rows != wanted.rows || differs {
            let said = |expected: &Expected| {
                let checksum =
                    expected.checksum.as_deref().map_or_else(String::new, |sum| format!(" with the checksum {sum}"));
                format!("{} rows{checksum}", expected.rows)
            };
            let message = format!("the written files hold {}, where {} are expected", said(&sent), said(&wanted));
            return Err(Error::data(message)
                .in_file(self.work.folder.shown())
                .hint("Nothing was changed at the target; run the pipeline again from its source"));
        }
        let bytes = parts.iter().map(|part| part.bytes).sum();
        let done = Done {
            load_id: load_id.clone(),
            rows,
            bytes,
            checksum: found.checksum,
            changes: None,
            refused: written.refused.clone(),
            facts: self.request.noted(),
        };
        Ok((parts, done))
    }

    /// Makes the files visible.
    fn publish(&self, parts: &[Part], mut done: Done, mut keys: Option<Keys>) -> Result<Loaded> {
        let folder = &self.work.folder;
        for attempt in 0..TRIES {
            let (known, version) = folder.manifest()?;
            let earlier = known.as_ref().and_then(|known| known.done(&self.request.load_id));
            // What was there at the beginning was found wanting; what has come since is a second process at the same load.
            if let Some(earlier) = earlier.filter(|earlier| Some(*earlier) != self.replaced.as_ref()) {
                let own = known.as_ref().is_some_and(|known| parts.iter().any(|part| known.names(&part.path)));
                return Ok(earlier.loaded(!own || matches!(folder, Folder::Local(_))));
            }
            // Another run may have been faster with the same rows.
            known.as_ref().map_or(Ok(()), |known| known.takes(&self.request, Some(known.rows())))?;
            let mut swept = 0;
            let mut next = Manifest::new(&self.request.dataset, self.request.schema.clone());
            let mut fresh: Vec<String> = parts.iter().map(|part| part.path.clone()).collect();
            next.partition_by.clone_from(&self.shape.by);
            next.parts = known.as_ref().map(|known| known.parts.clone()).unwrap_or_default();
            next.loads = known.as_ref().map(|known| known.loads.clone()).unwrap_or_default();
            next.older = known.as_ref().map(|known| known.older.clone()).unwrap_or_default();
            if let (Mode::Append | Mode::Merge, Some(known)) = (self.request.mode, &known) {
                next.columns = merged(&known.columns, &self.request, folder)?;
            }
            let known_columns = known.as_ref().map_or(&self.request.schema, |known| &known.columns);
            match (self.request.mode, &mut keys) {
                (Mode::Replace, _) if faults::planted("keeps_old_rows") => {}
                (Mode::Replace, _) => next.retired = next.parts.drain(..).map(|part| part.path).collect(),
                (Mode::Merge, Some(keys)) => {
                    let stem = format!("{}.k{attempt}", self.shape.stem);
                    let changes =
                        self.merge_into(&mut next, known_columns, (keys, &done.refused), &stem, &mut fresh)?;
                    done.changes = Some(changes);
                    replays::close(&self.request, &done.loaded(false))?;
                }
                (Mode::Append, _) if let (Some(replaced), Some(known)) = (&self.replaced, &known) => {
                    let (ids, rows) = known.swept(&self.request, replaced);
                    let (mine, others): (Vec<Part>, Vec<Part>) =
                        next.parts.drain(..).partition(|part| ids.contains(&part.load_id));
                    if mine.iter().map(|part| part.rows).sum::<u64>() != rows {
                        return Err(joined(folder, self.request.facts.run.as_str()));
                    }
                    swept = ids.len() - 1;
                    next.parts = others;
                    next.retired = mine.into_iter().map(|part| part.path).collect();
                }
                (Mode::Append | Mode::Merge | Mode::History, _) => {}
            }
            if self.request.mode == Mode::Append && widen::retyped(known_columns, &next.columns) {
                let (stem, schema) = (format!("{}.w{attempt}", self.shape.stem), next.columns.clone());
                let shape = Shape { schema, stem, ..self.shape.clone() };
                let wide = widen::rewrite(&next.parts, known_columns, &self.work, &shape)?;
                fresh.extend(wide.iter().map(|part| part.path.clone()));
                next.retired.extend(std::mem::replace(&mut next.parts, wide).into_iter().map(|part| part.path));
            }
            next.retired.extend(self.adopted.iter().cloned());
            let lacking = usize::from(faults::planted("lacks_part"));
            next.parts.extend(parts.iter().skip(lacking).cloned());
            next.remember(done.clone());
            if self.work.commit(&fresh, next, known.as_ref(), &version)? {
                return Ok(Loaded { notes: replays::went(swept).into_iter().collect(), ..done.loaded(false) });
            }
        }
        Err(Error::new(Kind::Unavailable, "other loads of this dataset are always faster")
            .in_file(folder.shown())
            .hint("Nothing was changed: run it again when fewer loads run"))
    }

    fn merge_into(
        &self,
        next: &mut Manifest,
        known: &Schema,
        (keys, refused): (&mut Keys, &[RefusedRow]),
        stem: &str,
        fresh: &mut Vec<String>,
    ) -> Result<Changes> {
        let old = std::mem::take(&mut next.parts);
        let lacks = known.names().find(|name| self.request.schema.field(name).is_none());
        if let Some(name) = lacks.filter(|_| !old.is_empty()) {
            return Err(Error::new(
                Kind::Conflict,
                format!("the load lacks the column '{name}', which the target has"),
            )
            .in_file(self.work.folder.shown())
            .hint("A merge into files replaces whole rows: load all columns, or load with mode `replace`"));
        }
        let shape = Shape { stem: stem.to_owned(), schema: next.columns.clone(), ..self.shape.clone() };
        let absent = if self.request.deletes(refused) { Absent::Delete } else { Absent::Keep };
        let merge = keys.apply((&old, known), &self.work, &shape, absent)?;
        fresh.extend(merge.fresh.iter().map(|part| part.path.clone()));
        next.retired = merge.retired;
        next.parts = merge.kept;
        next.parts.extend(merge.fresh);
        Ok(merge.changes)
    }
}

/// The files of a load were joined with those of others, and its rows can be told no more.
fn joined(folder: &Folder, run: &str) -> Error {
    Error::new(Kind::Conflict, format!("the rows of run '{run}' stand in files with those of other runs (compacted)"))
        .in_file(folder.shown())
        .hint("Nothing was changed: start a new run for the new rows, or load with mode `merge` and a key")
}

/// Both sets of columns; columns of one name must be of one type, or get one that holds both.
fn merged(known: &Schema, request: &LoadRequest, folder: &Folder) -> Result<Schema> {
    let mut fields = known.fields.clone();
    for field in &request.schema.fields {
        let Some(old) = fields.iter_mut().find(|old| old.name == field.name) else {
            fields.push(field.clone());
            continue;
        };
        if old.data_type == field.data_type {
            continue;
        }
        let wide = wider(field, old.data_type).filter(|_| request.widen);
        // What is loaded must be of the dataset's type: these rows are written already.
        let Some(wide) = wide.filter(|wide| *wide == field.data_type) else {
            return Err(other_type(&field.name, old.data_type, field.data_type).in_file(folder.shown()));
        };
        old.data_type = wide;
    }
    Ok(Schema::new(fields))
}

/// Files that are there have another type, which does not widen.
pub(super) fn other_type(column: &str, theirs: DataType, ours: DataType) -> Error {
    Error::new(Kind::Conflict, format!("the column '{column}' is {theirs} and cannot take {ours}"))
        .hint("Cast the column to the type it has, or load with the mode `replace`")
}

/// Refuses a folder that holds data which is not ours: publishing a manifest would hide it. Of a local folder the caller
/// holds the lock: without it the files of another load may be on their way. What `next` retires is spoken for.
pub(super) fn refuse_foreign(folder: &Folder, manifest: Option<&Manifest>, next: &Manifest) -> Result<()> {
    let foreign = foreign(folder, manifest)?;
    refuse(folder, foreign.iter().find(|name| !next.retired.contains(name)), Mode::Append)
}

fn refuse(folder: &Folder, foreign: Option<&String>, mode: Mode) -> Result<()> {
    let Some(name) = foreign else { return Ok(()) };
    if work::is_ours(name) {
        let way = if mode == Mode::Replace {
            "say `adopt: true` at the dataset or the target: then the load takes the place of what is there"
        } else {
            "move its files away and run its runs again"
        };
        let message =
            format!("the folder holds '{name}', which no manifest names: {FILE} was lost, or is an older one");
        return Err(Error::new(Kind::Conflict, message).in_file(folder.shown()).hint(format!(
            "Nothing was changed: readers would lose the rows that are there. Bring {FILE} back, from a backup or as an \
             earlier version of the object; or {way}"
        )));
    }
    let hint = if mode == Mode::Replace {
        "Nothing was changed. Move the file away, load into another folder, or say `adopt: true` at the dataset or the target: \
         then the load takes the place of what is there"
    } else {
        "Move the file away or load into another folder: a load would hide or replace it"
    };
    Err(Error::new(Kind::Conflict, format!("the folder holds '{name}', which windvane did not write"))
        .in_file(folder.shown())
        .hint(hint))
}

/// Data in a folder that the manifest does not know.
fn foreign(folder: &Folder, manifest: Option<&Manifest>) -> Result<Vec<String>> {
    let known =
        |name: &str| manifest.is_some_and(|known| known.names(name) || known.retired.iter().any(|old| old == name));
    let data = |name: &str| super::locate::kind_by_ending(Path::new(name)).is_some();
    let unknown = folder.names()?.into_iter().filter(|name| data(name) && !known(name));
    // In a store the files of loads that are still running lie beside.
    let (sent, mut foreign): (Vec<String>, Vec<String>) = match folder {
        Folder::Object { .. } => unknown.partition(|name| work::is_sent(name)),
        Folder::Local(_) => (Vec::new(), unknown.collect()),
    };
    foreign.extend(work::left(folder, sent)?);
    Ok(foreign)
}
