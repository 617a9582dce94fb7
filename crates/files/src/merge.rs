//! A merge into files: parts that hold a loaded key are written anew without it, all others stay as they are.
//!
//! In memory are the hashes of the loaded keys and rows (128 bits each, so that two never meet), and one part's batches.

use super::manifest::Part;
use super::order::{broken, in_order};
use super::parts::{Parts, Shape};
use super::piece::Need;
use super::read::piece_rows;
use super::widen;
use super::workdir::Workdir;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::HashMap;
use windvane_connect::Changes;
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::Schema;
use windvane_core::schema::arrow::from_arrow;
use windvane_core::schema::checksum::{Checksum, row_hashes};
use windvane_core::spec::target::Absent;

/// The keys of a load.
pub(super) struct Keys {
    names: Vec<String>,
    rows: HashMap<u128, Loaded>,
    /// The columns that rows are compared by.
    schema: Option<Schema>,
}

struct Loaded {
    row: u128,
    met: bool,
}

/// What a merge makes of the old parts.
pub(super) struct Merge {
    pub kept: Vec<Part>,
    pub fresh: Vec<Part>,
    pub retired: Vec<String>,
    pub changes: Changes,
}

impl Keys {
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), rows: HashMap::new(), schema: None }
    }

    /// Takes loaded rows; every key once, none without a value.
    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        let schema = match &self.schema {
            Some(schema) => schema,
            None => self.schema.insert(from_arrow(&rows.schema())?),
        };
        let hashes = row_hashes(&in_order(rows, schema)?)?;
        for (key, row) in self.hashes(rows)?.into_iter().zip(hashes) {
            if self.rows.insert(key, Loaded { row, met: false }).is_some() {
                return Err(Error::data(format!("two loaded rows have the same key ({})", self.names.join(", ")))
                    .hint("Deduplicate the rows before they are merged, or choose a key that is unique"));
            }
        }
        Ok(())
    }

    fn hashes(&self, rows: &RecordBatch) -> Result<Vec<u128>> {
        let columns = self.names.iter().map(|name| {
            let at = rows.schema().index_of(name);
            at.map_err(|_| Error::spec(format!("there is no column '{name}', which is named as key")).at_path("key"))
        });
        let columns = columns.collect::<Result<Vec<usize>>>()?;
        let keys = rows.project(&columns).map_err(|error| broken(&error))?;
        if let Some(at) = keys.columns().iter().position(|column| column.null_count() > 0) {
            return Err(Error::data(format!("the key column '{}' has rows without a value", self.names[at]))
                .hint("Filter those rows out, or choose a key that is always there"));
        }
        row_hashes(&keys)
    }

    /// Compares the old parts, of these columns, with the load; writes those anew that lose rows, or all where types have
    /// widened.
    pub(super) fn apply(
        &mut self,
        old: (&[Part], &Schema),
        workdir: &Workdir,
        shape: &Shape,
        absent: Absent,
    ) -> Result<Merge> {
        let (old, known) = old;
        let retyped = widen::retyped(known, &shape.schema);
        let (mut kept, mut retired, mut deleted) = (Vec::new(), Vec::new(), 0);
        for loaded in self.rows.values_mut() {
            loaded.met = false;
        }
        let mut updated = 0;
        let mut unchanged = 0;
        let mut rest = Parts::begin(shape.clone())?;
        let (mut rows, mut sum) = (0, Checksum::default());
        let narrow =
            Schema::new(shape.schema.fields.iter().filter(|field| self.names.contains(&field.name)).cloned().collect());
        for part in old {
            workdir.go_on()?;
            if !retyped && absent == Absent::Keep && !self.touches(part, workdir, &narrow)? {
                kept.push(part.clone());
                continue;
            }
            let piece = workdir.folder.piece(part);
            let copy = piece.copy(&Need::Whole)?;
            for batch in piece_rows(&piece, &copy, if retyped { known } else { &shape.schema })? {
                workdir.go_on()?;
                let batch = batch?.rows;
                let batch = if retyped { widen::cast(&batch, &shape.schema)? } else { batch };
                let keys = self.hashes(&batch)?;
                let hashes = match &self.schema {
                    Some(schema) => row_hashes(&in_order(&batch, schema)?)?,
                    None => vec![0; keys.len()],
                };
                let mut stay = Vec::with_capacity(keys.len());
                for (key, row) in keys.iter().zip(hashes) {
                    let found = self.rows.get_mut(key);
                    let old = faults::planted("updates_nothing");
                    stay.push(found.is_none() && absent == Absent::Keep || found.is_some() && old);
                    match found {
                        None => deleted += u64::from(absent == Absent::Delete),
                        // A key that the target has twice is one row of the load.
                        Some(loaded) if loaded.met => {}
                        Some(loaded) => {
                            loaded.met = true;
                            *(if loaded.row == row { &mut unchanged } else { &mut updated }) += 1;
                        }
                    }
                }
                let stay = filter_record_batch(&batch, &BooleanArray::from(stay)).map_err(|error| broken(&error))?;
                if stay.num_rows() > 0 {
                    rows += stay.num_rows() as u64;
                    sum.update(&stay)?;
                    rest.write(&stay)?;
                }
            }
            retired.push(part.path.clone());
        }
        let mut fresh = Vec::new();
        for name in rest.finish()? {
            let part = shape.part(&name, workdir.load_id(), &mut |_| workdir.go_on())?;
            if part.rows > 0 {
                fresh.push(part);
            }
        }
        let back = Checksum::sum(fresh.iter().filter_map(|part| part.checksum.as_deref()));
        if fresh.iter().map(|part| part.rows).sum::<u64>() != rows || back != sum.finish() {
            return Err(Error::data("the rows that a merge keeps do not read back as they were")
                .hint("Nothing was changed at the target; run it again"));
        }
        let inserted = self.rows.values().filter(|loaded| !loaded.met).count() as u64;
        Ok(Merge { kept, fresh, retired, changes: Changes { inserted, updated, deleted, unchanged } })
    }

    /// Whether a part holds a loaded key: only its key columns are read.
    fn touches(&self, part: &Part, workdir: &Workdir, narrow: &Schema) -> Result<bool> {
        let piece = workdir.folder.piece(part);
        let copy = piece.copy_of(narrow)?;
        for batch in piece_rows(&piece, &copy, narrow)? {
            if self.hashes(&batch?.rows)?.iter().any(|key| self.rows.contains_key(key)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
