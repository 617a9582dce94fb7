//! What comes before what, and which rows belong together: what sort, window and fill share. Nulls come last in either
//! direction, ties keep their order, and a negative zero is a zero.

use super::fields::position;
use super::rows::Outcome;
use crate::convert;
use crate::errors::{broken, no_column};
use crate::frame::Frame;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, Rows, SortField};
use std::collections::HashMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::verb::Sort as Step;

/// A column and whether its large values come first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    index: usize,
    descending: bool,
}

impl Key {
    pub(super) fn index(self) -> usize {
        self.index
    }
}

/// `amount`, `amount desc`, `amount asc`; a column that is called so comes first.
pub(super) fn keys(names: &[String], schema: &Schema, descending: bool) -> Result<Vec<Key>> {
    names
        .iter()
        .map(|name| {
            if let Some(index) = schema.fields.iter().position(|field| field.name == *name) {
                return Ok(Key { index, descending });
            }
            let (column, direction) = name.trim().rsplit_once(char::is_whitespace).unwrap_or((name, ""));
            let descending = match direction.to_ascii_lowercase().as_str() {
                "desc" => true,
                "asc" => false,
                _ => return Err(no_column(name, schema)),
            };
            position(column.trim(), schema).map(|index| Key { index, descending }).map_err(|error| error.at_path(name))
        })
        .collect()
}

/// The same keys for those who write them down: name and whether descending.
pub(crate) fn named(names: &[String], schema: &Schema, descending: bool) -> Result<Vec<(String, bool)>> {
    let keys = keys(names, schema, descending)?;
    Ok(keys.iter().filter_map(|key| Some((schema.fields.get(key.index)?.name.clone(), key.descending))).collect())
}

pub(super) fn columns(names: Option<&Columns>, schema: &Schema, path: &str) -> Result<Vec<usize>> {
    let names = names.map(|names| names.0.as_slice()).unwrap_or_default();
    names.iter().map(|name| position(name, schema).map_err(|error| error.at_path(path))).collect()
}

/// The keys of all rows as bytes that compare as the values do.
pub(super) fn encoded(frame: &Frame, keys: &[Key]) -> Result<Rows> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut fields = Vec::new();
    for key in keys {
        let array = frame.rows.columns().get(key.index).ok_or_else(|| Error::internal("a key outlived its column"))?;
        let array = convert::positive_zero(array);
        let options = SortOptions { descending: key.descending, nulls_first: false };
        fields.push(SortField::new_with_options(array.data_type().clone(), options));
        arrays.push(array);
    }
    let converter = RowConverter::new(fields).map_err(|error| broken(&error))?;
    converter.convert_columns(&arrays).map_err(|error| broken(&error))
}

/// All rows in order.
pub(super) fn positions(frame: &Frame, keys: &[Key]) -> Result<Vec<u32>> {
    let rows = u32::try_from(frame.len()).map_err(|_| {
        Error::unsupported("more than 4 billion rows cannot be put in order at once").hint("Filter before this step")
    })?;
    let mut positions: Vec<u32> = (0..rows).collect();
    if !keys.is_empty() {
        let encoded = encoded(frame, keys)?;
        positions.sort_by(|left, right| encoded.row(*left as usize).cmp(&encoded.row(*right as usize)));
    }
    Ok(positions)
}

/// The rows that belong together, each group in the given order. Nulls belong together.
pub(super) fn groups(frame: &Frame, by: &[usize], order: &[u32]) -> Result<Vec<Vec<u32>>> {
    if by.is_empty() {
        return Ok(if order.is_empty() { Vec::new() } else { vec![order.to_vec()] });
    }
    let keys: Vec<Key> = by.iter().map(|index| Key { index: *index, descending: false }).collect();
    let encoded = encoded(frame, &keys)?;
    let mut known: HashMap<&[u8], usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for row in order {
        let group = *known.entry(encoded.row(*row as usize).data()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group) {
            group.push(*row);
        }
    }
    Ok(groups)
}

/// Rows in an order.
#[derive(Debug, Clone)]
pub(super) struct Sort {
    keys: Vec<Key>,
    limit: Option<u64>,
}

impl Sort {
    /// Only the first rows go on.
    pub(super) fn is_cut(&self) -> bool {
        self.limit.is_some()
    }
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<Sort> {
    if step.by.0.is_empty() && step.limit.is_none() {
        return Err(Error::spec("sort needs a column").at_path("by").hint("Write by: column, or by: [a, b desc]"));
    }
    let keys = keys(&step.by.0, schema, step.desc).map_err(|error| error.at_path("by"))?;
    Ok(Sort { keys, limit: step.limit })
}

impl Sort {
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The columns of the input that are read.
    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|key| key.index)
    }

    /// The positions of the rows in order, as many as are wanted.
    pub(super) fn order(&self, frame: &Frame) -> Result<Vec<u32>> {
        let mut order = positions(frame, &self.keys)?;
        if let Some(limit) = self.limit.and_then(|limit| usize::try_from(limit).ok()) {
            order.truncate(limit);
        }
        Ok(order)
    }

    pub(super) fn run(&self, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let order = self.order(frame)?;
        outcome.filtered += (frame.len() - order.len()) as u64;
        frame.take(&UInt32Array::from(order))
    }
}
