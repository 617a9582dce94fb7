//! Keys that were seen, and the row that had each first.
//!
//! Keys that come in order, as a table gives them along its primary key, make a run: each costs a comparison and the few
//! bytes that it does not share with the one before. Only what comes out of order is hashed and held whole.

use super::key::{Keys, Table};
use windvane_core::error::Result;

/// Keys of a run between two that are written whole, from which a search starts.
const BLOCK: usize = 64;

#[derive(Default)]
pub(crate) struct Seen {
    run: Run,
    strays: Table,
    /// The rows of the strays, by their keys' numbers.
    firsts: Vec<u64>,
}

impl Seen {
    /// The number of the row that had this key before; otherwise it is this row's from now on.
    pub(crate) fn before(&mut self, keys: &Keys, row: usize, number: u64) -> Result<Option<u64>> {
        let mut room = [0; 8];
        // No stray is beyond the run's end, but for long ones, which the run never takes.
        if let Some(bytes) = keys.in_order(row, &mut room) {
            if self.run.push(bytes, number) {
                return Ok(None);
            }
            if let Some(first) = self.run.find(bytes) {
                return Ok(Some(first));
            }
        }
        let (key, new) = self.strays.intern(keys, row)?;
        if new {
            self.firsts.push(number);
            return Ok(None);
        }
        Ok(self.firsts.get(key as usize).copied())
    }
}

/// Keys, each greater than the one before.
#[derive(Default)]
struct Run {
    /// Of each key: how many bytes it shares with the one before, how many follow, and those.
    bytes: Vec<u8>,
    /// Where each block starts.
    blocks: Vec<usize>,
    len: usize,
    last: Vec<u8>,
    /// The rows of the keys: from a key's place on they count up from a number.
    rows: Vec<(usize, u64)>,
}

impl Run {
    /// Adds a key that is greater than the last one and short; otherwise false.
    fn push(&mut self, key: &[u8], row: u64) -> bool {
        let alike = self.last.iter().zip(key).take_while(|(last, key)| last == key).count();
        let greater = self.len == 0 || self.last.get(alike) < key.get(alike);
        let Some(length) = u8::try_from(key.len()).ok().filter(|_| greater) else { return false };
        let mut shared = u8::try_from(alike).unwrap_or(length);
        if self.len.is_multiple_of(BLOCK) {
            shared = 0;
            self.blocks.push(self.bytes.len());
        }
        self.bytes.extend([shared, length - shared]);
        self.bytes.extend_from_slice(&key[usize::from(shared)..]);
        self.last.truncate(alike);
        self.last.extend_from_slice(&key[alike..]);
        if self.rows.last().is_none_or(|(place, first)| first + (self.len - place) as u64 != row) {
            self.rows.push((self.len, row));
        }
        self.len += 1;
        true
    }

    /// The row of a key.
    fn find(&self, key: &[u8]) -> Option<u64> {
        if self.last.as_slice() < key {
            return None;
        }
        let starts = |block: &usize| self.entry(*block).is_some_and(|(_, first, _)| first <= key);
        let block = self.blocks.partition_point(starts).checked_sub(1)?;
        let mut at = *self.blocks.get(block)?;
        let mut known = Vec::with_capacity(key.len());
        for place in (block * BLOCK..self.len).take(BLOCK) {
            let (shared, rest, next) = self.entry(at)?;
            known.truncate(shared);
            known.extend_from_slice(rest);
            if known == key {
                return self.row(place);
            }
            at = next;
        }
        None
    }

    /// What a key shares with the one before, its other bytes, and where the next one is.
    fn entry(&self, at: usize) -> Option<(usize, &[u8], usize)> {
        let (&[shared, length], rest) = self.bytes.get(at..)?.split_first_chunk()?;
        let length = usize::from(length);
        Some((usize::from(shared), rest.get(..length)?, at + 2 + length))
    }

    fn row(&self, place: usize) -> Option<u64> {
        let stretch = self.rows.partition_point(|(start, _)| *start <= place).checked_sub(1)?;
        self.rows.get(stretch).map(|(start, first)| first + (place - start) as u64)
    }
}
