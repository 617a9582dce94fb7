//! Every key of a merge once: which of several rows is taken, found while they are written.
//!
//! A row that loses against an earlier one is not written. Where a later row wins, the earlier one is in a file already,
//! and the files are written anew without it.

use super::fitting::{Misfits, refusal};
use super::order::{broken, in_order};
use super::parts::{Parts, Shape};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes as a;
use arrow::util::display::array_value_to_string;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use windvane_connect::by_key::{given_way, twice};
use windvane_connect::disk::failure;
use windvane_connect::{LoadRequest, RefusedRow};
use windvane_core::error::{Error, Result};
use windvane_core::schema::checksum::{Checksum, row_hashes};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::OnDuplicate;

/// The row of a key that is taken so far.
struct Taken {
    at: u64,
    row: u128,
    order: Option<i128>,
    /// Found again, when files are written anew.
    met: bool,
}

pub(super) struct Unique {
    request: LoadRequest,
    taken: HashMap<u128, Taken>,
    rows: u64,
    /// A row that was written has lost.
    late: bool,
    pub(super) refused: Vec<RefusedRow>,
    /// Of the rows that are refused.
    pub(super) gone: Checksum,
}

impl Unique {
    pub(super) fn new(request: &LoadRequest) -> Self {
        Self {
            request: request.clone(),
            taken: HashMap::new(),
            rows: 0,
            late: false,
            refused: Vec::new(),
            gone: Checksum::default(),
        }
    }

