//! Keys of rows: which are the same. Exact: a hash only finds the candidates.
//!
//! Nulls are alike, the two zeros of floats are one, and so are all NaNs. A key of one integer, date or time is held as
//! its number; every other key as the bytes of Arrow's row format.

use crate::engine::broken;
use crate::engine::convert::positive_zero;
use crate::error::{Error, Result};
use ahash::RandomState;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// The same in every process: partitions on the disk are found again by it.
const STATE: RandomState = RandomState::with_seeds(0x57, 0x69, 0x6e, 0x64);

/// Makes keys of columns of these types.
#[derive(Debug)]
pub(crate) enum Encoder {
    Number,
    Bytes(RowConverter),
}

impl Encoder {
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        if let [one] = types
            && is_number(one)
        {
            return Ok(Self::Number);
        }
        let fields = types.iter().map(|data_type| SortField::new(data_type.clone())).collect();
        RowConverter::new(fields).map(Self::Bytes).map_err(|error| broken(&error))
    }

    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Result<Keys> {
        match (self, columns) {
            (Self::Number, [column]) => {
                // Dates and times are numbers; a cast between units of the same width copies nothing.
                let column = match column.data_type() {
                    DataType::Date32 => cast(column, &DataType::Int32),
                    _ => Ok(column.clone()),
                };
                let wide = column.and_then(|column| cast(&column, &DataType::Int64)).map_err(|error| broken(&error))?;
                let wide = wide.as_primitive::<Int64Type>();
                Ok(Keys::Numbers(wide.values().to_vec(), wide.nulls().cloned()))
            }
            (Self::Bytes(converter), _) => {
                let columns: Vec<ArrayRef> = columns.iter().map(positive_zero).collect();
                converter.convert_columns(&columns).map(Keys::Bytes).map_err(|error| broken(&error))
            }
            (Self::Number, _) => Err(Error::internal("a key has another number of columns than before")),
        }
    }
}

fn is_number(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time64(TimeUnit::Microsecond)
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

/// The keys of a frame's rows.
pub(crate) enum Keys {
    Numbers(Vec<i64>, Option<NullBuffer>),
    Bytes(Rows),
}

/// One row's key.
#[derive(Clone, Copy)]
enum Key<'a> {
    Null,
    Number(i64),
    Bytes(&'a [u8]),
}

impl Keys {
    fn get(&self, row: usize) -> Key<'_> {
        match self {
            Self::Numbers(_, Some(nulls)) if nulls.is_null(row) => Key::Null,
            Self::Numbers(values, _) => values.get(row).map_or(Key::Null, |value| Key::Number(*value)),
            Self::Bytes(rows) => Key::Bytes(rows.row(row).data()),
        }
    }

    /// Which of `parts` (a power of two) the row belongs to; each level asks other bits of the hash.
    pub(crate) fn part(&self, row: usize, level: u32, parts: usize) -> usize {
        let hash = match self.get(row) {
            Key::Null => 0,
            Key::Number(value) => STATE.hash_one(value),
            Key::Bytes(bytes) => STATE.hash_one(bytes),
        };
        let bits = parts.trailing_zeros();
        usize::try_from((hash >> (8 + level * bits)) & (parts as u64 - 1)).unwrap_or(0)
    }
}

/// Rows of a frame whose keys are the same, found by whoever has the frame: only one of them need be looked for among
/// all that there were.
pub(crate) struct Alike {
    /// The first row of each group, in the order of the rows.
    pub(crate) first: Vec<u32>,
    /// The group of each row.
    pub(crate) group: Vec<u32>,
}

