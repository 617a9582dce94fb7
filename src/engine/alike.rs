//! Rows of one frame that have the same key, found column by column: of many rows only the first of each group needs a
//! key that stands for it among all rows (`key`). Exact, and alike is what is alike there: nulls are, too.

use crate::engine::key::{STATE, numbers};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::NullBuffer;
use hashbrown::HashTable;

/// Numbers that lie so close, and combinations of columns that are so few, are counted through and not hashed.
const PLACES: usize = 1 << 16;

/// How many texts are remembered as the latest.
const LATE: usize = 128;

/// The groups of a frame's rows.
pub(crate) struct Alike {
    /// The first row of each group, in the order of the rows.
    pub(crate) first: Vec<u32>,
    /// The group of each row.
    pub(crate) group: Vec<u32>,
}

impl Alike {
    /// Nothing where that saves little, or where only whole keys can be compared.
    pub(crate) fn of(columns: &[ArrayRef], rows: usize) -> Option<Self> {
        let mut place = vec![0_u32; rows];
        let mut places = 1;
        for column in columns {
            let own = match column.as_string_opt::<i32>() {
                Some(texts) => of_texts(texts, rows / 2)?,
                None => numbers(column).and_then(|(values, nulls)| of_numbers(&values, nulls.as_ref()))?,
            };
            if own.first.len() * places > PLACES {
                let known = counted(&place, places)?;
                (place, places) = (known.group, known.first.len());
            }
            let width = u32::try_from(own.first.len()).ok()?;
            place.iter_mut().zip(&own.group).for_each(|(place, group)| *place = *place * width + group);
            places *= own.first.len();
            if places > PLACES {
                return None;
            }
        }
        let all = counted(&place, places)?;
        (all.first.len() <= rows / 2).then_some(all)
    }
}

fn counted(place: &[u32], places: usize) -> Option<Alike> {
    let mut counted = Counted::new(places);
    let group = (0..).zip(place).map(|(row, place)| counted.group(*place as usize, row));
    let group = group.collect::<Option<_>>()?;
    Some(Alike { first: counted.first, group })
}

/// Groups by their place in a row of places.
struct Counted {
    /// One more than the group that has the place; 0 is none.
    places: Vec<u32>,
    first: Vec<u32>,
}

impl Counted {
    fn new(places: usize) -> Self {
        Self { places: vec![0; places], first: Vec::new() }
    }

    fn group(&mut self, place: usize, row: u32) -> Option<u32> {
        let group = self.places.get_mut(place)?;
        if *group == 0 {
            self.first.push(row);
            *group = u32::try_from(self.first.len()).ok()?;
        }
        Some(*group - 1)
    }
}

fn of_numbers(values: &[i64], nulls: Option<&NullBuffer>) -> Option<Alike> {
    let smallest = values.iter().min().copied().unwrap_or(0);
    let span = values.iter().max().copied().unwrap_or(0).checked_sub(smallest)?;
    let span = usize::try_from(span).ok().filter(|span| *span < PLACES)?;
    // The last place is that of the nulls.
    let mut counted = Counted::new(span + 2);
    let mut group = Vec::with_capacity(values.len());
    for (row, value) in (0_u32..).zip(values) {
        let null = nulls.is_some_and(|nulls| nulls.is_null(row as usize));
        let place = if null { span + 1 } else { usize::try_from(value - smallest).ok()? };
        group.push(counted.group(place, row)?);
    }
    Some(Alike { first: counted.first, group })
}

/// A text up to 16 bytes as a number and its length; of others the hash and the length.
fn mark(text: &[u8]) -> (u64, u64, usize) {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let half = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    match text.len() {
        8..=16 => (word(text.first_chunk()), word(text.last_chunk()), text.len()),
        4..8 => (half(text.first_chunk()), half(text.last_chunk()), text.len()),
        17.. => (STATE.hash_one(text), 0, text.len()),
        _ => (text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0, text.len()),
    }
}

fn late_slot((start, end, len): (u64, u64, usize)) -> usize {
    let mixed = (start ^ end.rotate_left(23) ^ len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or(0) % LATE
}

fn of_texts(texts: &StringArray, most: usize) -> Option<Alike> {
    let (offsets, values) = (texts.value_offsets(), texts.value_data());
    let text = |row: usize| {
        let (from, to) = (offsets.get(row).copied()?, offsets.get(row + 1).copied()?);
        values.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    };
    let mut known: HashTable<((u64, u64, usize), u32)> = HashTable::new();
    // Texts that came lately are not looked for again.
    let mut late = [((0, 0, usize::MAX), 0); LATE];
    let mut null = None;
    let mut first: Vec<u32> = Vec::new();
    let mut group = Vec::with_capacity(texts.len());
    for (row, at) in (0_u32..).zip(0..texts.len()) {
        let next = u32::try_from(first.len()).ok()?;
        let of = if texts.is_null(at) {
            *null.get_or_insert(next)
        } else {
            let own = text(at)?;
            let mark = mark(own);
            let same = |group: u32| {
                own.len() <= 16 || first.get(group as usize).and_then(|row| text(*row as usize)) == Some(own)
            };
            let slot = late.get_mut(late_slot(mark))?;
            if slot.0 != mark || !same(slot.1) {
                let hash = STATE.hash_one(mark);
                let found = known.find(hash, |(other, group)| *other == mark && same(*group)).map(|(_, group)| *group);
                if found.is_none() {
                    known.insert_unique(hash, (mark, next), |(mark, _)| STATE.hash_one(mark));
                }
                *slot = (mark, found.unwrap_or(next));
            }
            slot.1
        };
        if of == next {
            first.push(row);
            if first.len() > most {
                return None;
            }
        }
        group.push(of);
    }
    Some(Alike { first, group })
}
