//! The different values of a column, each with the number under which it came first.

use ahash::RandomState;
use arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray, StringArray};
use hashbrown::HashTable;

const EMPTY: u32 = u32::MAX;
/// A power of two.
const SLOTS: usize = 4096;
/// Texts that came lately are found without the table. A power of two.
const LATELY: usize = 256;

/// Of numbers, found by a table that is half empty.
pub(super) struct Numbers {
    pub(super) values: Vec<i64>,
    slots: Vec<u32>,
    last: (i64, u32),
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), slots: vec![EMPTY; SLOTS], last: (0, EMPTY) }
    }

    /// Appends the numbers of all values; false where one is none of ours.
    pub(super) fn number<T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<T>,
        wide: impl Fn(T::Native) -> Option<i64>,
        out: &mut Vec<u32>,
    ) -> bool {
        let mut known = true;
        let mut add = |value: T::Native| match wide(value) {
            Some(value) => out.push(self.of(value)),
            None => known = false,
        };
        if array.nulls().is_none() {
            array.values().iter().for_each(|value| add(*value));
        } else {
            array.iter().flatten().for_each(add);
        }
        known
    }

    #[inline]
    fn of(&mut self, value: i64) -> u32 {
        if self.last.0 == value && self.last.1 != EMPTY {
            return self.last.1;
        }
        let mut at = self.place(value);
        loop {
            let number = self.slots[at];
            if number == EMPTY {
                return self.add(value, at);
            }
            if self.values[number as usize] == value {
                self.last = (value, number);
                return number;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn place(&self, value: i64) -> usize {
        let mixed = value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> (64 - self.slots.len().trailing_zeros())).unwrap_or(0)
    }

    #[cold]
    fn add(&mut self, value: i64, at: usize) -> u32 {
        let number = u32::try_from(self.values.len()).unwrap_or(EMPTY);
        self.values.push(value);
        self.slots[at] = number;
        self.last = (value, number);
        if self.values.len() * 2 > self.slots.len() {
            self.slots = vec![EMPTY; self.slots.len() * 4];
            for (number, value) in (0..).zip(&self.values) {
                let mut at = self.place(*value);
                while self.slots[at] != EMPTY {
                    at = (at + 1) & (self.slots.len() - 1);
                }
                self.slots[at] = number;
            }
        }
        number
    }
}

/// Of texts.
pub(super) struct Texts {
    /// The texts as Parquet has them: each behind its length.
    pub(super) page: Vec<u8>,
    /// Where each begins and ends there.
    pub(super) spans: Vec<(u32, u32)>,
    table: HashTable<u32>,
    lately: Vec<u32>,
    state: RandomState,
}

impl Texts {
    pub(super) fn new() -> Self {
        let state = RandomState::with_seeds(1, 2, 3, 4);
        Self { page: Vec::new(), spans: Vec::new(), table: HashTable::new(), lately: vec![EMPTY; LATELY], state }
    }

    pub(super) fn number(&mut self, array: &StringArray, out: &mut Vec<u32>) {
        if array.nulls().is_none() {
            let (ends, bytes) = (array.value_offsets(), array.value_data());
            for pair in ends.windows(2) {
                let &[from, to] = pair else { continue };
                let place = |end: i32| usize::try_from(end).unwrap_or(0);
                out.push(self.of(&bytes[place(from)..place(to)]));
            }
        } else {
            out.extend(array.iter().flatten().map(|text| self.of(text.as_bytes())));
        }
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        text(&self.page, &self.spans, number)
    }

    #[inline]
    fn of(&mut self, value: &[u8]) -> u32 {
        let at = lately(value);
        let number = self.lately[at];
        if number != EMPTY && self.text(number) == value {
            return number;
        }
        let number = self.find(value);
        self.lately[at] = number;
        number
    }

    fn find(&mut self, value: &[u8]) -> u32 {
        let Self { page, spans, table, state, .. } = self;
        let hash = state.hash_one(value);
        let same = |number: &u32| text(page, spans, *number) == value;
        if let Some(number) = table.find(hash, same) {
            return *number;
        }
        let number = u32::try_from(spans.len()).unwrap_or(EMPTY);
        let (start, length) = (page.len() + 4, u32::try_from(value.len()).unwrap_or(0));
        page.extend_from_slice(&length.to_le_bytes());
        page.extend_from_slice(value);
        let start = u32::try_from(start).unwrap_or(0);
        spans.push((start, start + length));
        table.insert_unique(hash, number, |number| state.hash_one(text(page, spans, *number)));
        number
    }
}

fn text<'a>(page: &'a [u8], spans: &[(u32, u32)], number: u32) -> &'a [u8] {
    let (from, to) = spans[number as usize];
    &page[from as usize..to as usize]
}

/// Where a text that came lately would be noted: by its length, its first and its last letters.
#[inline]
fn lately(value: &[u8]) -> usize {
    let (first, last) = match (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        (Some(first), Some(last)) => (u32::from_le_bytes(*first), u32::from_le_bytes(*last)),
        _ => (value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)), 0),
    };
    let mixed = (u64::from(first) << 32 | u64::from(last)) ^ (value.len() as u64) << 24;
    usize::try_from(mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).unwrap_or(0)
}