impl Alike {
    /// Nothing where that saves nothing: numbers are found as fast as they are compared, and most keys may be different.
    pub(crate) fn of(keys: &Keys, rows: usize) -> Result<Option<Self>> {
        if matches!(keys, Keys::Numbers(..)) {
            return Ok(None);
        }
        let all = u32::try_from(rows).map_err(|_| Error::internal("a frame has more than 4 billion rows"))?;
        let mut table = Table::default();
        let mut alike = Self { first: Vec::new(), group: Vec::with_capacity(rows) };
        for row in 0..all {
            let (group, new) = table.intern(keys, row as usize)?;
            alike.group.push(group);
            if new {
                alike.first.push(row);
                if alike.first.len() > rows / 2 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(alike))
    }
}

/// Keys and their numbers, 0, 1, 2 and so on in the order in which they came.
pub(crate) struct Table {
    len: u32,
    null: Option<u32>,
    /// By the number itself, as long as the numbers are small and lie close; 0 is none, otherwise one more.
    dense: Vec<u32>,
    numbers: HashTable<(i64, u32)>,
    bytes: HashTable<u32>,
    /// The bytes of all keys, and where each ends.
    held: Vec<u8>,
    ends: Vec<usize>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table of {} keys", self.len)
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            len: 0,
            null: None,
            dense: Vec::new(),
            numbers: HashTable::new(),
            bytes: HashTable::new(),
            held: Vec::new(),
            ends: Vec::new(),
        }
    }
}

fn bytes_of<'a>(held: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = id.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(id).and_then(|end| held.get(start..*end)).unwrap_or_default()
}

impl Table {
    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        self.dense.capacity() * size_of::<u32>()
            + self.numbers.allocation_size()
            + self.bytes.allocation_size()
            + self.held.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    pub(crate) fn find(&self, keys: &Keys, row: usize) -> Option<u32> {
        match keys.get(row) {
            Key::Null => self.null,
            Key::Number(value) => {
                if let Some(id) = self.dense_at(value) {
                    return Some(id);
                }
                if self.numbers.is_empty() {
                    return None;
                }
                let found = self.numbers.find(STATE.hash_one(value), |(known, _)| *known == value);
                found.map(|(_, id)| *id)
            }
            Key::Bytes(bytes) => {
                let same = |id: &u32| bytes_of(&self.held, &self.ends, *id) == bytes;
                self.bytes.find(STATE.hash_one(bytes), same).copied()
            }
        }
    }

    fn dense_at(&self, value: i64) -> Option<u32> {
        let slot = usize::try_from(value).ok().and_then(|at| self.dense.get(at))?;
        slot.checked_sub(1)
    }

    /// The place of a number that may stand by itself: no more than eight places for each key that there is.
    fn dense_place(&mut self, value: i64) -> Option<&mut u32> {
        let at = usize::try_from(value).ok().filter(|at| at / 8 <= self.len as usize + 1024)?;
        if at >= self.dense.len() {
            self.dense.resize((at + 1).next_power_of_two(), 0);
        }
        self.dense.get_mut(at)
    }

    /// The number of the row's key, and whether it is new.
    pub(crate) fn intern(&mut self, keys: &Keys, row: usize) -> Result<(u32, bool)> {
        let next = self.len;
        let known = match keys.get(row) {
            Key::Null => self.null.replace(self.null.unwrap_or(next)),
            Key::Number(value) if self.dense_at(value).is_some() => self.dense_at(value),
            // It may have come when it lay too far off.
            Key::Number(_) if !self.numbers.is_empty() && self.find(keys, row).is_some() => self.find(keys, row),
            Key::Number(value) if next < u32::MAX && self.dense_place(value).is_some() => {
                if let Some(place) = self.dense_place(value) {
                    *place = next + 1;
                }
                None
            }
            Key::Number(value) => {
                let hash = |value: i64| STATE.hash_one(value);
                match self.numbers.entry(hash(value), |(known, _)| *known == value, |(known, _)| hash(*known)) {
                    Entry::Occupied(entry) => Some(entry.get().1),
                    Entry::Vacant(entry) => {
                        entry.insert((value, next));
                        None
                    }
                }
            }
            Key::Bytes(bytes) => {
                let Self { bytes: table, held, ends, .. } = self;
                let same = |id: &u32| bytes_of(held, ends, *id) == bytes;
                match table.entry(STATE.hash_one(bytes), same, |id| STATE.hash_one(bytes_of(held, ends, *id))) {
                    Entry::Occupied(entry) => Some(*entry.get()),
                    Entry::Vacant(entry) => {
                        entry.insert(next);
                        held.extend_from_slice(bytes);
                        ends.push(held.len());
                        None
                    }
                }
            }
        };
        if let Some(id) = known {
            return Ok((id, false));
        }
        self.len = next.checked_add(1).ok_or_else(|| {
            Error::unsupported("more than 4 billion different keys cannot be held at once")
                .hint("Filter before this step")
        })?;
        Ok((next, true))
    }
}
