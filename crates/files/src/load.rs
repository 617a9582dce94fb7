//! A load into a folder: staged beside, read back, compared, then made visible by one change of the manifest.

use super::fitting::Fitting;
use super::folder::Folder;
use super::manifest::{Done, Manifest, Part};
use super::merge::Keys;
use super::parts::{Parts, Shape};
use super::unique::Unique;
use super::widen::{self, merged};
use super::workdir::Workdir;
use arrow::array::RecordBatch;
use windvane_connect::read_back::Tally;
use windvane_connect::rerun::replays;
use windvane_connect::{Changes, Expected, LoadRequest, Loaded, RefusedRow};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::{Schema, checksum::Checksum};
use windvane_core::spec::target::{Absent, Mode};

/// How often a load that lost a race tries again.
const TRIES: usize = 20;

/// A load that is not visible yet.
pub(super) struct Staging {
    pub(super) request: LoadRequest,
    /// The earlier attempt of the same load that this one replaces.
    pub(super) replaced: Option<Done>,
    /// Files of somebody else, which go with this load.
    pub(super) adopted: Vec<String>,
    pub(super) shape: Shape,
    pub(super) workdir: Workdir,
}

/// Files written and closed.
pub(super) struct Written {
    names: Vec<String>,
    tally: Tally,
    /// Rows that are not in the files.
    refused: Vec<RefusedRow>,
    gone: Checksum,
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
            self.workdir.go_on()?;
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
                .in_file(self.workdir.folder.shown())
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
        let folder = &self.workdir.folder;
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
                let wide = widen::rewrite(&next.parts, known_columns, &self.workdir, &shape)?;
                fresh.extend(wide.iter().map(|part| part.path.clone()));
                next.retired.extend(std::mem::replace(&mut next.parts, wide).into_iter().map(|part| part.path));
            }
            next.retired.extend(self.adopted.iter().cloned());
            let lacking = usize::from(faults::planted("lacks_part"));
            next.parts.extend(parts.iter().skip(lacking).cloned());
            next.remember(done.clone());
            if self.workdir.commit(&fresh, next, known.as_ref(), &version)? {
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
            .in_file(self.workdir.folder.shown())
            .hint("A merge into files replaces whole rows: load all columns, or load with mode `replace`"));
        }
        let shape = Shape { stem: stem.to_owned(), schema: next.columns.clone(), ..self.shape.clone() };
        let absent = if self.request.deletes(refused) { Absent::Delete } else { Absent::Keep };
        let merge = keys.apply((&old, known), &self.workdir, &shape, absent)?;
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
