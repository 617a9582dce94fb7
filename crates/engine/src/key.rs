//! Keys of rows: which are the same. Exact: a hash only finds the candidates.
//!
//! Nulls are alike, the two zeros of floats are one, and so are all NaNs. A key of one integer, date or time is held as
//! its number; every other key as the bytes of Arrow's row format.

use crate::convert::positive_zero;
use crate::errors::broken;
use ahash::RandomState;
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use windvane_core::error::{Error, Result};

/// The same in every process: partitions on the disk are found again by it.
pub(super) const STATE: RandomState = RandomState::with_seeds(0x57, 0x69, 0x6e, 0x64);

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
                let (values, nulls) = numbers(column).ok_or_else(|| Error::internal("a key is no number any more"))?;
                Ok(Keys::Numbers(values, nulls))
            }
            (Self::Bytes(converter), _) => {
                let columns: Vec<ArrayRef> = columns.iter().map(positive_zero).collect();
                converter.convert_columns(&columns).map(Keys::Bytes).map_err(|error| broken(&error))
            }
            (Self::Number, _) => Err(Error::internal("a key has another number of columns than before")),
        }
    }
}

/// The values of a column of integers, dates or times, and which of them are nulls; nothing of others.
pub(super) fn numbers(column: &ArrayRef) -> Option<(ScalarBuffer<i64>, Option<NullBuffer>)> {
    if !is_number(column.data_type()) {
        return None;
    }
    // A cast between units of the same width copies nothing.
    let column = match column.data_type() {
        DataType::Date32 => cast(column, &DataType::Int32).ok()?,
        _ => column.clone(),
    };
    let wide = cast(&column, &DataType::Int64).ok()?;
    let wide = wide.as_primitive::<Int64Type>();
    Some((wide.values().clone(), wide.nulls().cloned()))
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
    Numbers(ScalarBuffer<i64>, Option<NullBuffer>),
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

    /// The row's key as bytes in the order of the keys; nothing for a null. `room` is for a number's.
    pub(crate) fn in_order<'a>(&'a self, row: usize, room: &'a mut [u8; 8]) -> Option<&'a [u8]> {
        match self.get(row) {
            Key::Null => None,
            Key::Number(value) => {
                *room = (value ^ i64::MIN).to_be_bytes();
                Some(room)
            }
            Key::Bytes(bytes) => Some(bytes),
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

    /// The number of every row's key; null where it is not known.
    pub(crate) fn find_all(&self, keys: &Keys, rows: usize) -> UInt32Array {
        let (Keys::Numbers(values, None), true) = (keys, self.numbers.is_empty()) else {
            return (0..rows).map(|row| self.find(keys, row)).collect();
        };
        let place = |value: &i64| usize::try_from(*value).ok().and_then(|at| self.dense.get(at)).copied().unwrap_or(0);
        let mut all = true;
        let mut found = Vec::with_capacity(rows);
        for value in values {
            let place = place(value);
            all &= place > 0;
            found.push(place.saturating_sub(1));
        }
        let known = |row: usize| values.get(row).is_some_and(|value| place(value) > 0);
        let nulls = (!all).then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, known)));
        UInt32Array::new(found.into(), nulls)
    }

    fn dense_at(&self, value: i64) -> Option<u32> {
        let slot = usize::try_from(value).ok().and_then(|at| self.dense.get(at))?;
        slot.checked_sub(1)
    }

    /// The number of a number, where it is known; otherwise it gets the next one. It may stand by itself when there are
    /// no more than eight places for each key that there is.
    fn intern_number(&mut self, value: i64, next: u32) -> Option<u32> {
        let hash = |value: i64| STATE.hash_one(value);
        if let Some(at) = usize::try_from(value).ok().filter(|at| at / 8 <= next as usize + 1024) {
            if at >= self.dense.len() {
                self.dense.resize((at + 1).next_power_of_two(), 0);
            }
            if let Some(known) = self.dense.get(at).and_then(|place| place.checked_sub(1)) {
                return Some(known);
            }
            // It may have come when it lay too far off.
            if !self.numbers.is_empty()
                && let Some((_, known)) = self.numbers.find(hash(value), |(known, _)| *known == value)
            {
                return Some(*known);
            }
            if let Some(place) = self.dense.get_mut(at).filter(|_| next < u32::MAX) {
                *place = next + 1;
            }
            return None;
        }
        match self.numbers.entry(hash(value), |(known, _)| *known == value, |(known, _)| hash(*known)) {
            Entry::Occupied(entry) => Some(entry.get().1),
            Entry::Vacant(entry) => {
                entry.insert((value, next));
                None
            }
        }
    }

    /// Adds keys that are to be new; the first row whose key is not.
    pub(crate) fn add(&mut self, keys: &Keys, rows: usize) -> Result<Option<usize>> {
        if let Keys::Numbers(values, None) = keys
            && self.numbers.is_empty()
            && let Some(most) = values.iter().max().and_then(|most| usize::try_from(*most).ok())
            && values.iter().all(|value| *value >= 0)
            && most / 8 <= self.len as usize + 1024
            && u32::try_from(rows).ok().and_then(|rows| self.len.checked_add(rows)).is_some()
        {
            // All of them stand by themselves.
            if most >= self.dense.len() {
                self.dense.resize((most + 1).next_power_of_two(), 0);
            }
            for (row, value) in values.iter().enumerate() {
                let place = usize::try_from(*value).ok().and_then(|at| self.dense.get_mut(at));
                let Some(place) = place.filter(|place| **place == 0) else { return Ok(Some(row)) };
                self.len += 1;
                *place = self.len;
            }
            return Ok(None);
        }
        for row in 0..rows {
            if !self.intern(keys, row)?.1 {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The number of the row's key, and whether it is new.
    pub(crate) fn intern(&mut self, keys: &Keys, row: usize) -> Result<(u32, bool)> {
        let next = self.len;
        let known = match keys.get(row) {
            Key::Null => self.null.replace(self.null.unwrap_or(next)),
            Key::Number(value) => self.intern_number(value, next),
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