    /// The rows of the next batch that are to be written.
    pub(super) fn pass(&mut self, batch: &RecordBatch, misfits: &Misfits) -> Result<RecordBatch> {
        let schema = self.request.schema.clone();
        let rows = row_hashes(&in_order(batch, &schema)?)?;
        let (columns, keys) = self.keys(batch)?;
        let orders = self.orders(batch)?;
        let mut keep = vec![true; batch.num_rows()];
        for (place, (key, row)) in keys.into_iter().zip(rows).enumerate() {
            let at = self.rows + place as u64;
            let order = orders.as_ref().and_then(|orders| orders[place]);
            if let Some(why) = misfits.get(&place) {
                keep[place] = false;
                self.refused.push(refusal(at, why));
                continue;
            }
            if let Some(column) = columns.iter().position(|column| column.is_null(place)) {
                let name = self.request.key[column].clone();
                keep[place] = false;
                self.keyless(at, &name)?;
                continue;
            }
            let choice = self.request.duplicates.choice;
            let known = match self.taken.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(Taken { at, row, order, met: false });
                    continue;
                }
                Entry::Occupied(known) => known.into_mut(),
            };
            let wins = match choice {
                OnDuplicate::Last => order >= known.order,
                OnDuplicate::First => order < known.order,
                OnDuplicate::Quarantine | OnDuplicate::Fail => false,
            };
            let shown = shown(&self.request, &columns, place);
            if choice == OnDuplicate::Fail {
                return Err(twice(&shown).in_row(at + 1));
            }
            let (reason, superseded) = given_way(choice, &shown);
            let loser = if wins {
                self.late = true;
                std::mem::replace(known, Taken { at, row, order, met: false }).at
            } else {
                keep[place] = false;
                at
            };
            let column = self.request.key.first().filter(|_| self.request.key.len() == 1).cloned();
            self.refused.push(RefusedRow { at: loser, column, reason, superseded });
        }
        self.rows += batch.num_rows() as u64;
        self.request.error_budget.allows(&self.refused)?;
        let (kept, gone) = divided(batch, keep)?;
        self.gone.update(&in_order(&gone, &schema)?)?;
        Ok(kept)
    }

    fn keyless(&mut self, at: u64, name: &str) -> Result<()> {
        let reason = format!("the key column '{name}' is null");
        if self.request.refused == RowPolicy::Fail {
            return Err(Error::data(reason)
                .in_row(at + 1)
                .hint("Filter such rows out, or let them go to quarantine: nothing was loaded"));
        }
        self.refused.push(RefusedRow { at, column: Some(name.to_owned()), reason, superseded: false });
        Ok(())
    }

    /// Writes the files anew without the rows that lost; the names of what is to be loaded.
    pub(super) fn settle(&mut self, names: Vec<String>, shape: &Shape) -> Result<Vec<String>> {
        self.refused.sort_by_key(|row| row.at);
        if !self.late {
            return Ok(names);
        }
        let again = Shape { stem: format!("{}.u", shape.stem), ..shape.clone() };
        let mut parts = Parts::begin(again)?;
        for name in &names {
            shape.part(name, "", &mut |rows| {
                let rows = in_order(rows, &self.request.schema)?;
                let hashes = row_hashes(&rows)?;
                let (_, keys) = self.keys(&rows)?;
                let mut keep = Vec::with_capacity(hashes.len());
                for (key, row) in keys.iter().zip(hashes) {
                    let mine = self.taken.get_mut(key).filter(|taken| taken.row == row && !taken.met);
                    keep.push(mine.map(|taken| taken.met = true).is_some());
                }
                let (kept, gone) = divided(&rows, keep)?;
                self.gone.update(&gone)?;
                parts.write(&kept)
            })?;
            let path = shape.inside.join(name);
            fs::remove_file(&path).map_err(|error| failure(&path, "removed", &error))?;
        }
        parts.finish()
    }

    /// The columns of the key, and the hash of each row's.
    fn keys(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<u128>)> {
        let fields = self.request.key.iter().filter_map(|name| self.request.schema.field(name).cloned());
        let key = in_order(batch, &Schema::new(fields.collect()))?;
        Ok((key.columns().to_vec(), row_hashes(&key)?))
    }

    /// What says which of two rows is later: a null is before all values.
    fn orders(&self, batch: &RecordBatch) -> Result<Option<Vec<Option<i128>>>> {
        let name = self.request.duplicates.column.as_ref();
        let Some(column) = name.and_then(|name| batch.column_by_name(name)) else { return Ok(None) };
        let known = name.and_then(|name| self.request.schema.field(name)).map(|field| field.data_type);
        let orders = match known {
            Some(DataType::Decimal { .. }) => {
                column.as_primitive::<a::Decimal128Type>().iter().collect::<Vec<Option<i128>>>()
            }
            Some(DataType::Float32 | DataType::Float64) => {
                let wide = cast(column, &a::DataType::Float64).map_err(|error| broken(&error))?;
                let total = |value: f64| {
                    let bits = value.to_bits().cast_signed();
                    i128::from(if bits < 0 { bits ^ i64::MAX } else { bits })
                };
                wide.as_primitive::<a::Float64Type>().iter().map(|value| value.map(total)).collect()
            }
            Some(DataType::Date) => {
                column.as_primitive::<a::Date32Type>().iter().map(|day| day.map(i128::from)).collect()
            }
            Some(DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Timestamp | DataType::TimestampTz) => {
                let wide = cast(column, &a::DataType::Int64).map_err(|error| broken(&error))?;
                wide.as_primitive::<a::Int64Type>().iter().map(|value| value.map(i128::from)).collect()
            }
            Some(
                DataType::Boolean
                | DataType::Text
                | DataType::Binary
                | DataType::Time
                | DataType::Json
                | DataType::Uuid,
            )
            | None => return Ok(None),
        };
        Ok(Some(orders))
    }
}

/// `id = 1, day = 2024-01-01`.
fn shown(request: &LoadRequest, columns: &[ArrayRef], place: usize) -> String {
    let one = |(name, column): (&String, &ArrayRef)| {
        let text = array_value_to_string(column, place).unwrap_or_default();
        format!("{name} = {text}")
    };
    request.key.iter().zip(columns).map(one).collect::<Vec<_>>().join(", ")
}

/// The rows that are kept, and the others.
fn divided(batch: &RecordBatch, keep: Vec<bool>) -> Result<(RecordBatch, RecordBatch)> {
    let others: BooleanArray = keep.iter().map(|keep| Some(!keep)).collect();
    let kept = filter_record_batch(batch, &BooleanArray::from(keep)).map_err(|error| broken(&error))?;
    let gone = filter_record_batch(batch, &others).map_err(|error| broken(&error))?;
    Ok((kept, gone))
}
